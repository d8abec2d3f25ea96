"""HTTP to one ComfyUI server: bounded calls without retry, and every fault of the wire as an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from core.domain.errors import LookupFailed, ModelUnavailable, NotSent, OutcomeUnknown
from core.generators.bounded_http import BoundedTransport, bounded
from core.generators.comfyui.answers import parsed, question_failed

MAX_ANSWER_BYTES = 32 * 2**20
EACH = httpx.Timeout(20.0, connect=5.0)  # of a single read or write
# A whole call, however slowly its answer trickles. The time in flight of a job is bounded by CREATE_TOTAL_S.
CREATE_TOTAL_S, QUICK_TOTAL_S = 30.0, 30.0
BROKEN = (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError)  # RuntimeError: closed at our own end
FIRST_BYTE, BODY = "send_request_headers.started", "send_request_body.started"


class Connection:
    """One server.

    Args:
        headers: for a proxy before it; secret, sent to this server only.
        transport: a test's own; None for the network.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str], transport: httpx.BaseTransport | None) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._transport = transport
        self._http = self._client()

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        """The object that a question is answered with. Raises: LookupFailed, AccountBlocked, AccountBusy."""
        return body_of(self.send("GET", path, params=query))

    def send(self, method: str, path: str, *, total_s: float = QUICK_TOTAL_S, **more: Any) -> httpx.Response:
        """A free call, which may be repeated at will. Raises: LookupFailed."""
        try:
            with bounded(seconds=total_s, most_bytes=MAX_ANSWER_BYTES):
                return self._http.request(method, f"{self._url}{path}", timeout=EACH, **more)
        except BROKEN as exc:
            raise LookupFailed("ComfyUI could not be reached; it is tried again. It costs nothing.") from exc

    def post_once(self, path: str, body: Mapping[str, Any], *, check_send_window: Callable[[], None]) -> httpx.Response:
        """Sent once, on a fresh connection, without redirects.

        Raises: NotSent (proven: no byte of it left), OutcomeUnknown.
        """
        sent = False

        def trace(event: str, info: dict[str, Any]) -> None:
            # httpcore tells of this moment just before it writes, so an exception before it is a proof
            nonlocal sent
            if event.endswith((FIRST_BYTE, BODY)):
                check_send_window()
                sent = True

        try:
            with bounded(seconds=CREATE_TOTAL_S, most_bytes=MAX_ANSWER_BYTES), self._client() as fresh:
                return fresh.post(f"{self._url}{path}", json=body, timeout=EACH, extensions={"trace": trace})
        except (NotSent, *BROKEN) as exc:
            if sent:
                raise OutcomeUnknown(
                    "The connection broke before ComfyUI said whether it took the job. It is looked up there; it "
                    "costs nothing."
                ) from exc
            if isinstance(exc, NotSent):
                raise
            raise NotSent("ComfyUI could not be reached, so nothing was sent. It is tried again.") from exc

    @contextmanager
    def streamed(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        part: str | None,
        total_s: float,
        most_bytes: int,
        error: type[LookupFailed | ModelUnavailable],
    ) -> Iterator[httpx.Response]:
        """A file, read as it comes. Raises: `error`, when the connection breaks."""
        headers = {"Accept-Encoding": "identity"} | ({} if part is None else {"Range": part})  # lengths are the file's
        try:
            with (
                bounded(seconds=total_s, most_bytes=most_bytes),
                self._http.stream("GET", f"{self._url}{path}", params=query, headers=headers, timeout=EACH) as response,
            ):
                yield response
        except BROKEN as exc:
            raise error("The connection to ComfyUI broke; it is asked again. It costs nothing.") from exc

    def close(self) -> None:
        self._http.close()

    def _client(self) -> httpx.Client:
        # no proxy or netrc from the environment; neither Origin nor Sec-Fetch-Site: ComfyUI refuses both
        transport = self._transport or BoundedTransport()
        return httpx.Client(headers=self._headers, transport=transport, follow_redirects=False, trust_env=False)


def body_of(response: httpx.Response) -> dict[str, Any]:
    """The object in the answer of a free call. Raises: LookupFailed, AccountBlocked, AccountBusy."""
    body = parsed(response)
    if response.status_code != 200 or body is None:
        raise question_failed(response)
    return body
