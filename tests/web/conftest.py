"""The whole API on real services, with a fake generator and no scheduler: tests move jobs on by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from core.bootstrap import Services, build_services
from core.domain.errors import AddressRefused
from core.domain.job import Job
from core.fetch.fetcher import Fetched, PictureFetcher
from core.ports.picture_sandbox import PictureSandbox
from core.settings import Settings
from core.web.jobs_api import services_at_hand
from core.web.server import make_api, make_middleware
from tests import pictures
from tests.builders import EVERY_SLOT, intent, stored_model
from tests.fake_generator import glb
from tests.picture_sandbox import PicturesHere


class CannedFetcher(PictureFetcher):
    """Knows one address, and asks nobody."""

    def fetch(self, address: str) -> Fetched:
        if address != "https://example.com/image.png":
            raise AddressRefused("This address may not be fetched.")
        return Fetched(data=pictures.line_art(), name="image.png")


NAMED = {"allowed_hosts": "testserver"}  # what Starlette's client calls every server


@dataclass
class Site:
    """A client of the API, and the services behind it."""

    client: TestClient
    services: Services

    def finish(self, job_id: int, model: bytes | None = None, *, generator: str = "offline") -> Job:
        """Complete a queued job with a small model, or this one."""
        data = glb() if model is None else model
        sha256 = hashlib.sha256(data).hexdigest()
        jobs = self.services.jobs
        claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
        assert claimed.job.id == job_id
        account = self.services.account_of(generator)
        jobs.mark_submitting(claimed.claim, intent(account=account) if account else intent())
        jobs.bind_task(claimed.claim, f"task-{job_id}", poll_in_s=0)
        jobs.mark_saving(claimed.claim, credits_used=None)
        saving = jobs.claim_saving(owner="t", lease_s=60, generator=generator, limit=1)[0]
        key = f"models/{job_id}/cup.glb"
        self.services.objects.put(key, data, media_type="model/gltf-binary")
        return jobs.complete(saving.claim, stored_model(key=key, size_bytes=len(data), sha256=sha256))


@cache
def the_api(number: int) -> FastAPI:
    """Of a test's first site, second …; each is made once: its routes take as long to set up as a test."""
    return make_api()


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(fetcher: Any = None, sandbox: PictureSandbox | None = None, **settings: Any) -> Site:
        chosen = Settings(data_dir=tmp_path / "data", scheduler=False, _env_file=None, **NAMED | settings)
        services = build_services(chosen, pictures=sandbox or PicturesHere())
        services.jobs.beat(owner="t")
        if fetcher is not None:
            services = replace(services, fetcher=fetcher)
        api = the_api(len(made))

        async def at_hand() -> Services:
            return site.services

        api.dependency_overrides = {services_at_hand: at_hand}
        doors = make_middleware(chosen, bound_to="127.0.0.1")
        behind = Starlette(routes=[Mount("/api", app=api)], middleware=doors)
        client = TestClient(behind, base_url="http://testserver")
        site = Site(client=client, services=services)
        made.append(site)
        return site

    yield make
    for site in made:
        site.client.close()
        site.services.stop()


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
