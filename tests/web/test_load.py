"""Many callers who wait for slow work hold up nobody else."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from anyio import to_thread

from core.domain.errors import ExportFailed, SandboxFailed
from core.domain.export import ExportFacts, ExportOrder
from core.domain.job import Job
from core.mesh.shape import measure
from core.ports.model_sandbox import Inspection
from core.services import made_once
from core.web import submitting, waiting
from core.web.jobs_api import services_at_hand
from core.web.server import make_api
from tests import pictures
from tests.mesh.models import ball, glb_of, textured
from tests.picture_sandbox import PicturesHere
from tests.web.conftest import Site

PATIENCE_S = 20.0
MODEL = glb_of(textured(ball(2)))
Act = Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]


@dataclass
class SlowSandbox:
    """Begins what it is asked and ends nothing before it may."""

    begun: list[str] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)

    def _work(self, what: str) -> None:
        self.begun.append(what)
        assert self.may_end.wait(PATIENCE_S)

    def look(self, model: bytes) -> Inspection:
        self._work("look")
        return Inspection(thumbnail=b"\x89PNG it", shape=measure(ball(2).vertices, ball(2).faces))

    def turntable(self, model: bytes) -> bytes:
        self._work("turntable")
        return b"RIFF webp"

    def export(self, model: bytes, order: ExportOrder, *, name: str) -> tuple[bytes, ExportFacts]:
        self._work(f"export {order.format.value}")
        return b"made", ExportFacts(size_bytes=1, face_count=1, is_watertight=True, extents=(1, 1, 1))

    def close(self) -> None:
        self.may_end.set()


@pytest.fixture
def sandbox() -> SlowSandbox:
    return SlowSandbox()


@pytest.fixture
def slow(site: Site, sandbox: SlowSandbox) -> Site:
    """The same site with the slow sandbox."""
    return replace(site, services=replace(site.services, inspect=replace(site.services.inspect, sandbox=sandbox)))


@pytest.fixture
def job(slow: Site) -> Job:
    picture = {"image": ("a.png", pictures.cat())}
    answer = slow.client.post("/api/generate-3d", files=picture, data={"targetObject": "Cat"})
    return slow.finish(answer.json()["record_id"], MODEL)


def run(site: Site, act: Act) -> None:
    """In one event loop, as a server does it."""
    api = make_api()

    async def services() -> Any:
        return site.services

    api.dependency_overrides = {services_at_hand: services}

    async def inside() -> None:
        transport = httpx.ASGITransport(app=api)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=PATIENCE_S) as client:
            await act(client)

    asyncio.run(inside())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def answered(request: Awaitable[httpx.Response]) -> httpx.Response:
    return await asyncio.wait_for(request, PATIENCE_S)


PATHS = {
    "report": "report?wait=true",
    "thumbnail": "thumbnail.png",
    "turntable": "turntable.webp",
    "export": "export?format=stl",
}


@pytest.mark.parametrize("what", PATHS)
def test_health_and_jobs_answer_while_sixty_callers_wait(what: str, slow: Site, sandbox: SlowSandbox, job: Job) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        calls = [asyncio.create_task(client.get(f"/jobs/{job.id}/{PATHS[what]}")) for _ in range(60)]
        await until(lambda: bool(sandbox.begun))
        health = await answered(client.get("/health"))
        status = await answered(client.get(f"/status/{job.id}"))
        assert (health.status_code, status.status_code) == (200, 200)
        assert not any(call.done() for call in calls)

        sandbox.may_end.set()
        answers = [await answered(call) for call in calls]
        assert [answer.status_code for answer in answers] == [200] * 60
        assert len({answer.content for answer in answers}) == 1
        assert len(sandbox.begun) == 1, "made once for all of them"

    run(slow, act)


def test_pictures_of_the_list_hold_up_nothing_else(slow: Site, job: Job) -> None:
    begun, may_end = threading.Event(), threading.Event()

    class SlowPictures(PicturesHere):
        def thumbnail(self, data: bytes, *, side_px: int) -> bytes:
            begun.set()
            assert may_end.wait(PATIENCE_S)
            return b"small"

    slow.services = replace(slow.services, previews=replace(slow.services.previews, sandbox=SlowPictures()))

    async def act(client: httpx.AsyncClient) -> None:
        calls = [asyncio.create_task(client.get(f"/jobs/{job.id}/image?size=96")) for _ in range(60)]
        await until(begun.is_set)
        assert (await answered(client.get(f"/status/{job.id}"))).status_code == 200
        may_end.set()
        assert {(await answered(call)).content for call in calls} == {b"small"}

    run(slow, act)


def test_those_who_wait_are_counted_and_more_are_told_to_come_again(
    slow: Site, sandbox: SlowSandbox, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WAITING", waiting.Places(3))

    async def act(client: httpx.AsyncClient) -> None:
        calls = [asyncio.create_task(client.get(f"/jobs/{job.id}/report?wait=true")) for _ in range(3)]
        await until(lambda: waiting.WAITING.is_full)
        refused = await answered(client.get(f"/jobs/{job.id}/{PATHS['export']}"))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert "ask again" in refused.json()["error"]

        sandbox.may_end.set()
        assert {(await answered(call)).status_code for call in calls} == {200}
        assert (await answered(client.get(f"/jobs/{job.id}/report?wait=true"))).status_code == 200

    run(slow, act)


def test_a_job_is_answered_for_at_once_when_too_many_wait(slow: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "WAITING", waiting.Places(1))

    async def act(client: httpx.AsyncClient) -> None:
        with submitting.WAITING.some():
            answer = await answered(
                client.post(
                    "/generate-3d",
                    files={"image": ("a.png", pictures.cat())},
                    data={"targetObject": "Cat"},
                    headers={"Prefer": "wait=600"},
                )
            )
        assert (answer.status_code, answer.json()["status"]) == (202, "running")
        assert "preference-applied" not in answer.headers

    run(slow, act)


def test_as_many_files_at_once_as_there_are_places_and_no_more(slow: Site, sandbox: SlowSandbox, job: Job) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        paths = [f"/jobs/{job.id}/export?format=stl&heightMm={50 + number}" for number in range(made_once.MOST + 3)]
        calls = [asyncio.create_task(client.get(path)) for path in paths]
        await until(lambda: sum(call.done() for call in calls) == 3)
        refused = [call.result() for call in calls if call.done()]
        assert [(answer.status_code, answer.headers["retry-after"]) for answer in refused] == [(503, "10")] * 3

        sandbox.may_end.set()
        answers = [await answered(call) for call in calls]
        assert sorted(answer.status_code for answer in answers) == [200] * made_once.MOST + [503] * 3

    run(slow, act)


def test_a_file_that_takes_too_long_is_made_all_the_same_and_told_of(
    slow: Site, sandbox: SlowSandbox, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "EXPORT_PATIENCE_S", 0.05)

    async def act(client: httpx.AsyncClient) -> None:
        path = f"/jobs/{job.id}/{PATHS['export']}"
        early = await answered(client.get(path))
        assert (early.status_code, "still being made" in early.json()["error"]) == (503, True)

        sandbox.may_end.set()
        exports = slow.services.settings.data_dir / "exports"
        await until(lambda: any(exports.rglob("*.stl")))
        assert (await answered(client.get(path))).content == b"made"
        assert len(sandbox.begun) == 1

    run(slow, act)


def test_a_caller_who_goes_away_ends_nobody_elses_work(slow: Site, sandbox: SlowSandbox, job: Job) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        first, second = (asyncio.create_task(client.get(f"/jobs/{job.id}/{PATHS['export']}")) for _ in range(2))
        await until(lambda: bool(sandbox.begun))
        first.cancel()
        sandbox.may_end.set()
        assert (await answered(second)).content == b"made"

    run(slow, act)


def test_health_needs_no_thread_of_the_common_pool(slow: Site) -> None:
    async def act(client: httpx.AsyncClient) -> None:
        may_end, threads = threading.Event(), int(to_thread.current_default_thread_limiter().total_tokens)
        held = [asyncio.create_task(to_thread.run_sync(may_end.wait, PATIENCE_S)) for _ in range(threads)]
        await until(lambda: to_thread.current_default_thread_limiter().available_tokens == 0)
        try:
            assert (await answered(client.get("/health"))).status_code == 200
        finally:
            may_end.set()
            await asyncio.gather(*held)

    run(slow, act)


def test_a_file_that_cannot_be_made_is_told_to_all_who_wait_and_not_to_the_log(
    slow: Site, sandbox: SlowSandbox, job: Job, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(model: bytes, order: ExportOrder, *, name: str) -> tuple[bytes, ExportFacts]:
        sandbox.begun.append("export")
        assert sandbox.may_end.wait(PATIENCE_S)
        raise ExportFailed("It has no faces.")

    monkeypatch.setattr(sandbox, "export", fail)

    async def act(client: httpx.AsyncClient) -> None:
        calls = [asyncio.create_task(client.get(f"/jobs/{job.id}/{PATHS['export']}")) for _ in range(5)]
        await until(lambda: bool(sandbox.begun))
        sandbox.may_end.set()
        answers = [await answered(call) for call in calls]
        assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(422, "It has no faces.")}

    run(slow, act)
    gc.collect()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def test_what_needs_more_places_than_are_left_takes_none() -> None:
    places = waiting.Places(2)

    with places.some(1), pytest.raises(SandboxFailed), places.some(2):
        raise AssertionError("there was one place only")
    with places.some(2):
        assert places.is_full
    assert not places.is_full
