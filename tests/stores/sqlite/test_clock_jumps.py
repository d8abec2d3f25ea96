"""Somebody sets the machine's clock: what work waits for moves along, so that nothing stands still or ends early."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.claims import Claim, Claimed, PollNote
from core.domain.generation import UsageRow
from core.domain.job import Job
from core.domain.status import Stage
from core.services.backoff import FOR_GOOD_S, is_for_good
from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import EVERY_SLOT, intent, new_job
from tests.clocks import FakeClock

BOTH_WAYS = pytest.mark.parametrize("jump_s", [-7200.0, 7200.0, -86_400.0 * 400, 86_400.0 * 400])


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(tmp_path: Path, clock: FakeClock) -> SqliteJobStore:
    return SqliteJobStore(tmp_path / "jobs.sqlite3", clock)


@pytest.fixture(autouse=True)
def closed(jobs: SqliteJobStore) -> object:
    yield
    jobs.close()


def claimed(jobs: SqliteJobStore, owner: str = "a", lease_s: float = 60) -> list[Claimed]:
    return jobs.claim_queued(owner=owner, lease_s=lease_s, slots=EVERY_SLOT, limit=1)


def sent(jobs: SqliteJobStore) -> Claim:
    jobs.add(new_job())
    claim = claimed(jobs)[0].claim
    jobs.mark_submitting(claim, intent(account="acc"))
    return claim


@BOTH_WAYS
def test_a_lease_lasts_as_long_as_it_was_given_for(jobs: SqliteJobStore, clock: FakeClock, jump_s: float) -> None:
    jobs.add(new_job())
    claimed(jobs)
    clock.advance(20)
    clock.jump(jump_s)

    assert claimed(jobs, "b") == []
    clock.advance(41)
    assert [each.claim.owner for each in claimed(jobs, "b")] == ["b"]


@BOTH_WAYS
def test_an_intent_is_neither_called_lost_early_nor_kept_for_hours(
    jobs: SqliteJobStore, clock: FakeClock, jump_s: float
) -> None:
    sent(jobs)
    clock.jump(jump_s)

    assert jobs.expire_submitting() == 0
    job = jobs.get(1)
    assert job.send_by is not None
    assert job.send_by - clock.now() == timedelta(seconds=20)
    clock.advance(61)
    assert jobs.expire_submitting() == 1


@BOTH_WAYS
def test_waits_of_a_job_and_of_the_account_last_as_long_as_they_were_told(
    jobs: SqliteJobStore, clock: FakeClock, jump_s: float
) -> None:
    jobs.add(new_job())
    jobs.return_to_queue(claimed(jobs)[0].claim, wait_s=100, note="wait")
    jobs.accounts.pause_account(generator="tripo", wait_s=50)
    clock.jump(jump_s)

    assert jobs.accounts.account_wait_s(generator="tripo") == pytest.approx(50)  # before anything was written
    assert claimed(jobs) == []
    assert jobs.accounts.account_wait_s(generator="tripo") == pytest.approx(50)  # and after
    clock.advance(51)
    assert jobs.accounts.account_wait_s(generator="tripo") == 0
    assert claimed(jobs) == []
    clock.advance(50)
    assert len(claimed(jobs)) == 1


@BOTH_WAYS
def test_a_task_is_asked_for_when_it_was_to_be_and_is_late_when_it_is(
    jobs: SqliteJobStore, clock: FakeClock, jump_s: float
) -> None:
    jobs.bind_task(sent(jobs), "task-1", poll_in_s=30)
    clock.jump(jump_s)

    def due() -> list[Claimed]:
        return jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1)

    assert due() == []
    assert jobs.mark_late(timeout_s=600) == 0
    clock.advance(31)
    assert jobs.note_polls([PollNote(claim=due()[0].claim, progress=1, poll_again_in_s=600)]) == 1
    clock.advance(570)
    assert jobs.mark_late(timeout_s=600) == 1


@BOTH_WAYS
def test_a_search_is_repeated_when_it_was_to_be(jobs: SqliteJobStore, clock: FakeClock, jump_s: float) -> None:
    jobs.mark_uncertain(sent(jobs), note="lost")

    def search() -> list[Claimed]:
        return jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=1, not_scanned_for_s=30)

    jobs.note_scan(search()[0].claim, counts=False)
    clock.jump(jump_s)
    assert search() == []
    clock.advance(31)
    assert len(search()) == 1


def test_an_installation_that_was_moved_stays_stopped(jobs: SqliteJobStore, clock: FakeClock) -> None:
    jobs.accounts.pause_account(generator="tripo", wait_s=FOR_GOOD_S)
    clock.jump(-7200)
    jobs.beat(owner="a")

    assert is_for_good(jobs.accounts.account_wait_s(generator="tripo"))


def test_a_clock_that_drifts_is_no_jump_and_times_that_passed_stay(jobs: SqliteJobStore, clock: FakeClock) -> None:
    jobs.mark_uncertain(sent(jobs), note="lost")
    before = jobs.get(1)
    for _ in range(20):
        clock.advance(10)
        clock.jump(0.5)
        jobs.beat(owner="a")

    assert jobs.get(1) == before


def test_two_processes_move_the_table_once(jobs: SqliteJobStore, clock: FakeClock, tmp_path: Path) -> None:
    sent(jobs)
    other = SqliteJobStore(tmp_path / "jobs.sqlite3", clock)
    clock.jump(-7200)
    jobs.beat(owner="a")
    other.beat(owner="b")
    other.close()

    job = jobs.get(1)
    assert job.send_by is not None
    assert job.send_by - clock.now() == timedelta(seconds=20)


def test_a_clock_set_back_while_the_machine_was_off_makes_nothing_wait_longer(
    jobs: SqliteJobStore, clock: FakeClock
) -> None:
    jobs.add(new_job())
    jobs.return_to_queue(claimed(jobs)[0].claim, wait_s=100, note="wait")
    reboot(clock, jump_s=-7200)

    assert claimed(jobs) == []
    clock.advance(101)
    assert len(claimed(jobs)) == 1


def test_after_a_start_of_the_machine_the_settle_time_of_a_lost_answer_begins_anew(
    jobs: SqliteJobStore, clock: FakeClock
) -> None:
    jobs.mark_uncertain(sent(jobs), note="lost")
    reboot(clock, jump_s=7200)  # nobody knows whether it was off for two hours, or its clock was wrong
    jobs.beat(owner="a")

    assert jobs.get(1).send_by == clock.now()


def test_a_list_that_only_a_jump_made_late_is_not_called_late(jobs: SqliteJobStore, clock: FakeClock) -> None:
    jobs.bind_task(sent(jobs), "task-1", poll_in_s=30)
    jobs.accounts.note_usage("acc", [])
    clock.jump(7200)
    row = UsageRow(task_id="task-1", type="", status="", created_at=None, credits_used=None, has_ended=False)
    jobs.accounts.note_usage("acc", [row])

    assert jobs.accounts.account_facts("acc").usage_lag_s is None


def test_times_of_jobs_that_have_ended_stay_as_they_were(jobs: SqliteJobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    before = jobs.cancel(1, maker="Tripo")
    clock.jump(-7200)
    jobs.beat(owner="a")

    after: Job = jobs.get(1)
    assert after == before
    assert after.stage is Stage.DONE


def reboot(clock: FakeClock, *, jump_s: float) -> None:
    """The machine starts again, with a boot clock and a wall clock of their own."""
    clock.boot_id = "another boot"  # type: ignore[misc]
    clock._boot_s = 10.0
    clock.jump(jump_s)
