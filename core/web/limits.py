"""What is refused before a handler sees it: bodies that are too large, and requests sent by other web sites."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web.problems import problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyLimit:
    """Answers 413 to a request whose body is larger than `max_bytes`, declared or not."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = problem(
            413,
            f"The request is larger than {self._max_bytes // (1024 * 1024)} MB. Send a smaller picture.",
            headers={"Connection": "close"},
        )
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._max_bytes:
            await refusal(scope, receive, send)
            return
        seen, started, too_large = 0, False, False

        async def counted() -> Message:
            nonlocal seen, too_large
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                too_large = True
                return {"type": "http.disconnect"}
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if too_large and not started:
                return
            started = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except Exception:
            if not too_large or started:
                raise
        if too_large and not started:
            await refusal(scope, receive, send)


class SameOrigin:
    """Refuses writes that a page of another web site sends through a visitor's browser.

    Programs send no Origin header; our own pages send our own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != headers.get("host"):
                refusal = problem(403, "This request came from a page of another web site, so it was refused.")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
