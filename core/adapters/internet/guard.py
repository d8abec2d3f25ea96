"""A network backend that connects to public addresses only, and only until a deadline.

The check sits where the connection is made: the address that was checked is the one that is connected to, so a name
that changes its address between check and use gains nothing.
"""

from __future__ import annotations

import concurrent.futures
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from core.domain.errors import AddressRefused

Resolver = Callable[[str, int], list[str]]
WRAPPING = (  # each wraps any IPv4 address in its last 32 bits
    ipaddress.ip_network("64:ff9b::/96"),  # NAT64. Source: RFC 6052
    ipaddress.ip_network("::/96"),  # IPv4-compatible, long retired. Source: RFC 4291
)
RESOLVE_S = 5.0
_resolving = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix="resolve")


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host. Raises: AddressRefused when there is none in time."""
    future = _resolving.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = future.result(RESOLVE_S)
    except (OSError, UnicodeError, concurrent.futures.TimeoutError) as exc:
        raise AddressRefused(
            f"The host {host!r} was not found, so the picture could not be fetched. Check imageUrl.",
            code="address_unknown",
        ) from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_address(address: str, *, host: str, allow_private: bool) -> None:
    """Raise AddressRefused unless pictures may be fetched from this address."""
    parsed = ipaddress.ip_address(address.split("%")[0])
    for inner in _meant(parsed):
        is_site = isinstance(inner, ipaddress.IPv6Address) and inner.is_site_local  # retired, yet counted as global
        is_local_net = inner.is_private and not (inner.is_loopback or inner.is_link_local or inner.is_unspecified)
        if (
            is_site
            or inner.is_multicast
            or not (inner.is_global or (allow_private and (is_local_net or inner.is_loopback)))
        ):
            raise AddressRefused(
                f"The host {host!r} lies in a private network, where pictures are not fetched from. "
                "Use a public address, or send the file itself in the field image.",
                code="address_private",
            )


def _meant(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The address and every IPv4 address it wraps."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            yield address.ipv4_mapped
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo
        if any(address in network for network in WRAPPING):
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only; every stream ends at `ends_s` on the monotonic clock."""

    def __init__(self, *, allow_private: bool, ends_s: float, resolver: Resolver) -> None:
        self._allow_private = allow_private
        self._ends_s = ends_s
        self._resolve = resolver
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._resolve(host, port)
        for address in addresses:
            check_address(address, host=host, allow_private=self._allow_private)
        problem: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(address, port, _left(self._ends_s, timeout), local_address)
            except httpcore.ConnectError as exc:
                problem = exc
            else:
                return _TimedStream(stream, self._ends_s)
        raise problem

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("not allowed")


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every wait ends at one deadline, however slowly bytes trickle in."""

    def __init__(self, stream: httpcore.NetworkStream, ends_s: float) -> None:
        self._stream = stream
        self._ends_s = ends_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._ends_s, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._ends_s, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._ends_s, timeout))
        return _TimedStream(secured, self._ends_s)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(ends_s: float, timeout_s: float | None) -> float:
    left_s = ends_s - time.monotonic()
    if left_s <= 0:
        raise httpcore.ReadTimeout("the time allowed has passed")
    return left_s if timeout_s is None else min(left_s, timeout_s)
