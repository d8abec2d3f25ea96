"""From "done at ComfyUI" to "completed here", with its web socket and without; both at once, in real time."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

import httpx

from core.domain.request import Kind
from core.generators.comfyui.declaration import NAME
from tests import pictures
from tests.fake_comfyui.server import FakeComfy, running
from tests.serving import ServerProcess

JOBS, STEP_S, NODE_S = 12, 0.05, 0.1  # a job of the usual graph takes about three seconds, one after the other
PATIENCE_S = 120.0


def comfyui() -> None:
    """Bar: a median under a second."""
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        threads = []
        for name, has_socket in (("with its web socket", True), ("by asking alone", False)):
            fake = FakeComfy(step_s=STEP_S, node_s=NODE_S)
            fake.refuses_sockets = not has_socket
            address = stack.enter_context(running(fake))

            def run(name: str = name, fake: FakeComfy = fake, address: str = address) -> None:
                found[name] = delays_s(fake, address, root / name)

            threads.append(threading.Thread(target=run))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"\nDone at ComfyUI → completed here, {JOBS} jobs one after the other:")
    for name, delays in found.items():
        told = f"median {statistics.median(delays):.2f} s, worst {max(delays):.2f} s"
        print(f"  {name:20} {told} (bar: median under 1 s)")


def delays_s(fake: FakeComfy, address: str, folder: Path) -> list[float]:
    """Of each job, in a real server process; its own job table says when a job was completed."""
    server = ServerProcess(folder / "data", COMFYUI_URL=address)
    server.wait_until_healthy()
    try:
        for number in range(JOBS):
            answer = httpx.post(
                f"{server.address}/api/jobs",
                files={"image": ("a.jpg", pictures.cat())},
                data={"kind": Kind.IMAGE.value, "generator": NAME, "targetObject": f"Job {number}"},
                timeout=60,
            )
            assert answer.status_code == 202, answer.text
        rows = _completed(folder / "data" / "maquette.sqlite3")
    finally:
        server.stop()
    ended_s = {run.id: run.ended_s for run in fake.machine.runs}
    return [datetime.fromisoformat(at).timestamp() - (ended_s[task_id] or 0.0) for task_id, at in rows]


def _completed(file: Path) -> list[tuple[str, str]]:
    """Once all are: task and time of each."""
    query = "select task_id, finished_at from generated_images where status = 'completed'"
    ends_s, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while True:
        with closing(sqlite3.connect(file, timeout=30)) as database, database:
            rows = database.execute(query).fetchall()
        if len(rows) == JOBS:
            return rows
        assert time.monotonic() < ends_s, "not all jobs were completed in time"
        pause.wait(0.2)


if __name__ == "__main__":
    comfyui()
