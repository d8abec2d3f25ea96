"""The line to the database becomes slow, silent, or loses every answer, in the middle of paid work."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import pictures
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess
from tests.supabase.proxy import Line
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
JOBS = 6


@pytest.mark.parametrize("mode", ["silent", "mute", "slow"])
def test_a_bad_line_costs_no_task_twice_and_loses_none(project: SupabaseLite, tmp_path: Path, mode: str) -> None:
    """One process behind the bad line, one on a good one; both take jobs while it happens."""
    project.sql("truncate generated_images cascade; truncate account_state")
    fake = FakeTripo(task_s=2.0)
    with running(fake) as tripo, Line(project.url) as line:
        chosen: dict[str, Any] = {
            "SUPABASE_KEY": project.secret_key,
            "LEASE_S": 6,
            "SETTLE_S": 60,
            "TRIPO_API_KEY": "tsk_test",
            "TRIPO_BASE_URL": tripo,
        }
        behind = ServerProcess(tmp_path / "a" / "data", SUPABASE_URL=line.url, **chosen)
        other = ServerProcess(tmp_path / "b" / "data", SUPABASE_URL=project.url, **chosen)
        try:
            behind.wait_until_healthy()
            other.wait_until_healthy()
            numbers = [(behind, other)[each % 2].post(pictures.cat(), f"Thing {each}") for each in range(JOBS)]
            threading.Event().wait(0.7)
            line.mode = mode
            threading.Event().wait(8)
            line.mode = "clear"

            ends = [other.wait_for_end(number, patience_s=180) for number in numbers]
            assert [end["status"] for end in ends] == ["completed"] * JOBS
            assert line.swallowed > 0 or mode == "slow"
            last = behind.post(pictures.cat(), "After it")  # once its dead connections have timed out it works again
            assert behind.wait_for_end(last, patience_s=180)["status"] == "completed"
            assert httpx.get(f"{behind.address}/api/health", timeout=30).json()["store"]["ok"] is True
        finally:
            behind.stop()
            other.stop()
    bound = project.sql("select task_id from generated_images order by id").split()
    assert sorted(bound) == sorted(fake.ledger.tasks), "every task that was made, and paid, is one job's"


def test_while_the_line_is_silent_health_and_reads_answer_soon_and_say_what_is_away(
    project: SupabaseLite, tmp_path: Path
) -> None:
    """The bounds are those after which whoever asks gives up; a call of a tick waits for a minute at the same time."""
    project.sql("truncate generated_images cascade; truncate account_state")
    with Line(project.url) as line:
        server = ServerProcess(tmp_path / "data", SUPABASE_URL=line.url, SUPABASE_KEY=project.secret_key)
        try:
            server.wait_until_healthy()
            number = server.post(pictures.cat(), "Cup")
            server.wait_for_end(number)
            line.mode = "silent"
            for _ in range(3):
                health = httpx.get(f"{server.address}/api/health", timeout=5)
                assert health.status_code == 503
            assert "cannot be reached now" in health.json()["store"]["problem"]
            read = httpx.get(f"{server.address}/api/generation-status/{number}", timeout=8)
            assert read.status_code == 503

            line.mode = "clear"
            server.wait_until_healthy()
            assert server.status(number)["status"] == "completed"
        finally:
            server.stop()
