"""Wait for slow work without holding a thread that others need, and with a bound on how many wait."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

from core.domain.errors import SandboxFailed, StoreUnavailable
from core.domain.job import Job
from core.domain.status import Status
from core.services.overview import Overview

LOOK_EVERY_S = 0.5
PATIENCE_S = 60.0  # for a look at a model; a proxy gives up at about that time
EXPORT_PATIENCE_S = 180.0  # for a file that has to be made: its turn, and the minute that it may take
Result = TypeVar("Result")


class Places:
    """So many requests may wait at once; more are told to come again."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    @property
    def is_full(self) -> bool:
        if not self._free.acquire(blocking=False):
            return True
        self._free.release()
        return False

    @contextmanager
    def some(self, count: int = 1) -> Iterator[None]:
        """Raises: SandboxFailed, when there are not so many."""
        taken = 0
        try:
            while taken < count:
                if not self._free.acquire(blocking=False):
                    raise SandboxFailed(
                        "Too many requests wait at this moment. Nothing was lost: ask again in a minute."
                    )
                taken += 1
            yield
        finally:
            if taken:
                self._free.release(taken)


class Lane:
    """Threads of their own for one kind of work, so that it holds up nothing else.

    Args:
        most: requests that have or await a thread; more are told to come again.
    """

    def __init__(self, name: str, *, threads: int, most: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._places = Places(most)

    async def run(self, act: Callable[[], Result], *, places: int = 1) -> Result:
        """Raises: SandboxFailed, and whatever `act` raises."""
        with self._places.some(places):
            return await asyncio.wrap_future(self._pool.submit(act))


WAITING = Places(200)  # each costs a connection and a few kilobytes
FILES = Lane("files", threads=8, most=200)  # reads of finished models, which may lie across the network
ZIPS = Lane("zips", threads=2, most=4)  # each may take minutes and a gigabyte of the disk
THUMBNAILS = Lane("thumbnails", threads=4, most=400)  # the list of jobs asks for fifty at once, for each who looks
PICTURES = Lane("pictures", threads=8, most=64)  # pictures that are fetched and checked


async def wait_for(future: Future[Result] | None, *, patience_s: float) -> bool:
    """Whether the work was done in time, well or not; it goes on in any case. None: there is none.

    Raises: SandboxFailed, when too many wait.
    """
    if future is None or future.done():
        return True
    with WAITING.some():
        wrapped = asyncio.wrap_future(future)
        wrapped.add_done_callback(_seen)
        done, _ = await asyncio.wait([wrapped], timeout=patience_s)
    return bool(done)


def _seen(future: asyncio.Future[Any]) -> None:
    """How it ended is told to whoever needs it; asyncio would log an end that nobody looked at."""
    if not future.cancelled():
        future.exception()


async def result_of(future: Future[Result]) -> Result:
    """What was made. Raises: SandboxFailed, when it is not done in time or too many wait; as the work does."""
    if not await wait_for(future, patience_s=EXPORT_PATIENCE_S):
        raise SandboxFailed("This file is still being made. Ask for it again in a minute: what is made is kept.")
    return future.result()


async def wait_for_end(overview: Overview, job: Job, *, ends_s: float) -> Job:
    """The job as it is when it is no longer running, or when the monotonic clock reaches `ends_s`.

    Raises: SandboxFailed, when too many wait.
    """
    with WAITING.some():
        while job.status is Status.RUNNING and (left_s := ends_s - time.monotonic()) > 0:
            await asyncio.sleep(min(LOOK_EVERY_S, left_s))
            with suppress(StoreUnavailable):  # the order stands: whoever were told 503 might order again, and pay twice
                job = await run_in_threadpool(overview.job, job.id)
    return job
