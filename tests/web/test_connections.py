"""Connections that ask for nothing: closed in time, and never so many that nobody else comes in. A real uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from core.web.connections import Connections

HEAD = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


@dataclass
class Site:
    """A server on loopback, its connections, and the clock by which they are judged."""

    port: int
    connections: Connections
    now_s: list[float]
    open: asyncio.Event
    writers: list[Writer] = field(default_factory=list)

    async def connect(self, sent: bytes = b"") -> Reader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        await writer.drain()
        self.writers.append(writer)
        return reader

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(2000):
            if holds():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never came to hold")

    async def known(self, count: int) -> None:
        """Until the server has seen so many connections; a request beside them is answered after they were."""
        await self.until(lambda: len(self.connections) >= count)


async def is_closed(reader: Reader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), 20) == b""
    except ConnectionResetError:
        return True


@asynccontextmanager
async def a_site(*, most: int = 100) -> AsyncIterator[Site]:
    now_s, gate = [0.0], asyncio.Event()
    connections = Connections(head_s=20, most=most, now=lambda: now_s[0])
    connections.attach(asyncio.get_running_loop())

    async def quick(request: Request) -> PlainTextResponse:
        return PlainTextResponse("quick")

    async def slow(request: Request) -> PlainTextResponse:
        await gate.wait()
        return PlainTextResponse("slow")

    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await gate.wait()
        await socket.send_text("still here")
        await socket.close()

    app = Starlette(routes=[Route("/quick", quick), Route("/slow", slow), WebSocketRoute("/socket", socket)])
    config = uvicorn.Config(
        app, port=0, log_level="error", ws="websockets-sansio", lifespan="off", timeout_keep_alive=600
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    ticking = asyncio.create_task(server.main_loop())
    site = Site(server.servers[0].sockets[0].getsockname()[1], connections, now_s, gate)
    try:
        yield site
    finally:
        gate.set()
        server.should_exit = True
        await ticking
        for writer in site.writers:
            writer.close()
        await server.shutdown()


def run(test: Callable[[Site], Awaitable[None]], *, most: int = 100) -> None:
    async def all_of_it() -> None:
        async with a_site(most=most) as site:
            await test(site)

    asyncio.run(all_of_it())


async def answer(reader: Reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return (
        head.split(b"\r\n")[0] + b" " + await reader.readexactly(5 if b"quick" in head or b"length: 5" in head else 4)
    )


def test_half_a_head_and_nothing_at_all_are_closed_after_the_time_for_a_head() -> None:
    async def test(site: Site) -> None:
        readers = [await site.connect(), await site.connect(HEAD % b"quick"), await site.connect(b"G")]
        await site.known(3)
        site.now_s[0] = 20
        assert site.connections.sweep() == 0
        site.writers[1].write(b"X-More: and more\r\n")  # a trickle wins no time
        site.now_s[0] = 20.1
        assert site.connections.sweep() == 3
        assert [await is_closed(reader) for reader in readers] == [True] * 3

    run(test)


def test_half_a_second_head_is_closed_too_and_a_served_connection_has_the_time_anew() -> None:
    async def test(site: Site) -> None:
        reader = await site.connect()
        site.now_s[0] = 15
        site.writers[0].write(HEAD % b"quick" + b"\r\n")
        assert await answer(reader) == b"HTTP/1.1 200 OK quick"
        site.writers[0].write(HEAD % b"quick")
        site.connections.sweep()
        site.now_s[0] = 34
        assert site.connections.sweep() == 0
        site.now_s[0] = 36
        assert site.connections.sweep() == 1
        assert await is_closed(reader)

    run(test)


def test_a_request_at_work_and_a_web_socket_are_left_alone_for_as_long_as_they_last() -> None:
    async def test(site: Site) -> None:
        working = await site.connect(HEAD % b"slow" + b"\r\n")
        socket = await site.connect(HEAD % b"socket" + UPGRADE + b"\r\n")
        assert b" 101 " in await socket.readuntil(b"\r\n\r\n")
        for now_s in (1, 50, 5000):
            site.now_s[0] = now_s
            assert site.connections.sweep() == 0
        site.open.set()
        assert await answer(working) == b"HTTP/1.1 200 OK slow"
        assert (await socket.read(12))[2:] == b"still here"

    run(test)


def test_when_all_places_are_taken_the_one_that_has_asked_for_nothing_longest_makes_room() -> None:
    async def test(site: Site) -> None:
        first = await site.connect(HEAD % b"quick")
        await site.known(1)
        site.now_s[0] = 1
        second = await site.connect()
        await site.known(2)
        third = await site.connect(HEAD % b"quick" + b"\r\n")
        assert await answer(third) == b"HTTP/1.1 200 OK quick"
        assert await is_closed(first)
        site.writers[1].write(HEAD % b"quick" + b"\r\n")
        assert await answer(second) == b"HTTP/1.1 200 OK quick"

    run(test, most=2)


def test_when_all_are_at_work_the_next_one_is_closed_and_they_go_on() -> None:
    async def test(site: Site) -> None:
        working = [await site.connect(HEAD % b"slow" + b"\r\n") for _ in range(2)]
        await site.known(2)
        await site.until(lambda: site.connections.at_work() == 2)
        assert await is_closed(await site.connect(HEAD % b"quick" + b"\r\n"))
        site.open.set()
        assert [await answer(each) for each in working] == [b"HTTP/1.1 200 OK slow"] * 2

    run(test, most=2)


def test_connections_that_ended_by_themselves_take_no_place() -> None:
    async def test(site: Site) -> None:
        for _ in range(20):
            reader = await site.connect(HEAD % b"quick" + b"Connection: close\r\n\r\n")
            assert await answer(reader) == b"HTTP/1.1 200 OK quick"
        site.connections.sweep()
        await site.until(lambda: len(site.connections) <= 2)

    run(test, most=2)


def test_hundreds_of_half_sent_requests_keep_nobody_out() -> None:
    async def test(site: Site) -> None:
        for _ in range(300):
            await site.connect(HEAD % b"quick")
        reader = await site.connect(HEAD % b"quick" + b"\r\n")
        assert await answer(reader) == b"HTTP/1.1 200 OK quick"
        assert len(site.connections) <= 50

    run(test, most=50)
