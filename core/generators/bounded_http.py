"""HTTP whose calls end, for every generator: httpx limits each single read, so an answer could trickle for ever."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx


@dataclass(slots=True)
class _Bounds:
    """What is left of one call: until when on the monotonic clock, and how many bytes."""

    ends_s: float
    bytes_left: int


_bounds: ContextVar[_Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def bounded(*, seconds: float, most_bytes: int) -> Iterator[None]:
    """Every HTTP call of the block, from connecting to the last byte of its answer, shares these bounds.

    A call that exceeds them ends as httpx.ReadTimeout, WriteTimeout, ConnectTimeout, or ReadError (too many bytes).
    """
    token = _bounds.set(_Bounds(time.monotonic() + seconds, most_bytes))
    try:
        yield
    finally:
        _bounds.reset(token)


def _left_s(timeout: float | None, error: type[Exception]) -> float | None:
    bounds = _bounds.get()
    if bounds is None:
        return timeout
    left_s = bounds.ends_s - time.monotonic()
    if left_s <= 0:
        raise error("the whole call took too long")
    return left_s if timeout is None else min(timeout, left_s)


class _Stream(httpcore.NetworkStream):
    """A connection that obeys the bounds of the call that uses it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))
        bounds = _bounds.get()
        if bounds is not None:
            bounds.bytes_left -= len(data)
            if bounds.bytes_left < 0:
                raise httpcore.ReadError("the answer is larger than any that is expected")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, limit_s))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        limit_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, limit_s, local_address, socket_options))


class BoundedTransport(httpx.HTTPTransport):
    """httpx's own transport on connections that obey `bounded`.

    HTTP/1.1 only: httpcore's synchronous HTTP/2 is not safe between threads. No proxy or certificate from the
    environment changes where a key goes.
    """

    def __init__(self) -> None:
        super().__init__(verify=_tls(), trust_env=False, http2=False)
        # httpx has no public way to hand a network backend to the pool that it makes
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=20,
            max_keepalive_connections=10,
            keepalive_expiry=5.0,
            http2=False,
            network_backend=_Backend(),
        )


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    """One for all: it takes 20 ms to make, and the paid call has a fresh connection each time."""
    global _context
    if _context is None:
        _context = httpx.create_ssl_context(trust_env=False)
    return _context
