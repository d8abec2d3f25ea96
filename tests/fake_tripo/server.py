"""The fake over HTTP, and how tests run it."""

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

from tests.fake_tripo.ledger import Ledger
from tests.fake_tripo.service import JSON, PIECES, Reply, Service, as_json, sample_model

__all__ = ["FakeTripo", "running", "sample_model"]


class FakeTripo:
    """An ASGI application around the service; `ledger` is its books, `plan` what goes wrong next."""

    def __init__(self, *, clock_s: Callable[[], float] = time.time, task_s: float = 0.3) -> None:
        self.service = Service(clock_s=clock_s, task_s=task_s)
        self.plan = self.service.plan

    @property
    def ledger(self) -> Ledger:
        self.service.ledger.settle_delayed()
        return self.service.ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope["path"]
        if path.startswith("/__fake__/"):
            await _send(send, self._told(path, body))
            return
        query = dict(parse_qsl(scope["query_string"].decode()))
        base = f"http://{headers.get('host', '127.0.0.1')}"
        reply = self.service.answer(scope["method"], path, query, headers, body, base)
        await _send(send, reply)

    def _told(self, path: str, body: bytes) -> Reply:
        """For other processes: arm a fault, or read the books."""
        if path == "/__fake__/arm":
            asked = json.loads(body)
            self.plan.arm(asked["route"], asked["kind"], times=asked.get("times", 1), **asked.get("more", {}))
            return Reply(204, b"")
        books = self.ledger
        tasks = [
            {"id": task.id, "input": task.input, "status": books.status(task), "cost": books.cost(task)}
            for task in books.tasks.values()
        ]
        return Reply(200, as_json({"tasks": tasks, "requests": books.requests, "billed": books.billed}), JSON)


class Switch:
    """One server for many tests: each puts its own fake behind the same address."""

    def __init__(self) -> None:
        self.fake = FakeTripo()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.fake(scope, receive, send)


async def _send(send: Send, reply: Reply) -> None:
    if reply.hang_s:
        await asyncio.sleep(reply.hang_s)
    if reply.is_dropped and not reply.body:
        _drop(send)
        return
    headers = {"Content-Length": str(len(reply.body))} | dict(reply.headers)
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    if reply.trickle_s:
        step = -(-len(reply.body) // PIECES)
        for place in range(0, len(reply.body), step):
            await send({"type": "http.response.body", "body": reply.body[place : place + step], "more_body": True})
            await asyncio.sleep(reply.trickle_s)
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.body", "body": reply.body, "more_body": reply.is_dropped})
    if reply.is_dropped:
        _drop(send)


def _drop(send: Any) -> None:
    """End the TCP connection at once; uvicorn's send belongs to the object that has the transport."""
    send.__self__.transport.abort()


@contextmanager
def running(fake: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serve on loopback in a thread; gives the address."""
    server = uvicorn.Server(
        uvicorn.Config(
            fake, host="127.0.0.1", port=port, log_level="critical", lifespan="off", ws="none", date_header=False
        )
    )
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
