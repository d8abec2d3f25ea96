"""Paid jobs under real SIGKILLs at odd moments: the ledger of the fake Tripo is the judge."""

from __future__ import annotations

import collections
import random
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests import pictures
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.slow
SEED = 20
KILLS = 6
PATIENCE_S = 180


def rows(data: Path) -> list[tuple[str, str, str | None, str | None, int | None]]:
    with closing(sqlite3.connect(data / "maquette.sqlite3")) as database, database:
        return database.execute("select stage, status, task_id, image_token, nonce from generated_images").fetchall()


def test_no_job_is_billed_twice_and_no_task_is_lost_however_often_the_process_is_killed(tmp_path: Path) -> None:
    chance, fake, data, pause = random.Random(SEED), FakeTripo(task_s=1.0), tmp_path / "data", threading.Event()
    with running(fake) as address:
        settings = {"TRIPO_API_KEY": "tsk_x", "TRIPO_BASE_URL": address, "LEASE_S": 5}
        for number in range(KILLS):
            server = ServerProcess(data, **settings)
            server.wait_until_healthy()
            for _ in range(2):
                server.post(pictures.cat(), "Cat")
            # in turn: while it is sent, and while it is made and stored
            pause.wait(chance.uniform(0, 0.3) if number % 2 else chance.uniform(0.5, 2.5))
            server.stop(signal.SIGKILL)
        with serving(data, **settings):
            for _ in range(PATIENCE_S):
                if {stage for stage, *_ in rows(data)} <= {"done", "uncertain"}:
                    break
                pause.wait(1)

    found = rows(data)
    bound = {task_id for _, _, task_id, _, _ in found if task_id}
    doubtful = {(token, nonce) for stage, _, _, token, nonce in found if stage == "uncertain"}
    tasks = list(fake.ledger.tasks.values())
    assert len(found) == 2 * KILLS
    assert {(stage, status) for stage, status, *_ in found} <= {("done", "completed"), ("uncertain", "running")}
    assert [
        task.id
        for task in tasks
        if task.id not in bound and (task.input["input"], task.input["model_seed"]) not in doubtful
    ] == []
    assert max(collections.Counter(task.input["input"] for task in tasks).values()) == 1
    assert sum(status == "completed" for _, status, *_ in found) == len(bound)
