"""The Socket.IO feed goes on, whatever happens to one look at the table or one listener."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest

from core.bootstrap import Services
from core.domain.errors import StoreUnavailable
from core.web import sockets
from core.web.sockets import JobFeed
from tests.builders import new_job
from tests.web.conftest import Site

EMPTY: dict[str, Any] = {}


@pytest.mark.parametrize("fault", [KeyError("a row of another version"), StoreUnavailable("The table is away.")])
@pytest.mark.parametrize("where", ["changed_since", "last_change"])
def test_the_feed_goes_on_after_a_fault_of_any_kind(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str, fault: Exception
) -> None:
    monkeypatch.setattr(sockets, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(logging.getLogger("core"), "propagate", True)
    feed, jobs = JobFeed(), site.services.jobs
    healthy, failures = getattr(jobs, where), iter([fault] * 3)

    def sometimes(*args: Any, **more: Any) -> Any:
        for each in failures:
            raise each
        return healthy(*args, **more)

    monkeypatch.setattr(type(jobs), where, lambda self, *args, **more: sometimes(*args, **more))

    assert asyncio.run(first_news(feed, site, monkeypatch)) == {
        "record_id": 1,
        "status": "running",
        "stage": "queued",
        "progress": 0,
    }
    assert [line.levelname for line in caplog.records if line.name == sockets.__name__] == (
        ["ERROR"] if isinstance(fault, KeyError) else []  # one that stays the same is told once
    )


async def first_news(feed: JobFeed, site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the first listener hears of a job that is added once the feed looks."""
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def emit(event: str, told: dict[str, Any]) -> None:
        await heard.put(told)

    looked, look = asyncio.Event(), feed._look

    async def noted(services: Services) -> None:
        await look(services)
        looked.set()

    monkeypatch.setattr(feed, "_look", noted)
    monkeypatch.setattr(feed._server, "emit", emit)
    feed._connected("listener", EMPTY)
    telling = asyncio.create_task(feed.run(site.services))
    try:
        await before_it_ends(telling, looked.wait())
        site.services.jobs.add(new_job())
        return await before_it_ends(telling, heard.get())
    finally:
        telling.cancel()


async def before_it_ends(telling: asyncio.Task[None], awaited: Coroutine[Any, Any, Any]) -> Any:
    """What is awaited; fails when the feed ends first."""
    waiting = asyncio.create_task(awaited)
    await asyncio.wait({waiting, telling}, return_when=asyncio.FIRST_COMPLETED)
    assert not telling.done(), telling.exception()
    return waiting.result()
