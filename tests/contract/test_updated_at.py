"""`updated_at` is when a job last changed for the people who watch it, not when the program wrote to its row."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.domain.claims import Claimed, Failure, PollNote
from core.domain.job import PUBLIC
from core.ports.account_store import Delivery
from core.ports.job_store import JobStore
from tests.builders import EVERY_SLOT, intent, new_job, stored_model
from tests.clocks import FakeClock
from tests.contract.test_account_store import ACCOUNT, row, uncertain

LEASE_S = 60.0


def generating(jobs: JobStore, task_id: str = "task-1") -> Claimed:
    jobs.add(new_job())
    held = jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=EVERY_SLOT, limit=1)[0]
    jobs.mark_submitting(held.claim, intent(account=ACCOUNT))
    return Claimed(job=jobs.bind_task(held.claim, task_id, poll_in_s=0), claim=held.claim)


def due(jobs: JobStore) -> Claimed:
    return jobs.claim_due(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]


def test_a_claim_a_lease_and_a_question_without_news_are_no_update(jobs: JobStore, clock: FakeClock) -> None:
    job = generating(jobs).job
    began = clock.now()
    clock.advance(5)
    claim = due(jobs).claim
    jobs.renew(claim, lease_s=LEASE_S)
    jobs.release(claim)
    jobs.accounts.note_delivery(ACCOUNT, Delivery(id="d", type="task.completed", task_id="task-1"))
    jobs.note_polls([PollNote(claim=due(jobs).claim, progress=0, poll_again_in_s=0, is_missed=True)])
    assert jobs.get(job.id).updated_at == began

    jobs.note_polls([PollNote(claim=due(jobs).claim, progress=10, poll_again_in_s=0)])
    assert jobs.get(job.id).updated_at == clock.now()


def test_a_try_to_store_a_model_is_an_update_when_it_is_told(jobs: JobStore, clock: FakeClock) -> None:
    job = generating(jobs).job
    jobs.mark_saving(due(jobs).claim, credits_used=None)
    for note, is_new in (("the disk is full", True), ("the disk is full", False), ("Storage is away", True)):
        clock.advance(5)
        saving = jobs.claim_saving(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]
        jobs.postpone_saving(saving.claim, wait_s=0, note=note)
        assert (jobs.get(job.id).updated_at == clock.now()) is is_new
    before = jobs.get(job.id).updated_at
    clock.advance(5)
    jobs.fetch_now(job.id)
    assert jobs.get(job.id).updated_at == before


def test_a_search_for_a_lost_task_is_no_update(jobs: JobStore, clock: FakeClock) -> None:
    held = uncertain(jobs)
    since = jobs.get(held.job.id).updated_at
    clock.advance(5)
    jobs.note_scan(held.claim, counts=True)

    assert jobs.get(held.job.id).updated_at == since


def ended(jobs: JobStore, clock: FakeClock) -> tuple[int, datetime]:
    job = generating(jobs).job
    jobs.mark_saving(due(jobs).claim, credits_used=Decimal(30))
    saving = jobs.claim_saving(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]
    done = jobs.complete(saving.claim, stored_model())
    assert done.updated_at == done.finished_at == clock.now()
    return job.id, done.updated_at


def test_the_books_of_a_finished_job_are_no_update_and_no_change(jobs: JobStore, clock: FakeClock) -> None:
    job_id, finished = ended(jobs, clock)
    cursor = jobs.last_change()
    for rows in ([], [row("task-1")], [row("task-1", 30, has_ended=True)]):
        clock.advance(30)
        jobs.accounts.note_usage(ACCOUNT, rows)
        jobs.accounts.note_delivery(ACCOUNT, Delivery(id=f"d{len(rows)}", type="task.completed", task_id="task-1"))

    assert jobs.get(job_id).updated_at == finished
    assert jobs.changed_since(cursor, limit=10) == ([], cursor)


def test_a_bill_that_differs_is_an_update(jobs: JobStore, clock: FakeClock) -> None:
    job_id, _ = ended(jobs, clock)
    cursor = jobs.last_change()
    clock.advance(30)
    jobs.accounts.note_usage(ACCOUNT, [row("task-1", 25, has_ended=True)])

    assert jobs.get(job_id).updated_at == clock.now()
    assert [job.id for job in jobs.changed_since(cursor, limit=10)[0]] == [job_id]


def test_an_end_is_an_update(jobs: JobStore, clock: FakeClock) -> None:
    held = generating(jobs)
    clock.advance(5)
    job = jobs.fail(held.claim, Failure(code="2008", message="refused"))

    assert job.updated_at == jobs.events(job.id)[-1].at == clock.now()


def test_nothing_of_a_lease_is_public() -> None:
    assert not PUBLIC & {"owner", "epoch", "lease_until", "next_poll_at", "hint_at", "scanned_at", "updated_at"}
