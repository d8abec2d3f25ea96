"""A minute of the heaviest mixed load that was ever tried on the server, and how soon health answers meanwhile.

The callers are a process of their own on this machine; everything is bounded in count and time.
"""

from __future__ import annotations

import collections
import io
import itertools
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from core.system_clock import SystemClock
from tests import pictures
from tests.builders import EVERY_SLOT, Category, intent, new_job, stored_model
from tests.mesh.models import ball, glb_of, textured
from tests.serving import ServerProcess, serving

RUN_S = 60.0
SETTLE_S = 20.0  # after the load, before the memory is read again
ASK_EVERY_S = 0.1
MODELS, ROUNDNESS = 30, 6  # balls of 82,000 faces that nobody has looked at yet
REPORTS, EXPORTS, BODIES, BIG, SMALL = 45, 50, 3, 2, 4  # callers of each kind, all at once
BODY_BYTES = 40 * 10**6
BIG_PX = (8000, 8000)
STILL = "no answer yet at the end"
Call = Callable[[httpx.Client, int], httpx.Response]


@dataclass
class Watch:
    """Asks for health all the time, and looks at the memory of the server and its children."""

    server: ServerProcess
    taken_s: list[float] = field(default_factory=list)
    failed: collections.Counter[str] = field(default_factory=collections.Counter)
    peak_mb: float = 0.0

    def run(self, is_over: threading.Event) -> None:
        with httpx.Client(timeout=60) as client:
            while not is_over.wait(ASK_EVERY_S):
                started_s = time.perf_counter()
                try:
                    status = client.get(f"{self.server.address}/api/health").status_code
                    if status != 200:
                        self.failed[str(status)] += 1
                except httpx.HTTPError as exc:
                    self.failed[type(exc).__name__] += 1
                self.taken_s.append(time.perf_counter() - started_s)

    def look_at_memory(self, is_over: threading.Event) -> None:
        while not is_over.wait(0.5):
            self.peak_mb = max(self.peak_mb, sum(megabytes(self.server)))

    def tell(self) -> None:
        taken = sorted(self.taken_s)
        print(f"  health, asked {len(taken)} times: median {1000 * taken[len(taken) // 2]:.0f} ms, ", end="")
        print(f"p99 {1000 * taken[int(0.99 * len(taken))]:.0f} ms, max {1000 * taken[-1]:.0f} ms ", end="")
        print(f"(bar: p99 under 1000 ms, none over 3500 ms); not 200: {dict(self.failed) or 'none'}")


def load() -> None:
    """Bars: health's p99 under a second and none over 3.5 s; memory afterwards within 100 MB of before."""
    print(
        f"\n{RUN_S:.0f} s of load: {REPORTS} wait for figures, {EXPORTS} for one file, {BODIES} send JSON of", end=" "
    )
    print(
        f"{BODY_BYTES // 10**6} MB, {BIG} pictures of {BIG_PX[0] * BIG_PX[1] // 10**6} megapixels, {SMALL} small ones"
    )
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        numbers = finished_jobs(data)
        with serving(data) as server:
            threading.Event().wait(3)
            before = megabytes(server)
            watch, codes = Watch(server), under_load(server, numbers)
            is_over = threading.Event()
            threads = [threading.Thread(target=act, args=(is_over,)) for act in (watch.run, watch.look_at_memory)]
            for thread in threads:
                thread.start()
            told = next(codes)
            is_over.set()
            for thread in threads:
                thread.join()
            watch.tell()
            threading.Event().wait(SETTLE_S)
            after = megabytes(server)
    print(f"  memory of the server: {before[0]:.0f} MB before, {after[0]:.0f} MB {SETTLE_S:.0f} s after; ", end="")
    print(f"with its child processes at most {watch.peak_mb:.0f} MB")
    for kind, found in sorted(told.items()):
        print(
            f"  answers to {kind}: " + ", ".join(f"{count} × {code}" for code, count in sorted(found.items()) if count)
        )


def megabytes(server: ServerProcess) -> tuple[float, float]:
    """Of the server itself, and of its child processes together."""
    process = psutil.Process(server.process.pid)
    children = 0.0
    for child in process.children(recursive=True):
        try:
            children += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return process.memory_info().rss / 2**20, children / 2**20


def finished_jobs(data: Path) -> list[int]:
    """Jobs with models that were never looked at, written while no server runs."""
    data.mkdir(parents=True)
    jobs, files = SqliteJobStore(data / "maquette.sqlite3", SystemClock()), LocalObjectStore(data / "files")
    model, numbers = glb_of(textured(ball(ROUNDNESS))), []
    for number in range(MODELS):
        job = jobs.add(new_job(generator="offline", category=Category.OFFLINE, target_object=f"Ball {number}")).job
        (claimed,) = jobs.claim_queued(owner="b", lease_s=60, slots=EVERY_SLOT, limit=1)
        jobs.mark_submitting(claimed.claim, intent(nonce=number))
        jobs.bind_task(claimed.claim, f"ball-{number}", poll_in_s=0)
        jobs.mark_saving(claimed.claim, credits_used=None)
        (saving,) = jobs.claim_saving(owner="b", lease_s=60, generator="offline", limit=1)
        key = f"models/{job.id}/ball.glb"
        files.put(key, model, media_type="model/gltf-binary")
        # the number in the hash makes each of them a model that nobody has seen
        jobs.complete(saving.claim, stored_model(key=key, size_bytes=len(model), sha256=f"{number:064d}"))
        numbers.append(job.id)
    jobs.close()
    return numbers


def under_load(server: ServerProcess, numbers: list[int]) -> collections.abc.Iterator[dict[str, dict[str, int]]]:
    """One answer, when the minute is over: how often each code came, by kind of call."""
    context = multiprocessing.get_context("spawn")
    told: Queue[dict[str, dict[str, int]]] = context.Queue()
    process = context.Process(target=callers, args=(server.address, numbers, told), daemon=True)
    process.start()
    yield told.get(timeout=RUN_S + 240)
    process.join(30)


def callers(address: str, numbers: list[int], told: Queue[dict[str, dict[str, int]]]) -> None:
    """In a process of their own, so that they do not slow down the watch."""
    codes: dict[str, collections.Counter[str]] = {}
    ends_s = time.monotonic() + RUN_S
    threads = []
    for (kind, call), count in calls(address, numbers).items():
        codes[kind] = collections.Counter()
        for number in range(count):
            threads.append(threading.Thread(target=_call, args=(call, number, codes[kind], ends_s), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends_s - time.monotonic()))
    told.put({kind: dict(found) for kind, found in codes.items()})


def _call(call: Call, number: int, codes: collections.Counter[str], ends_s: float) -> None:
    with httpx.Client(timeout=200) as client:
        for turn in itertools.count(number):
            if time.monotonic() > ends_s:
                return
            codes[STILL] += 1
            try:
                answer = call(client, turn)
                codes[str(answer.status_code)] += 1
                if answer.status_code == 503:
                    threading.Event().wait(1)
            except httpx.HTTPError as exc:
                codes[type(exc).__name__] += 1
                threading.Event().wait(0.2)
            finally:
                codes[STILL] -= 1


def calls(address: str, numbers: list[int]) -> dict[tuple[str, Call], int]:
    """What is called, and by how many at once."""
    body = json.dumps({"imageUrl": "http://127.0.0.1/a.png", "targetObject": "x" * BODY_BYTES}).encode()
    big, small, submit = big_picture(), pictures.portrait(), f"{address}/api/generate-3d"

    def report(client: httpx.Client, turn: int) -> httpx.Response:
        return client.get(f"{address}/api/jobs/{numbers[turn % len(numbers)]}/report?wait=true")

    def export(client: httpx.Client, turn: int) -> httpx.Response:
        height_mm = 10 + int(time.time() // 5) % 1000  # another file every five seconds, the same for all
        return client.get(f"{address}/api/jobs/{numbers[0]}/export?format=stl&heightMm={height_mm}")

    def send_json(client: httpx.Client, turn: int) -> httpx.Response:
        content = body if turn % 2 else iter([body[:1000], body[1000:]])  # with its length, and without
        return client.post(submit, content=content, headers={"Content-Type": "application/json"})

    def send(client: httpx.Client, picture: bytes) -> httpx.Response:
        threading.Event().wait(0.3)
        return client.post(submit, files={"image": ("a.jpg", picture)}, data={"targetObject": "Load"})

    return {
        ("report?wait=true", report): REPORTS,
        ("export of one file", export): EXPORTS,
        ("JSON", send_json): BODIES,
        ("a big picture", lambda client, turn: send(client, big)): BIG,
        ("a small picture", lambda client, turn: send(client, small)): SMALL,
    }


def big_picture() -> bytes:
    """A smooth one: few bytes, many pixels."""
    y, x = np.mgrid[0 : BIG_PX[1] : 8, 0 : BIG_PX[0] : 8].astype(np.float32)
    light = np.stack([x * 255 / BIG_PX[0], y * 255 / BIG_PX[1], (x + y) % 255], axis=-1).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(light).resize(BIG_PX).save(out, "JPEG", quality=80)
    return out.getvalue()


if __name__ == "__main__":
    load()
