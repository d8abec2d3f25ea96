"""Fetch a picture from an address somebody gave us, without letting the address reach anything it should not."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from core.domain.errors import AddressRefused, PictureRefused
from core.fetch.guard import GuardedBackend, Resolver, resolve

MAX_REDIRECTS = 4
TOTAL_S = 15.0  # for everything together: name, connection, redirects, body
STEP_S = 6.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_ADDRESS = 2048  # characters
WEB_PORTS = (None, 80, 443)  # None: that of the scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The bytes, and the file name in the address."""

    data: bytes
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFetcher:
    """Fetches with GET, no cookies, no credentials, no proxy; at most `max_bytes`.

    Attributes:
        allow_private: also from hosts of one's own network, and then from every port.
    """

    max_bytes: int
    allow_private: bool = False
    resolver: Resolver = resolve

    def fetch(self, address: str) -> Fetched:
        """Fetch one picture.

        Raises: AddressRefused when the address may not or cannot be fetched; PictureRefused when it is too large.
        """
        ends_s = time.monotonic() + TOTAL_S
        backend = GuardedBackend(allow_private=self.allow_private, ends_s=ends_s, resolver=self.resolver)
        try:
            with httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=backend) as pool:
                for _ in range(MAX_REDIRECTS + 1):
                    self._check_form(address)
                    following = self._get(pool, address)
                    if isinstance(following, Fetched):
                        return following
                    address = following
        except httpcore.TimeoutException as exc:
            raise AddressRefused(
                f"The picture did not come within {TOTAL_S:.0f} seconds. Try again, or send the file itself.",
                code="address_slow",
            ) from exc
        except ValueError as exc:  # a host that no certificate can name, for one
            raise _form_refused() from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as exc:
            raise AddressRefused(
                "The host that imageUrl names could not be reached. Check the address, or send the file itself.",
                code="address_unreachable",
            ) from exc
        raise AddressRefused("imageUrl was redirected too often, so it was not fetched.", code="address_redirects")

    def _check_form(self, address: str) -> None:
        """Raises: AddressRefused when it is no web address, or one of a port that is not the web's."""
        try:
            parts = urlsplit(address)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and len(address) <= MAX_ADDRESS
            port = parts.port
        except ValueError as exc:
            raise _form_refused() from exc
        if not fits or not address.isascii() or any(sign.isspace() for sign in address):
            raise _form_refused()
        if parts.username is not None:
            raise AddressRefused("imageUrl must not contain a user name or password.", code="address_form")
        if port not in WEB_PORTS and not self.allow_private:
            raise AddressRefused(
                "Pictures are fetched from the ports 80 and 443 only. Use another address, or send the file itself.",
                code="address_form",
            )

    def _get(self, pool: httpcore.ConnectionPool, address: str) -> Fetched | str:
        """The file, or the address it was redirected to."""
        headers = [("Accept", "image/*"), ("Accept-Encoding", "identity"), ("User-Agent", "maquette")]
        timeouts = {"connect": STEP_S, "read": STEP_S, "write": STEP_S, "pool": STEP_S}
        with pool.stream("GET", address, headers=headers, extensions={"timeout": timeouts}) as response:
            location = _header(response, b"location")
            if response.status in REDIRECTS and location:
                return _joined(address, location)
            if response.status != 200:
                raise AddressRefused(
                    f"The host that imageUrl names answered {response.status} instead of the picture.",
                    code="address_no_picture",
                )
            data = bytearray()
            for chunk in response.iter_stream():
                data += chunk
                if len(data) > self.max_bytes:
                    limit = self.max_bytes // (1024 * 1024)
                    raise PictureRefused(
                        f"The picture at imageUrl is larger than {limit} MB. Use a smaller one.", code="too_large"
                    )
        return Fetched(data=bytes(data), name=unquote(urlsplit(address).path.rsplit("/", 1)[-1]) or "picture")


def _joined(address: str, location: str) -> str:
    """Where a redirect leads. Raises: AddressRefused when it cannot be read."""
    try:
        return urljoin(address, location)
    except ValueError as exc:
        raise _form_refused() from exc


def _form_refused() -> AddressRefused:
    return AddressRefused(
        "imageUrl must be a web address that starts with http:// or https://, and lead to one. Nothing was fetched.",
        code="address_form",
    )


def _header(response: httpcore.Response, name: bytes) -> str:
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return ""
