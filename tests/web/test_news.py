"""What Socket.IO listeners hear of a job: every change that people see, and its end once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.domain.claims import Failure, PollNote
from core.domain.generation import UsageRow
from core.stores.sqlite.job_store import SqliteJobStore
from core.web.sockets import JobFeed
from tests.builders import EVERY_SLOT, intent, new_job, stored_model
from tests.clocks import FakeClock


class Listening:
    """A feed with one listener, and what was told to it."""

    def __init__(self, jobs: SqliteJobStore) -> None:
        self.feed = JobFeed()
        self.services: Any = SimpleNamespace(
            reads=jobs, overview=SimpleNamespace(model_address=lambda job, origin: f"/{job.id}.glb")
        )
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.feed._server.emit = self._emit
        self.look()

    async def _emit(self, name: str, told: dict[str, Any]) -> None:
        self.told.append((name, told))

    def look(self) -> list[str]:
        self.told.clear()
        asyncio.run(self.feed._look(self.services))
        return [name for name, _ in self.told]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(tmp_path: Path, clock: FakeClock) -> Iterator[SqliteJobStore]:
    store = SqliteJobStore(tmp_path / "jobs.sqlite3", clock)
    yield store
    store.close()


def generating(jobs: SqliteJobStore) -> None:
    jobs.add(new_job())
    claim = jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    jobs.mark_submitting(claim, intent(account="acc"))
    jobs.bind_task(claim, "task-1", poll_in_s=0)


def ended(jobs: SqliteJobStore) -> None:
    generating(jobs)
    claim = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1)[0].claim
    jobs.mark_saving(claim, credits_used=None)
    claim = jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=1)[0].claim
    jobs.complete(claim, stored_model())


def bill(jobs: SqliteJobStore, clock: FakeClock, credits_used: int) -> None:
    clock.advance(30)
    row = UsageRow(
        task_id="task-1",
        type="",
        status="success",
        created_at=None,
        credits_used=credits_used,  # type: ignore[arg-type]
        has_ended=True,
    )
    jobs.accounts.note_usage("acc", [row])


def test_an_end_is_told_once_whatever_is_written_down_afterwards(jobs: SqliteJobStore, clock: FakeClock) -> None:
    listening = Listening(jobs)
    ended(jobs)
    assert listening.look() == ["job_updated", "job_completed"]
    heard = []
    for credits_used in (30, 30, 25):
        bill(jobs, clock, credits_used)
        heard += listening.look()

    assert heard == ["job_updated", "job_updated"], "the cost is news, the end is not"


def test_an_end_from_before_anyone_listened_is_not_told_when_its_bill_comes(
    jobs: SqliteJobStore, clock: FakeClock
) -> None:
    ended(jobs)
    listening = Listening(jobs)
    bill(jobs, clock, 30)

    assert listening.look() == ["job_updated"]


def test_a_lease_and_a_question_without_news_are_not_told(jobs: SqliteJobStore, clock: FakeClock) -> None:
    generating(jobs)
    listening = Listening(jobs)
    heard = []
    for progress in (0, 0, 40, 40):
        clock.advance(5)
        claim = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1)[0].claim
        heard += listening.look()
        jobs.note_polls([PollNote(claim=claim, progress=progress, poll_again_in_s=0)])
        heard += listening.look()

    assert heard == ["job_updated"]


def test_a_job_that_fails_is_told_once_with_its_reason(jobs: SqliteJobStore) -> None:
    listening = Listening(jobs)
    generating(jobs)
    claim = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1)[0].claim
    jobs.fail(claim, Failure(code="2008", message="Refused."))
    listening.look()

    assert listening.told[-1] == ("job_failed", {"record_id": 1, "error": "Refused."})
    assert listening.look() == []


def test_a_job_that_another_program_has_under_way_has_not_ended_before_it_says_so(
    jobs: SqliteJobStore, tmp_path: Path
) -> None:
    listening = Listening(jobs)
    job = jobs.add(new_job()).job
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as theirs, theirs:
        write = "update generated_images set stage = 'done', finished_at = updated_at, status = ?, change_number = ?"
        theirs.execute(write, ("running", 100))
    assert listening.look() == ["job_updated"]

    with closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as theirs, theirs:
        theirs.execute(write, ("failed", 101))
    assert listening.look() == ["job_updated", "job_failed"]
    assert jobs.get(job.id).is_ended
