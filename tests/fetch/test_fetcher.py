"""The guarded fetcher: what it may reach, how long it may take, how much it may read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.domain.errors import AddressRefused, PictureRefused
from core.fetch import fetcher as module
from core.fetch.fetcher import PictureFetcher
from core.fetch.guard import check_address

PUBLIC = "93.184.216.34"
NEVER = [  # neither the internet nor anybody's own network
    "64:ff9b:1::1",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "::ffff:0:7f00:1",
    "::ffff:0:808:808",
    "2a00:1450::5efe:808:808",
    "2a00:1450::200:5efe:a00:1",
    "fd00::5efe:a00:1",
    "fe80::5efe:a00:1",
    "5f00::1",
    "5f00:ffff::1",
    "3fff::1",
    "3fff:fff::1",
    "192.88.99.1",
    "192.88.99.255",
    "::ffff:192.88.99.1",
    "168.63.129.16",
    "64:ff9b::a83f:8110",
]


@contextmanager
def serving(*answers: bytes | Callable[[socket.socket], None]) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback that gives each connection its answer; yields the port and the requests seen."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    if callable(answer):
                        answer(connection)
                    else:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def to(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def local(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def open_fetcher(**more: object) -> PictureFetcher:
    """One that may reach this test's own server."""
    return PictureFetcher(**({"max_bytes": 1000, "allow_private": True, "resolver": local} | more))  # type: ignore[arg-type]


def test_a_picture_is_fetched_with_its_name_and_without_credentials() -> None:
    with serving(ok(b"picture")) as (port, seen):
        fetched = open_fetcher().fetch(f"http://pictures.example:{port}/a/my%20cat.jpg?x=1")

    assert (fetched.data, fetched.name) == (b"picture", "my cat.jpg")
    assert seen[0].startswith(b"GET /a/my%20cat.jpg?x=1 HTTP/1.1")
    assert f"Host: pictures.example:{port}".encode() in seen[0]
    assert b"authorization" not in seen[0].lower()
    assert b"cookie" not in seen[0].lower()


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "gopher://example.com",
        "data:image/png;base64,AAAA",
        "//example.com/a.png",
        "example.com/a.png",
        "http://",
        "http:///a.png",
        "http://user:secret@example.com/a.png",
        "http://exa mple.com/a.png",
        "http://example.com:99999/a.png",
        "http://[::1",
        "https://example.com/" + "a" * 3000,
        "",
    ],
)
def test_only_plain_web_addresses_are_taken(address: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError("resolved")

    with pytest.raises(AddressRefused) as refused:
        open_fetcher(resolver=never).fetch(address)
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.5",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "ff02::1",
        "fec0::1",
        "::127.0.0.1",
        *NEVER,
    ],
)
def test_addresses_inside_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="not found, or pictures are not fetched from it"):
        check_address(address, host="example.com", allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_of_special_use_stay_refused_when_private_hosts_are_allowed(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address, host="example.com", allow_private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.5"])
def test_a_private_network_may_be_allowed(address: str) -> None:
    check_address(address, host="nas.example", allow_private=True)


@pytest.mark.parametrize("special", ["1000::", "4000::", "6000::", "8000::", "a000::", "c000::", "e000::"])
def test_of_ipv6_only_what_is_given_out_for_the_internet_is_public(special: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(special, host="example.com", allow_private=False)


def test_no_address_that_leads_to_an_inner_ipv4_host_is_public() -> None:
    """Whatever way of wrapping an IPv4 address in the last 32 bits: either the way or the address is refused."""
    for way in ("::", "::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "2000::5efe:", "2a00:1::200:5efe:"):
        with pytest.raises(AddressRefused):
            check_address(f"{way}169.254.169.254", host="example.com", allow_private=True)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946", "1.1.1.1"])
def test_public_addresses_are_allowed(address: str) -> None:
    check_address(address, host="example.com", allow_private=False)


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1"])
def test_metadata_addresses_stay_refused_when_private_hosts_are_allowed(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(address, host="example.com", allow_private=True)


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]"]
)
def test_every_way_to_write_loopback_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        PictureFetcher(max_bytes=1000).fetch(f"http://{host}/a.png")


def test_one_inner_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(AddressRefused, match="not fetched from it"):
        PictureFetcher(max_bytes=1000, resolver=lambda host, port: [PUBLIC, "10.0.0.1"]).fetch("http://example.com/a")


def test_a_host_inside_and_one_that_is_not_there_read_the_same() -> None:
    """Or anybody who may submit could find out which names an inner network has."""

    def refusal(host: str, **how: object) -> tuple[str, str]:
        with pytest.raises(AddressRefused) as refused:
            PictureFetcher(max_bytes=1000, **how).fetch(f"http://{host}/a.png")  # type: ignore[arg-type]
        return refused.value.code, refused.value.message.replace(host, "HOST")

    inside = refusal("printer.example", resolver=lambda host, port: ["10.0.0.5"])
    assert refusal("nowhere.invalid") == inside
    assert refusal("metadata.example", resolver=lambda host, port: ["169.254.169.254"]) == inside
    assert refusal("127.0.0.1") == inside
    assert refusal("empty.example", resolver=lambda host, port: []) == inside


@pytest.mark.parametrize("port", [1, 22, 25, 81, 442, 5432, 6379, 8080, 8443, 65535])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_only_the_two_ports_of_the_web_are_connected_to(scheme: str, port: int) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError("resolved")

    with pytest.raises(AddressRefused, match="80 and 443"):
        PictureFetcher(max_bytes=1000, resolver=never).fetch(f"{scheme}://example.com:{port}/a.png")


@pytest.mark.parametrize("address", ["http://h.example/", "http://h.example:443/", "https://h.example:80/"])
def test_both_ports_of_the_web_are_asked_for(address: str) -> None:
    asked: list[str] = []

    def inside(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"]

    with pytest.raises(AddressRefused):
        PictureFetcher(max_bytes=1000, resolver=inside).fetch(address)
    assert asked == ["h.example"]


def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    asked = []

    def changing(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    with serving(ok(b"x")) as (port, _):
        assert open_fetcher(resolver=changing).fetch(f"http://rebinding.example:{port}/").data == b"x"
    assert asked == ["rebinding.example"]


def test_each_redirect_is_checked_again() -> None:
    def split(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "outside.example" else ["169.254.169.254"]

    with serving(to("http://inside.example/latest/meta-data")) as (port, _), pytest.raises(AddressRefused):
        open_fetcher(resolver=split).fetch(f"http://outside.example:{port}/a.png")


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://example.com/x",
        "http://user:pw@x.example/",
        "http://[::1",
        "http://[",
        "//[::1",
        "http://::1]/",
        "http://[fe80::1%25eth0]x/",
        "http://[v1.x]/",
        "http://[not an address]/",
        "http://a.example:99999/",
        "http://a.example:port/",
        "http://a.example:-1/",
        "https:///",
        "https://.example/",
        "https://a..example/",
        "https://" + "a" * 70 + ".example/",
        "http://a\x01b.example/",
        "/\x01",
        "/a b",
        "/\xe4",
        "http://\xe4.example/",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "/" + "a" * 3000,
    ],
)
def test_a_redirect_to_something_else_is_refused(target: str) -> None:
    with serving(to(target)) as (port, _), pytest.raises(AddressRefused):
        open_fetcher().fetch(f"http://a.example:{port}/")


def test_a_redirect_is_followed_and_a_ring_of_them_is_not() -> None:
    with serving(to("/other.png"), ok(b"there")) as (port, seen):
        assert open_fetcher().fetch(f"http://a.example:{port}/first.png").data == b"there"
        assert seen[1].startswith(b"GET /other.png")
    with serving(*[to("/again")] * 10) as (port, seen), pytest.raises(AddressRefused, match="too often"):
        open_fetcher().fetch(f"http://a.example:{port}/")
    assert len(seen) == module.MAX_REDIRECTS + 1


def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    with serving(ok(b"x" * 5000)) as (port, _), pytest.raises(PictureRefused, match="larger"):
        open_fetcher().fetch(f"http://a.example:{port}/")


def test_a_trickling_answer_ends_at_the_total_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOTAL_S", 0.5)
    ended = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not ended.wait(0.05):
            try:
                connection.sendall(b"x")
            except OSError:
                return

    try:
        with serving(trickle) as (port, _), pytest.raises(AddressRefused, match="did not come"):
            open_fetcher().fetch(f"http://a.example:{port}/")
    finally:
        ended.set()


@pytest.mark.parametrize("status", [b"404 Not Found", b"500 Oops", b"401 Who", b"204 None"])
def test_an_answer_that_is_no_picture_is_refused_with_its_status(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with serving(answer) as (port, _), pytest.raises(AddressRefused, match=status[:3].decode()):
        open_fetcher().fetch(f"http://a.example:{port}/")


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
def test_a_broken_answer_is_refused_with_a_sentence(answer: bytes) -> None:
    with serving(answer) as (port, _), pytest.raises(AddressRefused, match="could not be reached"):
        open_fetcher().fetch(f"http://a.example:{port}/")


def test_a_host_that_does_not_exist_is_refused_with_its_name() -> None:
    with pytest.raises(AddressRefused, match=r"nowhere\.invalid"):
        PictureFetcher(max_bytes=1000).fetch("http://nowhere.invalid/a.png")
