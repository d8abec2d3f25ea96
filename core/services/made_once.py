"""Files that are made once: whoever asks for one that is being made waits for the same work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from core.domain.errors import SandboxFailed

Result = TypeVar("Result")
THREADS = 2  # one makes a file while another reads or stores its own
MOST = 12  # files at once, with those that wait for a thread; more are told to come again
STOPPED = "The server is being stopped. Try again in a moment."


class MadeOnce:
    """Work by key, on threads of its own; nobody's request holds a thread while it waits."""

    def __init__(self, *, threads: int = THREADS, most: int = MOST) -> None:
        self._pool = ThreadPoolExecutor(threads, "made once")
        self._most = most
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[None]] = {}

    def begin(self, key: str, make: Callable[[], None], result: Result) -> Future[Result]:
        """`result`, once the work under this key is done: that which is under way, or else this.

        Raises: SandboxFailed, for too much at once.
        """
        future: Future[Result] = Future()
        self._work(key, make).add_done_callback(lambda work: _hand_on(work, future, result))
        return future

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, key: str, make: Callable[[], None]) -> Future[None]:
        with self._lock:
            known = self._under_way.get(key)
            if known is not None:
                return known
            if len(self._under_way) >= self._most:
                raise SandboxFailed("Many files are being made at this moment. Try again in a minute.")
            try:
                work = self._pool.submit(make)
            except RuntimeError as exc:
                raise SandboxFailed(STOPPED) from exc
            self._under_way[key] = work
        work.add_done_callback(lambda _: self._forget(key))  # at once when it is done: never under the lock
        return work

    def _forget(self, key: str) -> None:
        with self._lock:
            self._under_way.pop(key, None)


def _hand_on(work: Future[None], future: Future[Result], result: Result) -> None:
    error = SandboxFailed(STOPPED) if work.cancelled() else work.exception()
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def done(result: Result) -> Future[Result]:
    """Of work that was done before."""
    future: Future[Result] = Future()
    future.set_result(result)
    return future
