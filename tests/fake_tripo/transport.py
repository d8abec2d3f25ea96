"""The fake without sockets: an httpx transport on a clock of the test's own, fast enough for thousands of runs."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.fake_tripo.service import PIECES, Reply, Service

FIRST_BYTE = "http11.send_request_headers.started"  # what httpcore says just before it writes


class FakeTransport(httpx.BaseTransport):
    """Carries requests to a service.

    Args:
        wait: moves the clock; waiting for an answer takes time as it does on a network.
        on_step: called before a request leaves and after its answer came; may raise.
    """

    def __init__(
        self, service: Service, *, wait: Callable[[float], None], on_step: Callable[[str], None] = lambda name: None
    ) -> None:
        self._service = service
        self._wait = wait
        self._on_step = on_step

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = f"http {request.url.path.rsplit('/', 2)[-1]}"
        self._on_step(f"before {name}")
        trace = request.extensions.get("trace")
        if trace is not None:
            trace(FIRST_BYTE, {})
        headers = {key.decode().lower(): value.decode() for key, value in request.headers.raw}
        base = f"{request.url.scheme}://{request.url.netloc.decode()}"
        reply = self._service.answer(
            request.method, request.url.path, dict(request.url.params), headers, request.read(), base
        )
        self._on_step(f"after {name}")
        return self._given(request, reply)

    def _given(self, request: httpx.Request, reply: Reply) -> httpx.Response:
        limit_s = request.extensions.get("timeout", {}).get("read") or 60.0
        if reply.hang_s:
            self._wait(min(reply.hang_s, limit_s))
            if reply.hang_s >= limit_s:
                raise httpx.ReadTimeout("no answer", request=request)
        if reply.is_dropped:
            raise httpx.RemoteProtocolError("the connection ended", request=request)
        self._wait(0.05)
        if reply.trickle_s:
            self._wait(min(30.0, reply.trickle_s * PIECES))
            if reply.trickle_s * PIECES > 30.0:  # the client's own bound on a whole call
                raise httpx.ReadTimeout("it trickled", request=request)
        return httpx.Response(reply.status, headers=dict(reply.headers), content=reply.body, request=request)
