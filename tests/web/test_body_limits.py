"""Bodies: how large, how slow, how many at once, and in which charset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import nullcontext

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web import body_limits
from core.web.body_limits import LARGE_AT_ONCE, MOST_BYTES, MOST_PICTURE_BYTES, MOST_VIEWS_BYTES, BodyLimits
from tests import pictures
from tests.web.asgi import Answer, call
from tests.web.conftest import Site

FORM = "multipart/form-data; boundary=x"
CHUNKED = {"transfer-encoding": "chunked"}
VIEWS = "/api/jobs"
ROUTES = (
    VIEWS,
    "/api/generate-3d",
    "/api/jobs/1/decision",
    "/api/jobs/1/conversions",
    "/api/webhooks/tripo",
    "/api/jobs/",
    "/socket.io/",
    "/",
)


class Reader:
    """Answers with the number of bytes it got; counts the pieces that were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            self.asked += 1
            return await receive()

        body = await Request(scope, counted).body()
        await JSONResponse(len(body))(scope, receive, send)


def post(
    path: str,
    headers: dict[str, str],
    pieces: Iterable[bytes | None],
    *,
    reader: ASGIApp | None = None,
    method: str = "POST",
) -> Answer:
    limits = BodyLimits(reader or Reader(), picture_s=0.05, most_s=0.05)
    return call(limits, path, headers, method=method, pieces=pieces)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/octet-stream", "multipart/mixed; boundary=x", ""]
)
def test_64_kb_are_the_most_on_every_route_and_more_is_refused_unread(path: str, kind: str) -> None:
    exactly = post(path, {"content-type": kind, "content-length": str(MOST_BYTES)}, [b"x" * MOST_BYTES])
    assert (exactly.status, exactly.body) == (200, b"65536")

    reader = Reader()
    refused = post(path, {"content-type": kind, "content-length": str(MOST_BYTES + 1)}, [None], reader=reader)
    assert (refused.status, reader.asked) == (413, 0)
    assert "64 kB" in refused.error
    assert refused.headers["connection"] == "close"


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("headers", [CHUNKED, CHUNKED | {"content-length": "1"}, {}])
def test_a_body_of_no_declared_length_is_counted_and_no_longer_read_at_the_limit(
    path: str, headers: dict[str, str]
) -> None:
    reader = Reader()
    refused = post(path, headers, [b"x" * 40_000] * 1000, reader=reader)

    assert (refused.status, reader.asked) == (413, 2)


def test_a_form_may_be_41_mb_only_where_pictures_are_taken() -> None:
    large = {"content-type": FORM, "content-length": str(MOST_PICTURE_BYTES)}

    assert post("/api/generate-3d", large, [b"x"]).status == 200
    assert post("/_stcore/upload_file/session/file", large, [b"x"], method="PUT").status == 200
    assert post("/api/generate-3d", large | {"content-length": str(MOST_PICTURE_BYTES + 1)}, [b"x"]).status == 413
    for path in (*ROUTES[2:], "/api/generate-3d/", "/_stcore/upload_file/session/file"):
        assert post(path, large, [b"x"]).status == 413, path
    assert post("/api/generate-3d", large | {"content-type": "application/json"}, [b"x"]).status == 413


def test_a_form_of_four_views_may_be_82_mb() -> None:
    large = {"content-type": FORM, "content-length": str(MOST_VIEWS_BYTES)}

    assert post(VIEWS, large, [b"x"]).status == 200
    refused = post(VIEWS, large | {"content-length": str(MOST_VIEWS_BYTES + 1)}, [None])
    assert (refused.status, refused.error) == (413, "The form is larger than 82 MB. Send smaller pictures.")
    assert post(VIEWS, large | {"content-type": "application/json"}, [b"x"]).status == 413
    assert post(VIEWS, large, [b"x"], method="PUT").status == 413
    piece = b"x" * (10 * 1024 * 1024)
    assert post(VIEWS, CHUNKED | {"content-type": FORM}, [piece] * 9).status == 413


@pytest.mark.parametrize("path", ROUTES)
def test_too_large_json_is_told_where_pictures_go(path: str) -> None:
    """Each of the two addresses that take pictures names itself, and all others name the newer one."""
    goes_to = path if path == "/api/generate-3d" else VIEWS
    sentence = f"The request is larger than 64 kB. Pictures go to {goes_to}, in a form."
    declared = {"content-type": "application/json", "content-length": str(MOST_BYTES + 1)}

    assert post(path, declared, [None]).error == sentence
    assert post(path, CHUNKED | {"content-type": "application/json"}, [b"x" * 40_000] * 9).error == sentence


def test_a_chunked_form_is_cut_off_at_41_mb() -> None:
    piece = b"x" * (10 * 1024 * 1024)
    reader = Reader()
    refused = post("/api/generate-3d", CHUNKED | {"content-type": FORM}, [piece] * 9, reader=reader)

    assert (refused.status, reader.asked) == (413, 5)
    assert "41 MB" in refused.error


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("kind", [FORM, "application/json"])
def test_a_body_that_does_not_end_in_time_is_cut_off_with_408(path: str, kind: str) -> None:
    refused = post(path, CHUNKED | {"content-type": kind}, [b"x", b"y", None])

    assert refused.status == 408
    assert "too long" in refused.error
    assert refused.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "٣", "9" * 30, " ", "1_0"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    headers = [(b"content-length", length.encode())]
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("it must not be read")

    scope = {"type": "http", "method": "POST", "path": "/api/generate-3d", "headers": headers}
    asyncio.run(BodyLimits(Reader(), picture_s=1)(scope, receive, send))
    assert sent[0]["status"] == 400


def test_what_a_handler_says_of_a_body_that_was_cut_off_is_replaced_and_later_faults_are_not() -> None:
    async def confused(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        await JSONResponse({"error": "a fault of ours"}, status_code=500)(scope, receive, send)

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        raise ZeroDivisionError

    assert post("/api/x", CHUNKED, [b"x" * 40_000] * 9, reader=confused).status == 413
    assert post("/api/x", CHUNKED, [b"x" * 40_000] * 9, reader=broken).status == 413
    with pytest.raises(ZeroDivisionError):
        post("/api/x", CHUNKED, [b"x"], reader=broken)


def test_so_many_large_forms_arrive_at_once_and_each_gives_its_place_back() -> None:
    form = {"type": "http", "method": "POST", "path": "/api/generate-3d"}
    large = form | {"headers": [(b"content-type", FORM.encode()), (b"content-length", b"30000000")]}
    chunked = form | {"headers": [(b"content-type", FORM.encode()), (b"transfer-encoding", b"chunked")]}
    small = form | {"headers": [(b"content-type", FORM.encode()), (b"content-length", b"300000")]}

    async def scenario() -> None:
        limits = BodyLimits(Reader(), picture_s=60)
        arrived = asyncio.Event()
        waiting = [_Caller(limits, (large, chunked)[n % 2], arrived) for n in range(LARGE_AT_ONCE)]
        for each in waiting:
            await each.reading.wait()
        over = await _Caller(limits, large, arrived).status()
        assert over == 503
        beside = _Caller(limits, small, arrived)
        await beside.reading.wait()
        arrived.set()
        assert [await each.status() for each in (*waiting, beside)] == [200] * (LARGE_AT_ONCE + 1)
        for _ in range(2 * LARGE_AT_ONCE):
            assert await _Caller(limits, large, arrived).status() == 200
            assert await _Caller(limits, large, arrived, breaks=True).status() == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("length", "most"), [(MOST_VIEWS_BYTES, 4), (None, 4), (MOST_PICTURE_BYTES + 1, 4), (MOST_PICTURE_BYTES, 8)]
)
def test_a_form_of_more_than_two_pictures_takes_two_places(length: int | None, most: int) -> None:
    told = (b"transfer-encoding", b"chunked") if length is None else (b"content-length", str(length).encode())
    views = {"type": "http", "method": "POST", "path": VIEWS, "headers": [(b"content-type", FORM.encode()), told]}

    async def scenario() -> None:
        limits = BodyLimits(Reader(), picture_s=60)
        arrived = asyncio.Event()
        for _ in range(2):  # each gives its places back
            waiting = [_Caller(limits, views, arrived) for _ in range(most)]
            for each in waiting:
                await each.reading.wait()
            assert await _Caller(limits, views, arrived).status() == 503
            arrived.set()
            assert [await each.status() for each in waiting] == [200] * most
            arrived.clear()

    asyncio.run(scenario())


class _Caller:
    """Sends a body that arrives when `arrived` is set; it hangs up in the middle when it `breaks`."""

    def __init__(self, app: ASGIApp, scope: Scope, arrived: asyncio.Event, *, breaks: bool = False) -> None:
        self.reading = asyncio.Event()
        self._arrived = arrived
        self._sent: list[Message] = []
        self._breaks = breaks
        self._task = asyncio.ensure_future(app(dict(scope), self._receive, self._send))

    async def status(self) -> int:
        """0: it ended without an answer."""
        with pytest.raises(ClientDisconnect) if self._breaks else nullcontext():
            await self._task
        return int(self._sent[0]["status"]) if self._sent else 0

    async def _receive(self) -> Message:
        self.reading.set()
        await self._arrived.wait()
        if self._breaks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def _send(self, message: Message) -> None:
        self._sent.append(message)


def test_too_many_large_forms_are_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limits, "LARGE_AT_ONCE", 0)
    refused = post("/api/generate-3d", {"content-type": FORM, "content-length": "30000000"}, [None])

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "Nothing was stored" in refused.error


@pytest.mark.slow
@pytest.mark.parametrize(
    "charset",
    ["unicode_escape", "utf-7", "punycode", "idna", "raw_unicode_escape", "utf-16", "rot13", "hex", "no such"],
)
@pytest.mark.parametrize("name", ["Cup", "a\\ud800", "+2AA-", "xn--\\x80", "\udc80"])
def test_a_form_in_another_charset_is_refused_and_is_no_fault(site: Site, charset: str, name: str) -> None:
    text = name.encode("utf-8", "surrogateescape")
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    fields = part % (b"targetObject", b"", text) + part % (b"image", b'; filename="' + text + b'"', pictures.cat())
    for kind in (f"{FORM}; charset={charset}", f'multipart/form-data; charset="{charset}"; boundary=x'):
        answer = site.client.post("/api/generate-3d", content=fields + b"--x--\r\n", headers={"content-type": kind})
        assert answer.status_code == 415, answer.text
        assert "UTF-8" in answer.json()["error"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", '"utf-8"'])
def test_utf_8_is_welcome_by_all_its_names(site: Site, charset: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    fields = part % (b"targetObject", b"", b"Cup") + part % (b"image", b'; filename="a.jpg"', pictures.cat())
    headers = {"content-type": f"{FORM}; charset={charset}"}

    assert site.client.post("/api/generate-3d", content=fields + b"--x--\r\n", headers=headers).status_code == 202


def test_a_json_body_of_40_mb_is_refused_by_the_api_declared_or_not(make_site: Callable[..., Site]) -> None:
    site = make_site(tripo_api_key="tsk_x", tripo_webhook_secret="whsec_eA==")
    large = b'{"imageUrl": "' + b"x" * (40 * 1024 * 1024)
    headers = {"content-type": "application/json"}

    for path in ("/api/generate-3d", "/api/jobs/1/decision", "/api/jobs/1/conversions", "/api/webhooks/tripo"):
        assert site.client.post(path, content=large, headers=headers).status_code == 413
        pieces = (large[at : at + 30_000] for at in range(0, 300_000, 30_000))
        assert site.client.post(path, content=pieces, headers=headers).status_code == 413
