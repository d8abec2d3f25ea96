"""What `app.py` hands to Streamlit: our routes, and what starts and stops with the server."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from core import __version__, vendor
from core.bootstrap import get_services, reset_services
from core.domain.errors import MaquetteError
from core.privacy import close_folder, open_secrets, write_for_us_alone
from core.settings import ENV_FILE, SECRETS_FILE, load_settings
from core.web import (
    conversions_api,
    decisions_api,
    described,
    files_api,
    health_api,
    jobs_api,
    models_api,
    problems,
    webhooks_api,
)
from core.web.limits import BodyLimit, SameOrigin
from core.web.sockets import JobFeed

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 41 * 1024 * 1024  # the two largest pictures, and a little for the rest of the form
SWAGGER = "/assets/swagger-ui"


def make_api() -> FastAPI:
    """The REST API, to be mounted at /api."""
    api = FastAPI(
        title="Maquette",
        version=__version__,
        summary="Pictures become 3D models.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        middleware=[Middleware(SameOrigin), Middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)],
    )
    problems.install(api)
    api.include_router(jobs_api.router)
    api.include_router(health_api.router)
    api.include_router(files_api.router)
    api.include_router(models_api.router)
    api.include_router(conversions_api.router)
    api.include_router(decisions_api.router)
    api.include_router(webhooks_api.router)

    described.install(api)

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


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """The scheduler starts and stops with the server, whether or not a browser is open."""
    services = await run_in_threadpool(get_services)
    services.start()
    log.info("Maquette %s: %s", __version__, services.overview.engine)
    telling = asyncio.create_task(feed.run(services))
    try:
        yield
    finally:
        telling.cancel()
        has_ended = await run_in_threadpool(services.stop)
        reset_services()
        if not has_ended:
            log.warning("A call was still waiting for its answer; the next start goes on from what is written.")
            logging.shutdown()
            os._exit(0)  # its thread would hold the process for as long as the vendor pleases


def check_start() -> None:
    """End the program with one sentence when it cannot run: a wrong setting, a missing file, an unusable folder."""
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
        for warning in close_folder(load_settings().data_dir):
            log.warning(warning)
        get_services()
    except MaquetteError as exc:
        _refuse(exc.message)


def _start_log() -> None:
    """Our own lines go to standard error. Libraries stay at warnings: httpx would log signed addresses."""
    ours = logging.getLogger("core")
    if not ours.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        ours.propagate = False


def _refuse(sentence: str) -> None:
    print(f"\nMaquette cannot start. {sentence}\n", file=sys.stderr, flush=True)  # noqa: T201  (for whoever started it)
    raise SystemExit(2)
