"""The product as a process before a ComfyUI: what its web socket brings, and what a process without work shows."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import pictures
from tests.fake_comfyui.server import FakeComfy, running
from tests.serving import START_S, ServerProcess, serving

pytestmark = pytest.mark.slow
LONGEST_PAUSE_S = 60  # that POLL_FIRST_S takes: by asking alone, nothing is heard of a task before
PATIENCE_S = 45.0  # less than that: what comes by then, the news of its end brought


def until(is_so: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> bool:
    pause, ends_s = threading.Event(), time.monotonic() + patience_s
    while time.monotonic() < ends_s:
        if is_so():
            return True
        pause.wait(0.1)
    return False


def post(server: ServerProcess) -> int:
    answer = httpx.post(
        f"{server.address}/api/jobs",
        files={"image": ("a.jpg", pictures.cat())},
        data={"kind": "image_to_model", "generator": "comfyui", "targetObject": "Cat"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return int(answer.json()["record_id"])


def news_of(folder: Path) -> list[str]:
    """Tasks of whose end the table was told."""
    with closing(sqlite3.connect(folder / "data" / "maquette.sqlite3", timeout=30)) as database, database:
        rows = database.execute("select task_id from webhook_deliveries where type = 'task.ended'").fetchall()
    return [task_id for (task_id,) in rows]


def test_a_job_is_completed_by_the_news_of_its_end_long_before_it_would_be_asked_for(tmp_path: Path) -> None:
    fake = FakeComfy()
    with (
        running(fake) as address,
        serving(tmp_path / "data", COMFYUI_URL=address, POLL_FIRST_S=LONGEST_PAUSE_S) as server,
    ):
        job_id = post(server)
        assert until(lambda: server.status(job_id)["status"] == "completed"), server.log.read_text()
        told = server.status(job_id)
        model = httpx.get(told["3d_url"], timeout=30)

        assert (model.status_code, model.content[:4]) == (200, b"glTF")
        assert [run.id for run in fake.machine.runs] == [told["task_id"]]
        assert news_of(tmp_path) == [told["task_id"]]


def test_a_process_that_does_no_work_shows_what_the_server_lacks(tmp_path: Path) -> None:
    fake = FakeComfy()
    fake.machine.files["checkpoints"] = []
    with running(fake) as address:
        server = ServerProcess(tmp_path / "data", COMFYUI_URL=address, SCHEDULER="off")

        def problem() -> Any:
            """None until it is known; a process without a scheduler beside it is never called healthy."""
            assert server.process.poll() is None, server.log.read_text()
            try:
                answer = httpx.get(f"{server.address}/api/generators", timeout=30)
            except httpx.HTTPError:
                return None
            return next(each["problem"] for each in answer.json()["generators"] if each["name"] == "comfyui")

        try:
            assert until(lambda: problem() is not None, patience_s=START_S), server.log.read_text()
            assert "hunyuan_3d_v2.1.safetensors" in problem()
        finally:
            server.stop()
    assert fake.machine.posts == []
