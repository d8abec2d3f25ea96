"""Waiting for 200 tasks: the product, with and without webhooks, beside the official SDK's `wait_for_task`.

All three wait at the same time, each on a fake Tripo of its own with the same 200 task times of 20 to 120 s; nothing is
scaled. For the SDK the delay ends when `wait_for_task` returns; for the product only when the model has been fetched,
checked and stored and the job reads completed. Requests are those of the account after creation, without the transfer
of the model itself, which both need.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from tripo3d import TripoClient

from tests import pictures
from tests.fake_tripo.server import FakeTripo, running
from tests.fake_tripo.webhooks import SECRET, delivery, signed
from tests.serving import ServerProcess

TASKS, SEED = 200, 5
PATIENCE_S = 400.0
MODEL = "v3.1-20260211"


@dataclass(frozen=True)
class Figures:
    """Seconds from "done at Tripo" to "known here", and requests for each job."""

    delays_s: list[float]
    requests_per_job: float

    @property
    def median_s(self) -> float:
        return statistics.median(self.delays_s)

    @property
    def p95_s(self) -> float:
        return sorted(self.delays_s)[int(0.95 * len(self.delays_s))]


def times_s() -> list[float]:
    luck = random.Random(SEED)
    return [luck.uniform(20, 120) for _ in range(TASKS)]


def fake_tripo() -> FakeTripo:
    fake = FakeTripo()
    fake.ledger.limits, fake.ledger.times_s = {"standard": TASKS, "p": TASKS}, times_s()
    fake.ledger.credits = fake.ledger.credits * 100
    return fake


def with_the_sdk(fake: FakeTripo, address: str) -> Figures:
    """What a user would otherwise write: one `wait_for_task` for each task, all at once, with its defaults."""
    ledger = fake.ledger
    made = [ledger.create({"input": ledger.add_file(), "model": MODEL}) for _ in range(TASKS)]

    async def wait_for_all() -> list[float]:
        async with TripoClient(api_key="tsk_sdk", v3_base_url=address) as client:

            async def wait(task_id: str, ends_s: float) -> float:
                await client.wait_for_task(task_id)
                return time.time() - ends_s

            return await asyncio.gather(*(wait(task.id, task.ends_s) for task in made))

    delays_s = asyncio.run(wait_for_all())
    return Figures(delays_s, len(ledger.requests) / TASKS)


def with_the_product(fake: FakeTripo, address: str, folder: Path, *, webhooks: bool) -> Figures:
    """A real server process; its own job table says when a job was completed."""
    settings = {"TRIPO_API_KEY": "tsk_us", "TRIPO_BASE_URL": address, "CONCURRENCY_STANDARD": TASKS}
    if webhooks:
        settings["TRIPO_WEBHOOK_SECRET"] = SECRET
    server = ServerProcess(folder / "data", **settings)
    server.wait_until_healthy()
    try:
        picture = pictures.cat()
        for number in range(TASKS):
            server.post(picture, f"Task {number}")
        if webhooks:
            _tell_of_each_end(fake, server)
        _wait(lambda: _count(folder, "status = 'completed'") == TASKS)
    finally:
        server.stop()
    ledger = fake.ledger
    with closing(sqlite3.connect(folder / "data" / "maquette.sqlite3")) as database, database:
        rows = database.execute("select task_id, finished_at from generated_images").fetchall()
    delays_s = [datetime.fromisoformat(at).timestamp() - ledger.tasks[task_id].ends_s for task_id, at in rows]
    paths = [path for _, path, _ in ledger.requests]
    ours = [path for path in paths if "/generation/" not in path and "/files" not in path and "/signed/" not in path]
    return Figures(delays_s, len(ours) / TASKS)


def _tell_of_each_end(fake: FakeTripo, server: ServerProcess) -> None:
    """The fake calls the webhook as soon as a task has ended."""
    told: set[str] = set()
    taken_s: list[float] = []
    ends_s = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    with httpx.Client() as http:
        while len(told) < TASKS and time.monotonic() < ends_s:
            for task in list(fake.ledger.tasks.values()):
                if task.id not in told and not fake.ledger.is_open(task):
                    told.add(task.id)
                    body = delivery(task.id, id=f"evt-{task.id}")
                    started_s = time.perf_counter()
                    http.post(
                        f"{server.address}/api/webhooks/tripo", content=body, headers=signed(body)
                    ).raise_for_status()
                    taken_s.append(time.perf_counter() - started_s)
            pause.wait(0.02)
    taken_s.sort()
    median_ms, p95_ms = 1000 * statistics.median(taken_s), 1000 * taken_s[int(0.95 * len(taken_s))]
    print(f"\nWebhook stored and answered: median {median_ms:.0f} ms, p95 {p95_ms:.0f} ms (bar: under 100 ms)")


def _count(folder: Path, where: str) -> int:
    with closing(sqlite3.connect(folder / "data" / "maquette.sqlite3", timeout=30)) as database, database:
        return int(database.execute(f"select count(*) from generated_images where {where}").fetchone()[0])


def _wait(is_done: object) -> None:
    pause = threading.Event()
    ends_s = time.monotonic() + PATIENCE_S
    while not is_done():  # type: ignore[operator]
        assert time.monotonic() < ends_s, "not all jobs were completed in time"
        pause.wait(0.2)


def waiting() -> None:
    """Bars: without webhooks a median delay under 1 s at no more than 0.5 requests a job; with them under 1 s, too."""
    found: dict[str, Figures] = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        threads = [threading.Thread(target=run) for run in _runs(stack, root, found)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sdk, polling, told = found["sdk"], found["polling"], found["webhooks"]
    print(f"\nWaiting for {TASKS} tasks of 20 to 120 s, all at once, in one run, in real time:")
    print("| | median delay | p95 delay | requests per job |\n|---|---|---|---|")
    for name, figures in (("SDK, wait_for_task", sdk), ("Maquette", polling), ("Maquette with webhooks", told)):
        print(f"| {name} | {figures.median_s:.2f} s | {figures.p95_s:.2f} s | {figures.requests_per_job:.2f} |")
    print(
        f"without webhooks: median {polling.median_s:.2f} s (bar: under 1 s), {polling.requests_per_job:.2f} requests "
        f"a job (bar: at most 0.5); the SDK: {sdk.median_s / polling.median_s:.1f} and "
        f"{sdk.requests_per_job / polling.requests_per_job:.1f} times as much; with webhooks: median "
        f"{told.median_s:.2f} s (bar: under 1 s)"
    )


def _runs(stack: ExitStack, root: Path, found: dict[str, Figures]) -> Iterator[object]:
    fakes = {name: fake_tripo() for name in ("sdk", "polling", "webhooks")}
    addresses = {name: stack.enter_context(running(fake)) for name, fake in fakes.items()}

    def sdk() -> None:
        found["sdk"] = with_the_sdk(fakes["sdk"], addresses["sdk"])

    def product(name: str) -> None:
        folder = root / name
        folder.mkdir()
        found[name] = with_the_product(fakes[name], addresses[name], folder, webhooks=name == "webhooks")

    yield sdk
    yield lambda: product("polling")
    yield lambda: product("webhooks")


if __name__ == "__main__":
    waiting()
