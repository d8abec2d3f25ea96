"""Under which names this server answers, and what a Host or an Origin header names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  (what a server binds that listens to the whole network)
DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = r"(?P<name>[a-z0-9_][a-z0-9_.-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_AUTHORITY}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A name in its plainest form, and the port where one was given."""

    name: str
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """The names under which the server answers.

    A page of any other name that is pointed at this machine (DNS rebinding) is "the same site" for a browser, and could
    read and order everything. A server that is bound to every address also answers under the address that a connection
    came in on: no foreign page can have a bare address of this machine as its name.
    """

    names: frozenset[str]
    is_every_address: bool

    def allows(self, host: Host, *, arrived_at: str | None) -> bool:
        if host.name in self.names:
            return True
        return self.is_every_address and arrived_at is not None and host.name == plain_name(arrived_at)


def allowed_hosts(more: Iterable[str], *, bind_address: str) -> AllowedHosts:
    """The loopback names, the address the server is bound to, and `more`."""
    is_every_address = bind_address in EVERY_ADDRESS
    bound = () if is_every_address else (bind_address,)
    return AllowedHosts(
        names=frozenset(plain_name(name) for name in (*LOOPBACK_NAMES, *bound, *more)),
        is_every_address=is_every_address,
    )


def plain_name(name: str) -> str:
    """Lower case, without brackets and a last dot; addresses in their shortest form, IPv4 never dressed up as IPv6."""
    bare = name.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches a server that is bound to it. A name other than localhost counts as no."""
    name = plain_name(address)
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse_host(header: str) -> Host | None:
    """None for what no browser and no honest program sends."""
    return _host_of(_HOST.fullmatch(header))


def parse_origin(header: str) -> Host | None:
    """A web page's origin. Browsers leave the usual port out of it as they do in Host; so does the result."""
    found = _ORIGIN.fullmatch(header)
    host = _host_of(found)
    if found is None or host is None or host.port != DEFAULT_PORTS[found["scheme"].lower()]:
        return host
    return Host(name=host.name, port=None)


def _host_of(found: re.Match[str] | None) -> Host | None:
    if found is None:
        return None
    port = None if found["port"] is None else int(found["port"])
    return None if port is not None and port > 65535 else Host(name=plain_name(found["name"]), port=port)


def host_of(scope: Any) -> Host | None:
    """Whom a request is addressed to; None without exactly one Host header that can be read."""
    given = Headers(scope=scope).getlist("host")
    return parse_host(given[0]) if len(given) == 1 else None


def origin_of(scope: Any) -> str:
    """`http://host:port` as the caller used it, for addresses in answers. The front door has checked the host."""
    return f"{scope['scheme']}://{Headers(scope=scope).get('host', '')}"
