"""`make bench`: the product's figures on this machine, each beside its bar; real processes, loopback only."""

from __future__ import annotations

import concurrent.futures
import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil

from core.imaging.picture import prepare
from tests import pictures
from tests.bench.comfyui import comfyui
from tests.bench.engine import engine
from tests.bench.load import load
from tests.bench.memory import memory
from tests.bench.models import models
from tests.bench.side_by_side import side_by_side
from tests.bench.stores import stores
from tests.bench.supabase_cost import supabase_cost
from tests.bench.waiting import waiting
from tests.serving import ServerProcess, serving

REQUESTS, AT_ONCE = 200, 8
IDLE_S = 20.0


def main() -> None:
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        start_to_healthy(Path(folder))
        idle_cpu(Path(folder))
        answers(Path(folder))
    memory()
    engine()
    models()
    stores()
    load()
    waiting()
    comfyui()
    side_by_side()
    supabase_cost()


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    software = f"{platform.system()}, Python {platform.python_version()}"
    return f"Machine: {os.cpu_count()} × {model}, {memory:.0f} GiB, {software}"


def start_to_healthy(folder: Path) -> None:
    """Bar: under 6 s."""
    taken = []
    for number in range(3):
        started_s = time.monotonic()
        server = ServerProcess(folder / f"start-{number}")
        server.wait_until_healthy()
        taken.append(time.monotonic() - started_s)
        server.stop()
    print(f"\nStart to healthy: median {statistics.median(taken):.2f} s of 3 (bar: under 6 s)")


def idle_cpu(folder: Path) -> None:
    """Bar: under 3 % of a core, with the scheduler running and no browser."""
    with serving(folder / "idle") as server:
        process = psutil.Process(server.process.pid)
        pause = threading.Event()
        pause.wait(3)
        before, started_s = sum(process.cpu_times()[:2]), time.monotonic()
        pause.wait(IDLE_S)
        share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - started_s)
    print(f"Idle CPU without a browser: {share * 100:.1f} % of a core over {IDLE_S:.0f} s (bar: under 3 %)")


def answers(folder: Path) -> None:
    """From POST to its answer. Bar: p95 under 150 ms while four jobs run."""
    picture = prepare(pictures.portrait(), max_bytes=10**8).data
    print(f"\nPOST to its answer, {REQUESTS} requests, {AT_ONCE} at once, four jobs running:")
    with serving(folder / "answers") as server:
        _start_jobs(server, 4)
        taken = _timed_posts(server, picture)
    p95 = taken[int(len(taken) * 0.95) - 1]
    print(f"  picture of {len(picture) // 1000} kB (512 × 512)")
    print(f"  median {statistics.median(taken) * 1000:.0f} ms   p95 {p95 * 1000:.0f} ms   (bar: p95 under 150 ms)")


def _start_jobs(server: ServerProcess, jobs: int) -> None:
    """Under way before the first request; those the benchmark adds queue behind them, so the engine never rests."""
    for _ in range(jobs):
        server.post(pictures.phone_photo(), "running")
    pause = threading.Event()
    while server.status(1)["task_id"] is None:
        pause.wait(0.1)


def _timed_posts(server: ServerProcess, picture: bytes) -> list[float]:
    local = threading.local()

    def post(number: int) -> float:
        client = getattr(local, "client", None) or httpx.Client(timeout=60)
        local.client = client
        started_s = time.perf_counter()
        answer = client.post(
            f"{server.address}/api/generate-3d",
            files={"image": ("a.jpg", picture)},
            data={"targetObject": f"Bench {number}"},
        )
        taken_s = time.perf_counter() - started_s
        assert answer.status_code == 202, answer.text
        return taken_s

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return sorted(pool.map(post, range(REQUESTS)))


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
