"""A network backend that connects to public addresses only, and only until a deadline.

The check sits where the connection is made: the address that was checked is the one that is connected to, so a name
that changes its address between check and use gains nothing.
"""

from __future__ import annotations

import concurrent.futures
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from core.domain.errors import AddressRefused

log = logging.getLogger(__name__)
Resolver = Callable[[str, int], list[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # wraps an IPv4 address of the internet. Source: RFC 6052
INTERNET = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out. Source: IANA, IPv6 address space
SPECIAL = tuple(  # Python counts each as global, in some of its releases
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b:1::/48",  # NAT64 of one's own network. Source: RFC 8215
        "::ffff:0:0:0/96",  # IPv4-translated. Source: RFC 2765
        "5f00::/16",  # segment routing. Source: RFC 9602
        "3fff::/20",  # documentation. Source: RFC 9637
        "192.88.99.0/24",  # the retired 6to4 relays. Source: RFC 7526
        "168.63.129.16/32",  # the host under every machine at Azure, metadata included. Source: Microsoft Learn
    )
)
ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # bits 64 to 95; an IPv4 address follows. Source: RFC 5214
RESOLVE_S = 5.0
_resolving = concurrent.futures.ThreadPoolExecutor(4, thread_name_prefix="resolve")


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host. Raises: AddressRefused when there is none in time."""
    future = _resolving.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = future.result(RESOLVE_S)
    except (OSError, UnicodeError, concurrent.futures.TimeoutError) as exc:
        raise refused_host(host) from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_address(address: str, *, host: str, allow_private: bool) -> None:
    """Raise AddressRefused unless pictures may be fetched from this address."""
    parsed = ipaddress.ip_address(address.split("%")[0])
    if not all(_is_public(meant) or (allow_private and _is_private(meant)) for meant in _meant(parsed)):
        log.info("imageUrl: the host %r has the address %s, which is not of the internet", host, address)
        raise refused_host(host)


def refused_host(host: str) -> AddressRefused:
    """One sentence for all that cannot or may not be looked at: two would tell which names an inner network has."""
    return AddressRefused(
        f"The host {host!r} was not found, or pictures are not fetched from it. Check imageUrl and use a public "
        "address, or send the file itself in the field image.",
        code="address_unknown",
    )


def _is_public(address: Address) -> bool:
    is_given_out = isinstance(address, ipaddress.IPv4Address) or address in INTERNET
    return is_given_out and address.is_global and not address.is_multicast and not _is_special(address)


def _is_private(address: Address) -> bool:
    is_site = isinstance(address, ipaddress.IPv6Address) and address.is_site_local  # retired
    is_none = address.is_link_local or address.is_unspecified or address.is_multicast or is_site
    return address.is_private and not is_none and not _is_special(address)


def _is_special(address: Address) -> bool:
    is_isatap = isinstance(address, ipaddress.IPv6Address) and (int(address) >> 32) & 0xFFFFFFFF in ISATAP
    return is_isatap or any(address in network for network in SPECIAL)


def _meant(address: Address) -> Iterable[Address]:
    """The addresses that a packet to this one may end at."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address in NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address
        if address.sixtofour:
            yield address.sixtofour
        if address.teredo:
            yield from address.teredo


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
        if not addresses:
            raise refused_host(host)
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
