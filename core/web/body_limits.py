"""How large a request's body may be, how long it may take, and how many large ones may arrive at once.

64 kB for everything but the forms that bring pictures: a JSON body of 40 MB would cost a gigabyte to read.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable

from fastapi.responses import JSONResponse
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web.problems import problem

MB = 1024 * 1024
MOST_BYTES = 64 * 1024
MOST_PICTURE_BYTES = 41 * MB  # the two largest pictures, and a little for the rest of the form
MOST_VIEWS_BYTES = 82 * MB  # the four largest
MOST_S = 30.0
OLDER = "/api/generate-3d"  # takes pictures, too
LARGE_BYTES = MB
LARGE_AT_ONCE = 8  # places: one for each two pictures
RETRY_AFTER_S = 5
CHARSETS = frozenset({"utf-8", "ascii"})
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
CLOSE = {"Connection": "close"}


class BodyLimits:
    """Answers 413, 408, 415 or 503 instead of reading on."""

    def __init__(self, app: ASGIApp, *, picture_s: float, most_s: float = MOST_S) -> None:
        self._app = app
        self._picture_s = picture_s
        self._most_s = min(most_s, picture_s)
        self._large = 0  # bodies that are arriving now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or not _has_body(scope, headers):
            await self._app(scope, receive, send)
            return
        limit = most_bytes(scope, headers)
        has_pictures = limit > MOST_BYTES
        refused = _refused_at_once(headers, limit, scope["path"])
        places = _places(headers, limit) if refused is None and has_pictures else 0
        if places and self._large + places > LARGE_AT_ONCE:
            refused = _busy()
        if refused is not None:
            await refused(scope, receive, send)
            return
        patience_s = self._picture_s if has_pictures else self._most_s
        self._large += places
        path = scope["path"]
        body = _Body(receive, limit=limit, path=path, patience_s=patience_s, then=lambda: self._give_back(places))
        try:
            await body.guard(self._app, scope, send)
        finally:
            body.over()

    def _give_back(self, places: int) -> None:
        self._large -= places


class _Body:
    """One body on its way: counted and timed while the application reads it."""

    def __init__(self, receive: Receive, *, limit: int, path: str, patience_s: float, then: Callable[[], None]) -> None:
        self._receive = receive
        self._path = path
        self._limit = limit
        self._ends_s = asyncio.get_running_loop().time() + patience_s
        self._seen = 0
        self._is_over = False
        self._then = then
        self._refused: JSONResponse | None = None

    def over(self) -> None:
        """It has arrived, or nobody waits for it any more."""
        if not self._is_over:
            self._is_over = True
            self._then()

    async def guard(self, app: ASGIApp, scope: Scope, send: Send) -> None:
        """Run the application; what it says about a body that was cut off is replaced by our sentence."""
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            if self._refused is None or has_started:
                has_started = True
                await send(message)

        try:
            await app(scope, self._next, watched)
        except Exception:
            if self._refused is None or has_started:
                raise
        if self._refused is not None and not has_started:
            await self._refused(scope, self._receive, send)

    async def _next(self) -> Message:
        if self._refused is not None:
            return {"type": "http.disconnect"}
        if self._is_over:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends_s):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(problem(408, "The request took too long to arrive, so it was cut off.", headers=CLOSE))
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            return self._refuse(_too_large(self._limit, self._path))
        if not message.get("more_body", False):
            self.over()
        return message

    def _refuse(self, answer: JSONResponse) -> Message:
        self._refused = answer
        self.over()
        return {"type": "http.disconnect"}


def most_bytes(scope: Scope, headers: Headers) -> int:
    """Forms may be large on the three routes that take pictures: two of the API's, and that of Streamlit's uploader."""
    if headers.get("content-type", "").split(";")[0].strip().lower() != "multipart/form-data":
        return MOST_BYTES
    method, path = scope["method"], scope["path"]
    if (method, path) == ("POST", "/api/jobs"):
        return MOST_VIEWS_BYTES
    if (method, path) == ("POST", OLDER) or (method == "PUT" and path.startswith("/_stcore/upload_file/")):
        return MOST_PICTURE_BYTES
    return MOST_BYTES


def _has_body(scope: Scope, headers: Headers) -> bool:
    if "transfer-encoding" in headers:
        return True
    return headers.get("content-length", "0" if scope["method"] in BODILESS else "") != "0"


def _places(headers: Headers, limit: int) -> int:
    """How many it takes: by its length, or, where that is not told, as many as the largest that is allowed."""
    length = limit if "transfer-encoding" in headers else int(headers.get("content-length", "0"))
    return 0 if length <= LARGE_BYTES else 1 if length <= MOST_PICTURE_BYTES else 2


def _refused_at_once(headers: Headers, limit: int, path: str) -> JSONResponse | None:
    """By what the headers say, before a byte of the body is read."""
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal() and len(declared) < 20):
        return problem(400, "The header Content-Length is no number of bytes.", headers=CLOSE)
    if int(declared) > limit:
        return _too_large(limit, path)
    if not _has_plain_charset(headers.get("content-type", "")):
        return problem(415, "Send the form's texts in UTF-8; its charset is another one.", headers=CLOSE)
    return None


def _has_plain_charset(content_type: str) -> bool:
    """False for a form in a charset that decodes to what is no text (`punycode`, `unicode_escape`, `utf-7`)."""
    kind, options = parse_options_header(content_type)
    if not kind.startswith(b"multipart/"):
        return True
    try:
        return codecs.lookup(options.get(b"charset", b"utf-8").decode("latin-1")).name in CHARSETS
    except (LookupError, ValueError):
        return False


def _too_large(limit: int, path: str) -> JSONResponse:
    if limit > MOST_BYTES:
        smaller = "smaller pictures" if limit == MOST_VIEWS_BYTES else "a smaller picture"
        return problem(413, f"The form is larger than {limit // MB} MB. Send {smaller}.", headers=CLOSE)
    goes_to = path if path == OLDER else "/api/jobs"
    return problem(
        413,
        f"The request is larger than {limit // 1024} kB. Pictures go to {goes_to}, in a form.",
        headers=CLOSE,
    )


def _busy() -> JSONResponse:
    return problem(
        503,
        "Many large pictures are arriving at this moment. Nothing was stored; send it again in some seconds.",
        headers=CLOSE | {"Retry-After": str(RETRY_AFTER_S)},
    )
