"""Connections that ask for nothing are closed, so that they cannot use up the server's.

uvicorn waits for the end of a request's head for ever, and for any number of them: a thousand half-sent requests stay
open for as long as their sender likes. `attach` hooks into the one public place that all connections pass, the event
loop's `create_server`.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)
HEAD_S = 20.0  # for a request's head, and between two requests; nginx gives 60, a slow phone needs 2
SWEEP_S = 2.0
MOST = 2000  # a browser opens six, and one for each page's web socket
Factory = Callable[[], Any]


@dataclass(slots=True)
class _Watched:
    """One connection: since when it has been without a request, and the last request it had."""

    protocol: Any
    since_s: float
    last: Any = None


class _Refused(asyncio.Protocol):
    """The server is full: closed as it comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (what create_server makes)
        transport.abort()


class Connections:
    """All connections of one server.

    It reads two things of uvicorn's HTTP protocols, which are the same in all of them: `transport`, and `cycle`, the
    request that is being answered or was answered last.
    """

    def __init__(
        self, *, head_s: float = HEAD_S, most: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._head_s = head_s
        self._most = most_connections() if most is None else most
        self._now = now
        self._all: list[_Watched] = []

    def __len__(self) -> int:
        """How many are known; some may have ended since the last sweep."""
        return len(self._all)

    def at_work(self) -> int:
        """How many have a request that is being answered, or are web sockets."""
        return sum(not _is_closed(each) and not self._is_idle(each) for each in self._all)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on every server that this loop makes is watched. Call it before the server listens."""
        create_server = loop.create_server

        async def watched(protocol_factory: Factory, *args: Any, **options: Any) -> Any:
            return await create_server(self.watch(protocol_factory), *args, **options)

        loop.create_server = watched  # type: ignore[method-assign]

    def watch(self, factory: Factory) -> Factory:
        """The same factory, whose connections are known here."""

        def made(*args: Any, **options: Any) -> Any:
            if len(self._all) >= self._most and not self._has_room():
                return _Refused()
            protocol = factory(*args, **options)
            self._all.append(_Watched(protocol=protocol, since_s=self._now()))
            return protocol

        return made

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    def sweep(self) -> int:
        """Close what has been without a request for too long; how many were closed."""
        self._all = [each for each in self._all if not _is_closed(each)]
        now_s = self._now()
        late = [each for each in self._all if self._is_idle(each) and now_s - each.since_s > self._head_s]
        for each in late:
            each.protocol.transport.abort()
        if late:
            log.info("%d connections that asked for nothing were closed", len(late))
        return len(late)

    def _is_idle(self, each: _Watched) -> bool:
        """Whether no request is being answered; notes when the last one was seen."""
        transport, cycle = each.protocol.transport, each.protocol.cycle
        if transport is None or transport.get_protocol() is not each.protocol:
            return False  # not made yet, or a web socket by now
        if cycle is not each.last or (cycle is not None and not cycle.response_complete):
            each.last, each.since_s = cycle, self._now()
            return False
        return True

    def _has_room(self) -> bool:
        """Perhaps by closing the one that has been without a request for longest; False when all are at work."""
        self._all = [each for each in self._all if not _is_closed(each)]
        if len(self._all) < self._most:
            return True
        idle = [each for each in self._all if self._is_idle(each)]
        if not idle:
            return False
        oldest = min(idle, key=lambda each: each.since_s)
        oldest.protocol.transport.abort()
        self._all.remove(oldest)
        return True


def most_connections() -> int:
    """Half of the files that the process may open; the other half is for the job table, models and generators."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if allowed == resource.RLIM_INFINITY else min(MOST, allowed // 2)


def _is_closed(each: _Watched) -> bool:
    transport = each.protocol.transport
    return transport is not None and bool(transport.is_closing())
