"""The PictureSandbox port: a few waiting processes, each of which forks a worker for every picture."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.domain.errors import PictureRefused, SandboxFailed
from core.domain.picture import Picture
from core.sandbox.warm_child import Answer, ChildDied, WarmChild

log = logging.getLogger(__name__)
MEMORY_BYTES = 2 * 1024**3  # address space; the heaviest picture of 64 megapixels needs two thirds
PROCESSOR_S = 30  # the slowest takes 6
LIMIT_S = 60.0  # on the clock
AT_ONCE = 2  # pictures never wait behind models, which have a child of their own
PATIENCE_S = 60.0  # for a place
MOST_WAITING = 24  # each holds a thread of the server, and its picture; more are told to come again
MOST_DEATHS = 2  # of the processes that one picture may cost: the first may have been ended by somebody else
TOO_SLOW = 128 + signal.SIGXCPU


class PictureChildren:
    """See core.ports.picture_sandbox.

    Args:
        environment: all that the processes get to see of it.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        memory_bytes: int = MEMORY_BYTES,
        processor_s: int = PROCESSOR_S,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._environment = dict(environment)
        self._arguments = [str(memory_bytes), str(processor_s)]
        self._limit_s = limit_s
        self._places = threading.Semaphore(AT_ONCE)
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._lock = threading.Lock()
        self._idle: list[WarmChild] = []
        self._working: set[WarmChild] = set()
        self._is_closed = False

    def prepare(self, data: bytes, *, max_bytes: int) -> Picture:
        answer = self._asked({"do": "prepare", "max_bytes": max_bytes}, data)
        return Picture(data=answer.data, **answer.message)

    def preview(self, data: bytes, *, max_bytes: int, side_px: int) -> bytes:
        return self._asked({"do": "preview", "max_bytes": max_bytes, "side_px": side_px}, data).data

    def thumbnail(self, data: bytes, *, side_px: int) -> bytes:
        return self._asked({"do": "thumbnail", "side_px": side_px}, data).data

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            children = [*self._idle, *self._working]
            self._idle.clear()
        for child in children:
            child.end()

    def _asked(self, order: dict[str, Any], data: bytes) -> Answer:
        with self._place():
            answer = self._answered(order, data)
        if "refused" in answer.message:
            raise PictureRefused(answer.message["refused"], code=answer.message["code"])
        if "fault" in answer.message:
            log.error("a fault of ours while a picture was decoded: %s", answer.message["fault"])
            raise SandboxFailed("The picture could not be worked on; the reason is in the server's log.")
        return answer

    @contextmanager
    def _place(self) -> Iterator[None]:
        busy = "Many pictures are being worked on at this moment. Try again in a minute."
        if not self._waiting.acquire(blocking=False):
            raise SandboxFailed(busy)
        try:
            if not self._places.acquire(timeout=PATIENCE_S):
                raise SandboxFailed(busy)
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._waiting.release()

    def _answered(self, order: dict[str, Any], data: bytes) -> Answer:
        """What a process says. Raises: PictureRefused when it died of the picture; SandboxFailed."""
        for _ in range(MOST_DEATHS):
            with self._child() as child:
                try:
                    return child.ask(order, data, limit_s=self._limit_s)
                except ChildDied as exc:
                    log.warning("a process that decoded a picture of %s bytes ended: %s", len(data), exc)
                    if exc.is_late:
                        raise SandboxFailed(
                            f"The picture took more than {self._limit_s:.0f} s, for the server is very busy. Try again "
                            "in a minute, or use a smaller picture."
                        ) from exc
                    if exc.code == TOO_SLOW:
                        break
        raise PictureRefused(
            "The picture takes more time or memory than is allowed here. Use a smaller one.", code="too_heavy"
        )

    @contextmanager
    def _child(self) -> Iterator[WarmChild]:
        """A process that nobody else uses; kept for the next picture if it still lives. Raises: SandboxFailed."""
        with self._lock:
            if self._is_closed:
                raise SandboxFailed("The server is being stopped. Try again in a moment.")
            child = self._idle.pop() if self._idle else self._started()
            self._working.add(child)
        try:
            yield child
        finally:
            with self._lock:
                self._working.discard(child)
                is_kept = child.is_alive and not self._is_closed
                if is_kept:
                    self._idle.append(child)
            if not is_kept:
                child.end()

    def _started(self) -> WarmChild:
        try:
            return WarmChild("core.sandbox.picture_child", self._arguments, environment=self._environment)
        except OSError as exc:
            log.exception("no process could be started to decode a picture")
            raise SandboxFailed("The picture cannot be worked on now. Try again in a minute.") from exc
