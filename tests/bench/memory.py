"""What large pictures leave behind in the server's memory, while it answers to others."""

from __future__ import annotations

import concurrent.futures
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

from tests import pictures
from tests.pictures import encoded
from tests.serving import ServerProcess

PICTURES, AT_ONCE = 200, 2
SIDE_PX = 8000  # 64 megapixels, the most that is taken
MEGABYTE = 2**20


@dataclass
class Watched:
    """A server's memory and its answers to /api/health, looked at until it is enough."""

    server: ServerProcess
    peak_mb: float = 0.0
    health_s: list[float] = field(default_factory=list)
    is_enough: threading.Event = field(default_factory=threading.Event)

    def memory_mb(self) -> float:
        """Of the server's own process."""
        return psutil.Process(self.server.process.pid).memory_info().rss / MEGABYTE

    def watch(self) -> None:
        while not self.is_enough.wait(0.2):
            self.peak_mb = max(self.peak_mb, self.memory_mb())
            started_s = time.monotonic()
            httpx.get(f"{self.server.address}/api/health", timeout=60)
            self.health_s.append(time.monotonic() - started_s)


@dataclass(frozen=True, kw_only=True)
class Figures:
    before_mb: float
    after_mb: float
    peak_mb: float
    health_p99_s: float
    seconds: float


def large_pictures() -> list[bytes]:
    """A photograph's bytes and a drawing's, both of 64 megapixels."""
    grain = np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    photo = Image.fromarray(grain).resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
    return [encoded(photo, "JPEG", quality=80), encoded(Image.new("RGB", (SIDE_PX, SIDE_PX), (90, 120, 60)), "PNG")]


@contextmanager
def showing(data_dir: Path) -> Iterator[ServerProcess]:
    """A server that takes pictures and makes no models, which would only take time here."""
    server = ServerProcess(data_dir, SCHEDULER="off")
    pause = threading.Event()
    try:
        while True:
            assert server.process.poll() is None, server.log.read_text()
            try:
                httpx.get(f"{server.address}/api/health", timeout=10)  # "no scheduler has run" is an answer
                break
            except httpx.TransportError:
                pause.wait(0.1)
        yield server
    finally:
        server.stop()


def measured(folder: Path, *, count: int) -> Figures:
    """Submit so many large pictures, and look at each one small as a table does."""
    large = large_pictures()
    with showing(folder / "data") as server:
        server.post(pictures.portrait(), "the first")
        watched = Watched(server)
        before_mb, started_s = watched.memory_mb(), time.monotonic()
        watching = threading.Thread(target=watched.watch)
        watching.start()

        def submit(number: int) -> None:
            job = server.post(large[number % len(large)], f"large {number}")
            small = httpx.get(f"{server.address}/api/jobs/{job}/image?size=96", timeout=60)
            assert small.status_code == 200, small.text

        try:
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(submit, range(count)))
        finally:
            watched.is_enough.set()
            watching.join()
        return Figures(
            before_mb=before_mb,
            after_mb=watched.memory_mb(),
            peak_mb=watched.peak_mb,
            health_p99_s=statistics.quantiles(watched.health_s, n=100)[98],
            seconds=time.monotonic() - started_s,
        )


def memory() -> None:
    """Bar: within 100 MB of before."""
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), count=PICTURES)
    print(
        f"\n{PICTURES} pictures of 64 megapixels, {AT_ONCE} at once, in {found.seconds:.0f} s; the server's own memory:"
    )
    print(f"  before {found.before_mb:.0f} MB   peak {found.peak_mb:.0f} MB   after {found.after_mb:.0f} MB", end="")
    print(f"   (bar: within 100 MB of before)   health p99 {found.health_p99_s * 1000:.0f} ms")


if __name__ == "__main__":
    memory()
