"""What `app.py` hands to Streamlit: our routes, and what starts and stops with the server."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from core import __version__, vendor
from core.bootstrap import get_services, reset_services
from core.connected import known
from core.domain.errors import MaquetteError
from core.privacy import close_folder, open_secrets, write_for_us_alone
from core.settings import ENV_FILE, SECRETS_FILE, Settings, load_settings
from core.web import (
    any_kind_api,
    conversions_api,
    decisions_api,
    described,
    files_api,
    generators_api,
    health_api,
    jobs_api,
    models_api,
    problems,
    webhooks_api,
)
from core.web.access import bind_address, refusal_to_start, tell_streamlit
from core.web.body_limits import BodyLimits
from core.web.connections import Connections
from core.web.front_door import FrontDoor
from core.web.hosts import allowed_hosts
from core.web.job_schemas import job_schemas
from core.web.response_headers import ResponseHeaders
from core.web.sockets import JobFeed

log = logging.getLogger(__name__)
SWAGGER = "/assets/swagger-ui"


def make_api() -> FastAPI:
    """The REST API, to be mounted at /api, behind what `make_middleware` gives."""
    api = FastAPI(
        title="Maquette",
        version=__version__,
        summary="Pictures become 3D models.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=lambda route: route.name,
    )
    problems.install(api)
    api.include_router(jobs_api.router)
    api.include_router(any_kind_api.router)
    api.include_router(generators_api.router)
    api.include_router(health_api.router)
    api.include_router(files_api.router)
    api.include_router(models_api.router)
    api.include_router(conversions_api.router)
    api.include_router(decisions_api.router)
    api.include_router(webhooks_api.router)

    described.install(api, job_schemas())

    @api.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/api/openapi.json",
            title="Maquette API",
            swagger_js_url=f"{SWAGGER}/swagger-ui-bundle.js",
            swagger_css_url=f"{SWAGGER}/swagger-ui.css",
            swagger_favicon_url=f"{SWAGGER}/favicon-32x32.png",
        )

    return api


feed = JobFeed()


def make_routes() -> Sequence[BaseRoute]:
    """Everything that is not a page."""
    assets = [Mount(path, app=StaticFiles(directory=folder)) for path, folder in vendor.asset_folders().items()]
    return [Mount("/api", app=make_api()), Mount("/socket.io", app=feed.app), *assets]


def make_middleware(settings: Settings, *, bound_to: str) -> list[Middleware]:
    """What stands before every route and web socket, outermost first. `bound_to` is the address of the server."""
    hosts = allowed_hosts(settings.host_names, bind_address=bound_to)
    return [
        Middleware(ResponseHeaders),
        Middleware(FrontDoor, hosts=hosts, access=settings.access),
        Middleware(BodyLimits, picture_s=settings.body_timeout_s),
    ]


def open_doors(settings: Settings) -> list[Middleware]:
    """The middleware of the server that Streamlit is starting; Streamlit's own check gets the same names."""
    address = bind_address()
    tell_streamlit(allowed_hosts(settings.host_names, bind_address=address))
    return make_middleware(settings, bound_to=address)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """The scheduler starts and stops with the server, whether or not a browser is open."""
    connections = Connections()
    connections.attach(asyncio.get_running_loop())
    services = await run_in_threadpool(get_services)
    services.start()
    log.info("Maquette %s: %s", __version__, services.overview.engine)
    beside = [asyncio.create_task(feed.run(services)), asyncio.create_task(connections.run())]
    try:
        yield
    finally:
        for task in beside:
            task.cancel()
        has_ended = await run_in_threadpool(services.stop)
        reset_services()
        if not has_ended:
            log.warning("A call was still waiting for its answer; the next start goes on from what is written.")
            logging.shutdown()
            os._exit(0)  # its thread would hold the process for as long as the vendor pleases


def check_start() -> Settings:
    """End the program with one sentence when it cannot or should not run.

    A wrong setting, a missing file, an unusable folder, or an open port that nobody decided to open.
    """
    _start_log()
    write_for_us_alone()
    missing = vendor.missing("run")
    if missing:
        _refuse(
            f"Files that the browser needs are missing ({', '.join(missing)}). "
            "Run `make install`, or `python -m core.vendor run`."
        )
    for warning in open_secrets(ENV_FILE, SECRETS_FILE):
        log.warning(warning)
    try:
        settings = load_settings()
        unguarded = refusal_to_start(settings, bind_address())
        if unguarded is not None:
            _refuse(unguarded)
        for warning in close_folder(settings.data_dir, generators=[each.name for each in known()]):
            log.warning(warning)
        get_services()
    except MaquetteError as exc:
        _refuse(exc.message)
    return settings


def _start_log() -> None:
    """Our own lines go to standard error. Libraries stay at warnings: httpx would log signed addresses."""
    ours = logging.getLogger("core")
    if not ours.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        ours.propagate = False
    # a tick that outlasts its pause is normal; what is not, the scheduler tells itself
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _refuse(sentence: str) -> NoReturn:
    print(f"\nMaquette cannot start. {sentence}\n", file=sys.stderr, flush=True)  # noqa: T201  (for whoever started it)
    raise SystemExit(2)
