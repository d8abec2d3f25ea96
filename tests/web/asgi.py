"""One call of an ASGI application, with every header and every piece of a body as the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN = {"host": "127.0.0.1:8501"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: the status of an answer, or of a web socket that was refused; 101 for one that was let in."""

    status: int
    headers: Headers
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


def call(
    app: ASGIApp,
    path: str = "/api/account",
    headers: dict[str, str] | Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    kind: str = "http",
    pieces: Iterable[bytes | None] = (b"",),
    **scope: Any,
) -> Answer:
    """`pieces` are those of the body; None is one that never comes."""
    given = headers.items() if isinstance(headers, dict) else headers
    request = {
        "type": kind,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http" if kind == "http" else "ws",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
        "server": ("127.0.0.1", 8501),
    }
    if kind == "http":
        request["method"] = method
    left = list(pieces)
    sent: list[Message] = []

    async def receive() -> Message:
        if kind == "websocket":
            return {"type": "websocket.connect"}
        if not left:
            return {"type": "http.disconnect"}
        piece = left.pop(0)
        if piece is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(_run(app, request | scope, receive, send))
    return _answer_of(sent)


async def _run(
    app: Callable[[Scope, Receive, Send], Awaitable[None]], scope: Scope, receive: Receive, send: Send
) -> None:
    await app(scope, receive, send)


def _answer_of(sent: list[Message]) -> Answer:
    if sent[0]["type"] in ("websocket.accept", "websocket.close"):
        return Answer(status=101 if sent[0]["type"] == "websocket.accept" else 403, headers=Headers({}), body=b"")
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(status=sent[0]["status"], headers=Headers(raw=sent[0].get("headers", [])), body=body)


def behind(doors: list[Middleware], app: ASGIApp) -> ASGIApp:
    """The application behind the middleware, outermost first, as the server has it."""
    for each in reversed(doors):
        app = each.cls(app, *each.args, **each.kwargs)
    return app


async def welcoming(scope: Scope, receive: Receive, send: Send) -> None:
    """Lets everything in that comes this far."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("in")(scope, receive, send)
