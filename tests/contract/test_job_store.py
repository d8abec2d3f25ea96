"""What every JobStore promises, told by the life of a job."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.domain.claims import Budget, Claimed, Failure, PollNote, Slots
from core.domain.errors import BudgetExceeded, ClaimLost, IdempotencyConflict, IllegalTransition, JobNotFound
from core.domain.request import Conversion
from core.domain.status import Stage, Status
from core.ports.job_store import JobQuery, JobStore
from tests.builders import EVERY_SLOT, Category, intent, new_job, stored_model
from tests.clocks import FakeClock

LEASE_S = 60.0


def claim_one(jobs: JobStore, owner: str = "a") -> Claimed:
    return jobs.claim_queued(owner=owner, lease_s=LEASE_S, slots=EVERY_SLOT, limit=1)[0]


def generating(jobs: JobStore, task_id: str = "task-1", **changes: object) -> Claimed:
    jobs.add(new_job(**changes))
    claimed = claim_one(jobs)
    jobs.mark_submitting(claimed.claim, intent())
    job = jobs.bind_task(claimed.claim, task_id, poll_in_s=2.0)
    return Claimed(job=job, claim=claimed.claim)


def due(jobs: JobStore, owner: str = "a") -> list[Claimed]:
    return jobs.claim_due(owner=owner, lease_s=LEASE_S, generator="tripo", limit=100)


def test_a_new_job_waits_in_the_queue(jobs: JobStore) -> None:
    added = jobs.add(new_job(target_object="Golden Retriever"))

    assert added.created
    assert (added.job.stage, added.job.status, added.job.attempt) == (Stage.QUEUED, Status.RUNNING, 0)
    assert jobs.get(added.job.id) == added.job
    assert [event.after for event in jobs.events(added.job.id)] == [Stage.QUEUED]


def test_the_same_idempotency_key_gives_the_same_job(jobs: JobStore) -> None:
    first = jobs.add(new_job(idempotency_key="k", request_hash="h"))
    second = jobs.add(new_job(idempotency_key="k", request_hash="h"))

    assert not second.created
    assert second.job.id == first.job.id
    assert jobs.find(JobQuery()).total == 1


def test_a_job_is_found_by_its_key(jobs: JobStore) -> None:
    jobs.add(new_job(idempotency_key="other", request_hash="h"))
    added = jobs.add(new_job(idempotency_key="k'é ", request_hash="h"))

    assert jobs.job_of_key("k'é ") == added.job
    assert jobs.job_of_key("K'é ") is None


def test_the_same_key_with_another_request_is_a_conflict(jobs: JobStore) -> None:
    jobs.add(new_job(idempotency_key="k", request_hash="h"))

    with pytest.raises(IdempotencyConflict, match="'k'"):
        jobs.add(new_job(idempotency_key="k", request_hash="other"))


ORDER: dict[str, Any] = {"idempotency_key": "~order", "request_hash": "order"}


def test_an_order_is_found_by_its_own_key_and_by_each_that_a_caller_gave_it(jobs: JobStore) -> None:
    ordered = jobs.add(new_job(**ORDER, caller_key="a", caller_hash="order"))
    again = [jobs.add(new_job(**ORDER, caller_key=key, caller_hash="order")) for key in ("a", "b", None)]
    for key in ("a", "b", "~order"):
        assert jobs.job_of_key(key) == ordered.job

    assert [(each.job, each.created) for each in (ordered, *again)] == [
        (ordered.job, True),
        *[(ordered.job, False)] * 3,
    ]
    assert jobs.find(JobQuery()).total == 1


def test_a_callers_key_is_one_requests_whatever_kind_came_first(jobs: JobStore) -> None:
    jobs.add(new_job(idempotency_key="of a picture", request_hash="picture"))
    jobs.add(new_job(**ORDER, caller_key="of an order", caller_hash="order"))
    other: dict[str, Any] = {"idempotency_key": "~other", "request_hash": "other", "caller_hash": "other"}

    for new, key in (
        (new_job(**other, caller_key="of a picture"), "of a picture"),
        (new_job(**other, caller_key="of an order"), "of an order"),
        (new_job(idempotency_key="of an order", request_hash="picture"), "of an order"),
    ):
        with pytest.raises(IdempotencyConflict, match=repr(key)):
            jobs.add(new)
    assert jobs.find(JobQuery()).total == 2
    assert jobs.job_of_key("~other") is None


def test_an_order_that_the_budget_refuses_takes_no_key(jobs: JobStore) -> None:
    new = new_job(**ORDER, caller_key="k", caller_hash="order", credits_estimate=Decimal(5))
    none = Budget(most=Decimal(0), since=jobs.now() - timedelta(days=1))
    with pytest.raises(BudgetExceeded):
        jobs.add(new, budget=none)

    assert jobs.job_of_key("k") is None
    assert jobs.add(new_job(idempotency_key="k", request_hash="picture")).created


def test_conversions_are_listed_with_the_job_they_are_of_newest_first(jobs: JobStore) -> None:
    source, other = (jobs.add(new_job()).job for _ in range(2))
    conversion = Conversion(task_id="task-1", quad=True, face_limit=900)
    made = [jobs.add(new_job(category=Category.CONVERT, source=source.id, conversion=conversion)).job for _ in range(2)]

    assert [job.id for job in jobs.conversions(source.id)] == [made[1].id, made[0].id]
    assert (jobs.get(made[0].id).conversion, jobs.get(made[0].id).source) == (conversion, source.id)
    assert jobs.conversions(other.id) == []


def test_a_file_that_is_no_glb_is_kept_with_its_kind_and_without_figures(jobs: JobStore) -> None:
    held = generating(jobs, category=Category.CONVERT, conversion=Conversion(task_id="t"))
    jobs.mark_saving(held.claim, credits_used=Decimal(5))
    saving = jobs.claim_saving(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]
    model = stored_model(key="models/1/cup.fbx", kind="fbx", face_count=None, vertex_count=None)

    assert jobs.complete(saving.claim, model).model == model
    assert jobs.get(held.job.id).model == model


def test_an_unknown_job_is_not_found(jobs: JobStore) -> None:
    with pytest.raises(JobNotFound, match="99"):
        jobs.get(99)
    with pytest.raises(JobNotFound):
        jobs.events(99)


def test_a_queued_job_is_claimed_by_one_worker_only(jobs: JobStore) -> None:
    jobs.add(new_job())

    assert claim_one(jobs, "a").claim.epoch == 1
    assert jobs.claim_queued(owner="b", lease_s=LEASE_S, slots=EVERY_SLOT, limit=5) == []


def test_jobs_are_claimed_oldest_first(jobs: JobStore) -> None:
    ids = [jobs.add(new_job()).job.id for _ in range(3)]

    claimed = jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=EVERY_SLOT, limit=3)

    assert [each.job.id for each in claimed] == ids


def test_a_claim_whose_lease_ran_out_goes_to_the_next_worker_and_the_first_can_write_nothing(
    jobs: JobStore, clock: FakeClock
) -> None:
    jobs.add(new_job())
    first = claim_one(jobs, "a")
    clock.advance(LEASE_S + 1)
    second = claim_one(jobs, "b")

    with pytest.raises(ClaimLost):
        jobs.mark_submitting(first.claim, intent())
    assert jobs.mark_submitting(second.claim, intent()).stage is Stage.SUBMITTING


def test_no_intent_is_written_after_the_lease_ran_out(jobs: JobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    clock.advance(LEASE_S + 1)

    with pytest.raises(ClaimLost, match="nothing was sent"):
        jobs.mark_submitting(claimed.claim, intent())
    assert jobs.get(claimed.job.id).stage is Stage.QUEUED


def test_open_tasks_and_claimed_jobs_hold_their_slots(jobs: JobStore) -> None:
    slots = Slots(limits={Category.STANDARD: 2})
    for _ in range(4):
        jobs.add(new_job())
    first = jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=slots, limit=1)[0]
    jobs.mark_submitting(first.claim, intent())
    jobs.mark_uncertain(first.claim, note="no answer")

    second = jobs.claim_queued(owner="b", lease_s=LEASE_S, slots=slots, limit=5)

    assert len(second) == 1
    assert jobs.claim_queued(owner="c", lease_s=LEASE_S, slots=slots, limit=5) == []
    jobs.fail(second[0].claim, Failure(code="x", message="refused"))
    assert len(jobs.claim_queued(owner="c", lease_s=LEASE_S, slots=slots, limit=5)) == 1


def test_the_oldest_of_all_categories_are_claimed_first(jobs: JobStore) -> None:
    ids = [jobs.add(new_job(category=category)).job.id for category in (Category.P_SERIES, Category.STANDARD) * 2]
    slots = Slots(limits={Category.STANDARD: 5, Category.P_SERIES: 5})

    claimed = jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=slots, limit=3)

    assert [each.job.id for each in claimed] == ids[:3]


def test_of_two_notes_about_one_job_the_first_counts(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(10)
    claim = due(jobs)[0].claim
    notes = [PollNote(claim=claim, progress=progress, poll_again_in_s=5) for progress in (10, 90)]

    assert jobs.note_polls(notes) == 1
    assert jobs.get(job_id).progress == 10


def test_tasks_due_at_the_same_time_are_claimed_oldest_first(jobs: JobStore, clock: FakeClock) -> None:
    ids = [generating(jobs, f"task-{number}").job.id for number in (3, 2, 1)]
    clock.advance(2)

    claimed = jobs.claim_due(owner="a", lease_s=LEASE_S, generator="tripo", limit=2)

    assert [each.job.id for each in claimed] == ids[:2]


def test_categories_have_slots_of_their_own(jobs: JobStore) -> None:
    slots = Slots(limits={Category.STANDARD: 1, Category.P_SERIES: 1})
    for category in (Category.STANDARD, Category.STANDARD, Category.P_SERIES):
        jobs.add(new_job(category=category))

    claimed = jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=slots, limit=5)

    assert [each.job.category for each in claimed] == [Category.STANDARD, Category.P_SERIES]


def test_the_intent_counts_the_attempt_and_is_read_back(jobs: JobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    job = jobs.mark_submitting(claim_one(jobs).claim, intent(nonce=42, image_token="file_9", send_within_s=20.0))

    assert (job.stage, job.attempt, job.nonce, job.image_token) == (Stage.SUBMITTING, 1, 42, "file_9")
    assert job.send_by is not None
    assert (job.send_by - clock.now()).total_seconds() == 20.0


def test_binding_starts_the_time_limit_and_the_polling(jobs: JobStore, clock: FakeClock) -> None:
    claimed = generating(jobs)

    assert (claimed.job.stage, claimed.job.task_id, claimed.job.started_at) == (
        Stage.GENERATING,
        "task-1",
        clock.now(),
    )
    assert due(jobs) == []
    clock.advance(2)
    assert [each.job.id for each in due(jobs)] == [claimed.job.id]


def test_a_task_is_never_bound_to_two_jobs(jobs: JobStore) -> None:
    generating(jobs, "task-1")
    jobs.add(new_job())
    other = claim_one(jobs)
    jobs.mark_submitting(other.claim, intent())

    with pytest.raises(IllegalTransition, match="task-1 already belongs to job 1; job 2 cannot"):
        jobs.bind_task(other.claim, "task-1", poll_in_s=2.0)
    assert jobs.get(other.job.id).task_id is None


def test_a_bound_job_is_not_bound_again(jobs: JobStore) -> None:
    claimed = generating(jobs)

    with pytest.raises(IllegalTransition):
        jobs.bind_task(claimed.claim, "task-2", poll_in_s=2.0)
    with pytest.raises(IllegalTransition, match="cannot move"):
        jobs.bind_task(claimed.claim, "task-1", poll_in_s=2.0)
    assert jobs.get(claimed.job.id).task_id == "task-1"


def test_a_job_that_was_not_created_goes_back_and_waits(jobs: JobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    jobs.mark_submitting(claimed.claim, intent())
    job = jobs.return_to_queue(claimed.claim, wait_s=30, note="busy")

    assert job.stage is Stage.QUEUED
    assert jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=EVERY_SLOT, limit=1) == []
    clock.advance(30)
    again = claim_one(jobs)
    assert jobs.mark_submitting(again.claim, intent()).attempt == 2


def test_giving_back_a_claimed_job_is_no_change_of_stage(jobs: JobStore) -> None:
    job = jobs.add(new_job()).job
    jobs.return_to_queue(claim_one(jobs).claim, wait_s=0, note="later")

    assert len(jobs.events(job.id)) == 1


def test_a_submitting_job_whose_lease_ran_out_becomes_uncertain_never_queued(jobs: JobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    jobs.mark_submitting(claimed.claim, intent())

    assert jobs.expire_submitting() == 0
    clock.advance(LEASE_S + 1)
    assert jobs.expire_submitting() == 1
    assert jobs.get(claimed.job.id).stage is Stage.UNCERTAIN


def test_the_answer_of_a_slow_worker_still_binds_when_nobody_took_over(jobs: JobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    jobs.mark_submitting(claimed.claim, intent())
    clock.advance(LEASE_S + 1)
    jobs.expire_submitting()

    assert jobs.bind_task(claimed.claim, "task-1", poll_in_s=2.0).stage is Stage.GENERATING


def test_an_uncertain_job_can_be_claimed_and_sent_again_once_it_is_settled(jobs: JobStore) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    jobs.mark_submitting(claimed.claim, intent())
    jobs.mark_uncertain(claimed.claim, note="no answer")

    assert jobs.claim_uncertain(owner="b", lease_s=LEASE_S, generator="offline", limit=5) == []
    settled = jobs.claim_uncertain(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)
    assert jobs.return_to_queue(settled[0].claim, wait_s=0, note="not created").stage is Stage.QUEUED
    with pytest.raises(ClaimLost):
        jobs.bind_task(claimed.claim, "task-1", poll_in_s=2.0)


def test_progress_never_goes_back_and_misses_are_counted_in_a_row(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id

    def note(progress: int, *, is_missed: bool = False) -> None:
        clock.advance(10)
        claim = due(jobs)[0].claim
        jobs.note_polls([PollNote(claim=claim, progress=progress, poll_again_in_s=5, is_missed=is_missed)])

    note(40)
    note(30)
    assert jobs.get(job_id).progress == 40
    note(0, is_missed=True)
    missed_since = clock.now()
    note(0, is_missed=True)
    assert (jobs.get(job_id).missed_count, jobs.get(job_id).missed_since) == (2, missed_since)
    note(50)
    assert (jobs.get(job_id).missed_count, jobs.get(job_id).missed_since) == (0, None)


def test_progress_is_no_event(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    before = len(jobs.events(job_id))
    clock.advance(10)
    jobs.note_polls([PollNote(claim=due(jobs)[0].claim, progress=10, poll_again_in_s=5)])

    assert len(jobs.events(job_id)) == before


def test_a_stale_note_changes_nothing(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(10)
    stale = due(jobs, "a")[0].claim
    clock.advance(LEASE_S + 1)
    due(jobs, "b")

    assert jobs.note_polls([PollNote(claim=stale, progress=90, poll_again_in_s=5)]) == 0
    assert jobs.get(job_id).progress == 0


def test_a_stale_note_before_a_valid_one_of_the_same_job_does_not_displace_it(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(10)
    stale = due(jobs, "a")[0].claim
    clock.advance(LEASE_S + 1)
    valid = due(jobs, "a")[0].claim

    notes = [PollNote(claim=claim, progress=90, poll_again_in_s=5) for claim in (stale, valid)]
    assert jobs.note_polls(notes) == 1
    assert jobs.get(job_id).progress == 90


def test_a_finished_task_is_collected_and_then_completed(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(10)
    jobs.mark_saving(due(jobs)[0].claim, credits_used=Decimal("30.00"))
    saving = jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)
    job = jobs.complete(saving[0].claim, stored_model())

    assert (job.id, job.status, job.stage, job.progress) == (job_id, Status.COMPLETED, Stage.DONE, 100)
    assert job.model == stored_model()
    assert job.credits_used == Decimal("30.00")
    assert job.finished_at == clock.now()


def test_saving_that_failed_is_due_again_after_its_wait(jobs: JobStore, clock: FakeClock) -> None:
    generating(jobs)
    clock.advance(10)
    jobs.mark_saving(due(jobs)[0].claim, credits_used=None)
    saving = jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)[0]
    jobs.postpone_saving(saving.claim, wait_s=30, note="the disk is full")

    assert jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5) == []
    clock.advance(30)
    assert len(jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)) == 1


def test_a_task_that_this_machine_does_not_have_counts_as_missed_and_not_as_a_try(
    jobs: JobStore, clock: FakeClock
) -> None:
    job_id = generating(jobs).job.id
    clock.advance(10)
    asked = due(jobs)[0]
    jobs.note_polls([PollNote(claim=asked.claim, progress=0, poll_again_in_s=0, is_missed=True)])
    jobs.mark_saving(due(jobs)[0].claim, credits_used=None)
    assert jobs.get(job_id).missed_since is None, "whoever heard of its end has it"

    first = clock.now()
    for _ in range(2):
        saving = jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)[0]
        jobs.postpone_saving(saving.claim, wait_s=5, note="It is elsewhere.", is_missed=True)
        clock.advance(5)
    job = jobs.get(job_id)
    assert (job.missed_count, job.missed_since, job.fetch_tries) == (2, first, 0)

    saving = jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)[0]
    jobs.postpone_saving(saving.claim, wait_s=5, note="It is made again.")
    job = jobs.get(job_id)
    assert (job.missed_count, job.missed_since, job.fetch_tries) == (0, None, 1)


@pytest.mark.parametrize(("generator", "word"), [("offline", "costs nothing"), ("tripo", "may still finish")])
def test_a_cancelled_job_at_work_is_told_by_who_makes_it(
    jobs: JobStore, clock: FakeClock, generator: str, word: str
) -> None:
    job_id = generating(jobs, generator=generator).job.id
    jobs.cancel(job_id, maker="Tripo")
    job = jobs.get(job_id)

    assert (job.stage, job.status) == (Stage.GENERATING, Status.CANCELLED)
    assert word in (job.error_message or "")
    at_once = jobs.claim_due(owner="b", lease_s=LEASE_S, generator=generator, limit=5)
    assert [claimed.job.id for claimed in at_once] == ([job_id] if generator == "offline" else [])


def test_one_generator_never_gets_the_tasks_of_another(jobs: JobStore, clock: FakeClock) -> None:
    generating(jobs)
    clock.advance(10)

    assert jobs.claim_due(owner="a", lease_s=LEASE_S, generator="offline", limit=5) == []


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_an_ended_job_never_changes(jobs: JobStore, clock: FakeClock, end: str) -> None:
    if end == "cancelled":
        job_id = jobs.add(new_job()).job.id
        claimed = claim_one(jobs)
        clock.advance(LEASE_S + 1)
        jobs.cancel(job_id, maker="Tripo")
    else:
        claimed = generating(jobs)
        job_id = claimed.job.id
        if end == "failed":
            jobs.fail(claimed.claim, Failure(code="2008", message="refused"))
        else:
            jobs.mark_saving(claimed.claim, credits_used=None)
            claimed = jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=5)[0]
            jobs.complete(claimed.claim, stored_model())
    ended = jobs.get(job_id)
    clock.advance(100_000)

    for verb in (
        lambda: jobs.fail(claimed.claim, Failure(code="x", message="y")),
        lambda: jobs.complete(claimed.claim, stored_model()),
        lambda: jobs.mark_saving(claimed.claim, credits_used=None),
        lambda: jobs.cancel(job_id, maker="Tripo"),
    ):
        with pytest.raises((IllegalTransition, ClaimLost)):
            verb()
    jobs.mark_late(timeout_s=1)
    jobs.give_up_late(watch_s=1)
    assert jobs.get(job_id) == ended
    assert ended.status is Status(end)


def test_a_job_past_its_time_is_late_still_watched_and_may_complete(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(600)
    assert jobs.mark_late(timeout_s=600) == 1
    late = jobs.get(job_id)
    assert (late.stage, late.status) == (Stage.LATE, Status.TIMEOUT)
    assert "still being watched" in (late.error_message or "")

    jobs.mark_saving(due(jobs)[0].claim, credits_used=None)
    saving = jobs.claim_saving(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]
    job = jobs.complete(saving.claim, stored_model())
    assert (job.status, job.error_message) == (Status.COMPLETED, None)


def test_a_late_job_is_given_up_after_a_day(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(600)
    jobs.mark_late(timeout_s=600)
    clock.advance(86_400)

    assert jobs.give_up_late(watch_s=86_400) == 0, "nobody has asked for it since"
    unheard = PollNote(claim=due(jobs)[0].claim, progress=10, poll_again_in_s=60, is_answered=False)
    jobs.note_polls([unheard])
    assert jobs.give_up_late(watch_s=86_400) == 0, "the question was not answered"
    clock.advance(61)
    jobs.note_polls([PollNote(claim=due(jobs)[0].claim, progress=10, poll_again_in_s=60)])
    assert jobs.give_up_late(watch_s=86_400) == 1
    assert (jobs.get(job_id).stage, jobs.get(job_id).status) == (Stage.DONE, Status.TIMEOUT)


def waits(jobs: JobStore, clock: FakeClock, seconds: float, *, each_s: float = 60) -> None:
    """Each minute its generator says that the task is still in its line."""
    for _ in range(int(seconds // each_s)):
        clock.advance(each_s)
        jobs.note_polls([PollNote(claim=due(jobs)[0].claim, progress=0, poll_again_in_s=each_s, is_waiting=True)])


def test_the_time_limit_counts_from_when_a_task_was_last_heard_to_wait(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    before = jobs.get(job_id)
    waits(jobs, clock, 3600)
    job = jobs.get(job_id)
    assert (job.started_at, job.updated_at) == (before.started_at, before.updated_at), "people see nothing new"
    clock.advance(599)
    assert jobs.mark_late(timeout_s=600) == 0
    clock.advance(1)
    assert jobs.mark_late(timeout_s=600) == 1

    jobs.note_polls([PollNote(claim=due(jobs)[0].claim, progress=0, poll_again_in_s=86_400)])
    clock.advance(86_400 - 601)
    assert jobs.give_up_late(watch_s=86_400) == 0
    clock.advance(1)
    assert jobs.give_up_late(watch_s=86_400) == 1


def test_a_task_that_waits_for_ever_is_late_after_a_day_and_given_up_after_another(
    jobs: JobStore, clock: FakeClock
) -> None:
    job_id = generating(jobs).job.id
    waits(jobs, clock, 86_400 + 600, each_s=600)
    assert jobs.mark_late(timeout_s=600) == 1
    waits(jobs, clock, 86_400, each_s=600)
    assert jobs.give_up_late(watch_s=86_400) == 1
    assert jobs.get(job_id).status is Status.TIMEOUT


def begun_again(jobs: JobStore, claimed: Claimed) -> tuple[int, int]:
    job = jobs.note_begun(claimed.claim, lease_s=LEASE_S, note="It is begun again.")
    return job.settle_scans, job.progress


def test_a_task_that_is_begun_again_is_counted_and_begins_at_nothing(jobs: JobStore, clock: FakeClock) -> None:
    job_id = generating(jobs).job.id
    clock.advance(10)
    jobs.note_polls([PollNote(claim=due(jobs)[0].claim, progress=40, poll_again_in_s=5)])
    clock.advance(10)
    claimed = due(jobs)[0]
    clock.advance(LEASE_S - 1)
    assert begun_again(jobs, claimed) == (1, 0)

    clock.advance(LEASE_S - 1)
    assert due(jobs, "b") == [], "the lease goes on"
    jobs.note_polls([PollNote(claim=claimed.claim, progress=0, poll_again_in_s=5)])
    assert (jobs.get(job_id).stage, jobs.get(job_id).progress) == (Stage.GENERATING, 0)
    assert jobs.events(job_id)[-1].note == "It is begun again."


def test_a_task_that_was_lost_while_it_only_waited_is_not_counted(jobs: JobStore, clock: FakeClock) -> None:
    generating(jobs)
    waits(jobs, clock, 60)
    clock.advance(60)
    claimed = due(jobs)[0]
    assert begun_again(jobs, claimed) == (0, 0)
    jobs.note_polls([PollNote(claim=claimed.claim, progress=0, poll_again_in_s=0)])

    waits(jobs, clock, 60)
    clock.advance(60)
    jobs.note_polls([PollNote(claim=due(jobs)[0].claim, progress=1, poll_again_in_s=0)])
    assert begun_again(jobs, due(jobs)[0]) == (1, 0), "it worked since"


def test_only_a_task_under_way_is_begun_again_and_only_by_whoever_holds_the_job(
    jobs: JobStore, clock: FakeClock
) -> None:
    jobs.add(new_job())
    queued = claim_one(jobs)
    with pytest.raises(IllegalTransition):
        begun_again(jobs, queued)
    jobs.mark_submitting(queued.claim, intent())
    jobs.bind_task(queued.claim, "task-1", poll_in_s=2.0)
    clock.advance(10)
    jobs.mark_saving(due(jobs)[0].claim, credits_used=None)
    saving = jobs.claim_saving(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]
    assert begun_again(jobs, saving) == (1, 100), "what is made again stays made for people"

    clock.advance(LEASE_S + 1)
    jobs.claim_saving(owner="b", lease_s=LEASE_S, generator="tripo", limit=1)
    with pytest.raises(ClaimLost):
        begun_again(jobs, saving)


def test_a_job_that_was_not_sent_is_cancelled_for_certain_even_while_a_worker_holds_it(jobs: JobStore) -> None:
    first, second = jobs.add(new_job()).job, jobs.add(new_job()).job
    claimed = claim_one(jobs)

    for job in (first, second):
        cancelled = jobs.cancel(job.id, maker="Tripo")
        assert (cancelled.stage, cancelled.status) == (Stage.DONE, Status.CANCELLED)
    with pytest.raises(ClaimLost):
        jobs.mark_submitting(claimed.claim, intent())


def test_blocked_jobs_wait_for_the_account(jobs: JobStore) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    job = jobs.mark_blocked(claimed.claim, Failure(code="2010", message="no credit"))
    assert (job.stage, job.error_message) == (Stage.BLOCKED, "no credit")

    assert jobs.unblock(generator="offline") == 0
    assert jobs.unblock(generator="tripo") == 1
    assert (jobs.get(job.id).stage, jobs.get(job.id).error_message) == (Stage.QUEUED, None)


def test_nothing_of_an_account_that_waits_is_claimed(jobs: JobStore, clock: FakeClock) -> None:
    generating(jobs)
    jobs.add(new_job())
    jobs.accounts.pause_account(generator="tripo", wait_s=60)
    jobs.accounts.pause_account(generator="tripo", wait_s=5)
    clock.advance(59)

    assert jobs.accounts.account_wait_s(generator="tripo") == 1.0
    assert jobs.accounts.account_wait_s(generator="offline") == 0.0
    assert due(jobs) == []
    assert jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=EVERY_SLOT, limit=5) == []
    clock.advance(1)
    assert len(due(jobs)) == 1
    assert len(jobs.claim_queued(owner="a", lease_s=LEASE_S, slots=EVERY_SLOT, limit=5)) == 1


def test_a_renewed_claim_is_not_taken_over(jobs: JobStore, clock: FakeClock) -> None:
    jobs.add(new_job())
    claimed = claim_one(jobs)
    clock.advance(50)
    jobs.renew(claimed.claim, lease_s=LEASE_S)
    clock.advance(50)

    assert jobs.claim_queued(owner="b", lease_s=LEASE_S, slots=EVERY_SLOT, limit=5) == []
    jobs.release(claimed.claim)
    assert len(jobs.claim_queued(owner="b", lease_s=LEASE_S, slots=EVERY_SLOT, limit=5)) == 1


def test_each_change_of_stage_writes_one_event_and_replaying_them_gives_the_row(
    jobs: JobStore, clock: FakeClock
) -> None:
    job_id = jobs.add(new_job()).job.id
    first = claim_one(jobs)
    jobs.mark_submitting(first.claim, intent())
    jobs.return_to_queue(first.claim, wait_s=0, note="busy")
    second = claim_one(jobs)
    jobs.mark_submitting(second.claim, intent())
    jobs.bind_task(second.claim, "task-1", poll_in_s=1)
    clock.advance(601)
    jobs.mark_late(timeout_s=600)
    jobs.mark_saving(due(jobs)[0].claim, credits_used=None)
    saving = jobs.claim_saving(owner="a", lease_s=LEASE_S, generator="tripo", limit=1)[0]
    jobs.complete(saving.claim, stored_model())

    events, job = jobs.events(job_id), jobs.get(job_id)
    assert [event.after for event in events] == [
        Stage.QUEUED,
        Stage.SUBMITTING,
        Stage.QUEUED,
        Stage.SUBMITTING,
        Stage.GENERATING,
        Stage.LATE,
        Stage.SAVING,
        Stage.DONE,
    ]
    assert [event.before for event in events[1:]] == [event.after for event in events[:-1]]
    last = events[-1]
    assert (last.after, last.status, last.attempt, last.task_id, last.error_code, last.at) == (
        job.stage,
        job.status,
        job.attempt,
        job.task_id,
        job.error_code,
        job.updated_at,
    )


def test_jobs_are_listed_newest_first_in_pages(jobs: JobStore) -> None:
    ids = [jobs.add(new_job()).job.id for _ in range(5)]
    page = jobs.find(JobQuery(page=1, page_size=2))

    assert [job.id for job in page.jobs] == [ids[2], ids[1]]
    assert (page.total, page.running) == (5, 5)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("RETR", {"Golden Retriever"}),
        ("größe", {"GRÖSSE 100%"}),
        ("100%", {"GRÖSSE 100%"}),
        ("_", set()),
        ("\\", set()),
        ("2", {"Cup"}),
        ("σκύλος", {"ΣΚΎΛΟΣ", "Ο σκύλος μου"}),
        ("ΣΚΎΛΟΣ", {"ΣΚΎΛΟΣ", "Ο σκύλος μου"}),
        ("istanbul", set()),
        ("i̇stanbul", {"İstanbul"}),  # as Python folds it: the dot is kept
        ("cafe\u0301", {"Café"}),
        ("file", {"ﬁle"}),
        ("ＣＵＰ", {"Cup"}),
        ("ʼn", {"ŉ"}),
        ("cup\x00", {"Cup"}),
        ("cup\ud800", {"Cup"}),
    ],
)
def test_search_finds_names_in_any_case_literally_and_numbers(jobs: JobStore, search: str, found: set[str]) -> None:
    for name in (
        *("Golden Retriever", "Cup", "GRÖSSE 100%", "ΣΚΎΛΟΣ", "Ο σκύλος μου", "İstanbul", "Café", "ﬁle", "ŉ"),
        "x" * 500 + "beyond",
    ):
        jobs.add(new_job(target_object=name))

    assert {job.target_object for job in jobs.find(JobQuery(search=search)).jobs} == found


def test_a_search_reads_the_beginning_of_a_very_long_name(jobs: JobStore) -> None:
    jobs.add(new_job(target_object="x" * 390 + "within" + "x" * 100 + "beyond"))

    assert [jobs.find(JobQuery(search=word)).total for word in ("within", "beyond", "x" * 401)] == [1, 0, 0]


def test_jobs_are_filtered_by_status(jobs: JobStore) -> None:
    jobs.add(new_job())
    jobs.cancel(jobs.add(new_job()).job.id, maker="Tripo")

    page = jobs.find(JobQuery(statuses=frozenset({Status.CANCELLED, Status.FAILED})))
    assert [job.status for job in page.jobs] == [Status.CANCELLED]
    assert page.running == 1


def test_changes_are_told_once_each_from_a_cursor(jobs: JobStore) -> None:
    first = jobs.add(new_job()).job
    changed, cursor = jobs.changed_since(0, limit=10)
    assert [job.id for job in changed] == [first.id]
    assert jobs.changed_since(cursor, limit=10) == ([], cursor)

    jobs.cancel(first.id, maker="Tripo")
    changed, _ = jobs.changed_since(cursor, limit=10)
    assert [job.status for job in changed] == [Status.CANCELLED]


def test_a_place_in_line_counts_waiting_jobs_of_the_same_kind(jobs: JobStore) -> None:
    jobs.add(new_job())
    jobs.add(new_job(category=Category.OFFLINE))
    last = jobs.add(new_job()).job

    assert jobs.queue_length_before(last.id) == 1


def test_the_newest_heartbeat_is_told(jobs: JobStore, clock: FakeClock) -> None:
    assert jobs.last_beat() is None
    jobs.beat(owner="a")
    clock.advance(5)
    jobs.beat(owner="b")

    beat = jobs.last_beat()
    assert beat is not None
    assert (beat.owner, beat.at) == ("b", clock.now())


def test_of_two_heartbeats_at_once_the_same_is_told_by_every_store(jobs: JobStore) -> None:
    for owner in ("b", "a"):
        jobs.beat(owner=owner)
    beat = jobs.last_beat()

    assert beat is not None
    assert beat.owner == "a"


def test_a_heartbeat_from_before_the_clock_was_set_back_hides_no_newer_one(jobs: JobStore, clock: FakeClock) -> None:
    clock.jump(7200)
    jobs.beat(owner="a process that is gone")
    clock.jump(-7200)
    clock.advance(1)
    jobs.beat(owner="b")

    beat = jobs.last_beat()
    assert beat is not None
    assert (beat.owner, beat.at) == ("b", clock.now())


def test_a_table_has_a_name_of_its_own_that_stays(jobs: JobStore) -> None:
    first = jobs.installation()

    assert first.id
    assert jobs.installation() == first
