"""A line between a process and its database that becomes slow, or goes silent without closing."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.serving import free_port

CHUNK, SLOW_S = 2048, 0.05
REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|HEAD|DELETE) /[^ ?]*(?=[^ ]* HTTP/1\.1$)")


class Line:
    """A TCP proxy on the loopback interface: `url` instead of the server's own.

    Modes: "clear"; "slow": every two kilobytes take 50 ms; "silent": what either side sends is swallowed, and nothing
    is closed, as when a cable is cut; "mute": requests reach the server and are done, their answers are swallowed.
    What was connected while it was silent or mute stays dead for ever, as half-open connections do.
    """

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.mode = "clear"
        self.swallowed = 0
        self.asked: Counter[str] = Counter()  # requests that went through, by method and path
        self.received = 0  # bytes that came back
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self._port))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection(self._to.hostname, self._to.port)
        except OSError:
            writer.close()
            return
        is_dead = asyncio.Event()
        ways = [
            asyncio.ensure_future(self._pass(reader, upstream[1], is_dead, ("silent",), hear=self._hear())),
            asyncio.ensure_future(self._pass(upstream[0], writer, is_dead, ("silent", "mute"), hear=self._count)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return  # the line ends; asyncio would print it as a fault
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            upstream[1].close()

    def _count(self, data: bytes) -> None:
        self.received += len(data)

    def _hear(self) -> Callable[[bytes], None]:
        rest = b""

        def hear(data: bytes) -> None:
            nonlocal rest
            *whole, rest = (rest + data).split(b"\r\n")
            for line in whole:
                found = REQUEST.search(line)
                if found is not None:
                    self.asked[found.group(0).decode()] += 1

        return hear

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_dead: asyncio.Event,
        deaf: tuple[str, ...],
        *,
        hear: Callable[[bytes], None],
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                if is_dead.is_set() or self.mode in deaf:
                    is_dead.set()
                    self.swallowed += 1
                    continue
                hear(data)
                if self.mode == "slow":
                    await asyncio.sleep(SLOW_S)
                writer.write(data)
                await writer.drain()
        except OSError:
            return
