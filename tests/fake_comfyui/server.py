"""The fake over HTTP and web sockets, and how tests run it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fake_comfyui.machine import Machine
from tests.fake_comfyui.service import JSON, Service, given
from tests.fake_tripo.server import _send
from tests.fake_tripo.service import Reply

TICK_S = 0.01


class FakeComfy:
    """An ASGI application around the service; `machine` has its books, `plan` what goes wrong next."""

    def __init__(self, *, clock_s: Callable[[], float] = time.time, step_s: float = 0.01, node_s: float = 0.1) -> None:
        self.service = Service(clock_s=clock_s, step_s=step_s, node_s=node_s)
        self.plan = self.service.plan
        self.refuses_sockets = False

    @property
    def machine(self) -> Machine:
        return self.service.machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"].startswith("/__fake__/"):
            await _send(send, self._told(scope["path"], body))
            return
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        await _send(send, self.service.answer(scope["method"], scope["path"], query, headers, body, ""))

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Events of the jobs of one client; the newest socket of a name takes over, and nothing is replayed."""
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        token = self.service.token
        await receive()
        if (
            self.refuses_sockets
            or "origin" in headers
            or (token is not None and headers.get(token[0].lower()) != token[1])
        ):
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        client = dict(parse_qsl(scope["query_string"].decode())).get("clientId", "")
        mine: list[dict[str, Any]] = [{"type": "status", "data": {"sid": client}}]
        self.service.machine.sockets[client] = mine
        gone = asyncio.ensure_future(receive())
        while self.service.machine.sockets.get(client) is mine and not gone.done():
            self.service.settle()
            with self.service.lock:
                waiting, mine[:] = list(mine), []
            for event in waiting:
                await send({"type": "websocket.send", "text": json.dumps(event)})
                await send({"type": "websocket.send", "bytes": b"\0\0\0\1preview"})
            await asyncio.sleep(TICK_S)
        if not gone.done():
            gone.cancel()
            await send({"type": "websocket.close", "code": 1001})

    def _told(self, path: str, body: bytes) -> Reply:
        """For other processes: arm a fault, restart, or read the books."""
        asked = json.loads(body or b"{}")
        if path == "/__fake__/arm":
            self.plan.arm(asked["route"], asked["kind"], times=asked.get("times", 1), **asked.get("more", {}))
        if path == "/__fake__/restart":
            with self.service.lock:
                self.machine.restart(half=asked.get("half", False))
        runs = [{"id": run.id, "status": run.status, "executed": run.executed} for run in self.machine.runs]
        return (
            given({"runs": runs, "posts": self.machine.posts}) if path == "/__fake__/books" else Reply(204, b"", JSON)
        )


class Switch:
    """One server for many tests: each puts its own fake behind the same address."""

    def __init__(self) -> None:
        self.fake = FakeComfy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.fake(scope, receive, send)


@contextmanager
def running(fake: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serve on loopback in a thread; gives the address."""
    config = uvicorn.Config(
        fake,
        host="127.0.0.1",
        port=port,
        log_level="critical",
        lifespan="off",
        ws="websockets-sansio",
        date_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    pause = threading.Event()
    while not server.started:
        pause.wait(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)
