"""A job table that is damaged while a real server runs: nothing is paid for any more, and everything says so."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from tests import pictures
from tests.damage import WAYS, filled
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.slow
JOBS = 300


def submit(server: ServerProcess) -> httpx.Response:
    picture = {"image": ("a.jpg", pictures.cat())}
    return httpx.post(f"{server.address}/api/generate-3d", files=picture, data={"targetObject": "Cat"}, timeout=30)


def test_a_quarter_of_the_table_is_overwritten_and_nothing_is_paid_for_any_more(tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.0)
    table = tmp_path / "data" / "maquette.sqlite3"
    table.parent.mkdir()
    filled(table, jobs=JOBS)
    with (
        running(fake) as address,
        serving(tmp_path / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server,
    ):
        assert server.wait_for_end(server.post(pictures.cat(), "Cat"))["status"] == "completed"
        WAYS["quarter"](table)
        pause = threading.Event()
        answers = []
        while not any(code == 503 for code in answers):  # people look at their jobs, or the minute's look comes first
            assert len(answers) < 3 * JOBS
            answers.append(
                httpx.get(f"{server.address}/api/generation-status/{len(answers) % JOBS + 1}", timeout=30).status_code
            )
        answer, health = submit(server), httpx.get(f"{server.address}/api/health", timeout=30)
        pause.wait(3)  # three ticks in which a job could be sent

    assert answer.status_code == 503, answer.text
    assert "nothing new is charged" in answer.json()["error"]
    assert (health.status_code, health.json()["status"], health.json()["store"]["ok"]) == (503, "unwell", False)
    assert len(fake.ledger.tasks) == 1
    assert fake.ledger.billed == 30

    again = ServerProcess(tmp_path / "data", TRIPO_API_KEY="tsk_test")
    again.process.wait(30)
    said = again.log.read_text()
    assert again.process.returncode == 2
    assert "Maquette cannot start. The job table is damaged" in said
    assert "Traceback" not in said
