"""Sending jobs: at most one request per attempt, and never one without a written intent."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from core.domain.claims import Claim, Intent
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
    StorageFull,
    StoreDamaged,
    StoreUnavailable,
)
from core.domain.job import Job
from core.domain.request import Slot
from core.domain.status import Stage, Status
from tests.services.conftest import World, raising


def test_a_queued_job_is_sent_once_and_bound_to_its_task(world: World) -> None:
    job_id = world.add()

    assert world.dispatch() == 1
    job = world.job(job_id)
    assert (job.stage, job.task_id, job.attempt) == (Stage.GENERATING, "task-1", 1)
    assert world.dispatch() == 0
    assert len(world.generator.requests) == 1


def test_the_intent_is_committed_before_the_request_leaves(world: World) -> None:
    job_id = world.add()
    seen = []
    world.generator.before_create = lambda: seen.append(world.job(job_id))

    world.dispatch()

    request = world.generator.requests[0]
    assert [(job.stage, job.attempt, job.nonce, job.image_token) for job in seen] == [
        (Stage.SUBMITTING, request.attempt, request.nonce, request.tokens[Slot.FRONT])
    ]


def test_nothing_is_sent_after_the_send_window_closed(world: World) -> None:
    job_id = world.add()
    world.generator.before_create = lambda: world.clock.advance(20)

    world.dispatch()

    assert world.generator.requests == []
    assert world.job(job_id).stage is Stage.QUEUED


@pytest.mark.parametrize(
    ("error", "stage"),
    [
        (NotSent("no connection"), Stage.QUEUED),
        (AccountBusy("too many", retry_after_s=30), Stage.QUEUED),
        (AccountBlocked("no credit", code="2010"), Stage.BLOCKED),
        (RequestRejected("refused", code="2008"), Stage.DONE),
        (OutcomeUnknown("no answer"), Stage.UNCERTAIN),
    ],
)
def test_each_answer_to_the_request_leads_to_its_stage(world: World, error: Exception, stage: Stage) -> None:
    job_id = world.add()
    world.generator.before_create = raising(error)

    world.dispatch()

    assert world.job(job_id).stage is stage
    world.dispatch()
    assert world.generator.requests == []


def test_an_uncertain_job_is_never_sent_again_by_dispatch(world: World) -> None:
    job_id = world.add()
    world.generator.after_create = raising(OutcomeUnknown("no answer"))
    world.dispatch()
    world.clock.advance(100_000)
    world.dispatch()
    world.sweep().tick()
    world.dispatch()

    assert world.job(job_id).stage is Stage.UNCERTAIN
    assert len(world.generator.requests) == 1


def test_a_busy_account_waits_as_long_as_it_was_told_with_all_its_jobs(world: World) -> None:
    world.add()
    world.add()
    world.generator.before_create = raising(AccountBusy("too many", retry_after_s=30))
    assert world.dispatch() == 1

    world.generator.before_create = lambda: None
    world.clock.advance(29)
    assert world.dispatch() == 0
    world.clock.advance(1)
    assert world.dispatch() == 2


def test_a_rejected_request_fails_with_the_reason(world: World) -> None:
    job_id = world.add()
    world.generator.before_create = raising(RequestRejected("The picture shows something forbidden.", code="2008"))
    world.dispatch()

    job = world.job(job_id)
    assert (job.status, job.error_code, job.error_message) == (
        Status.FAILED,
        "2008",
        "The picture shows something forbidden.",
    )


def test_a_picture_that_could_not_be_handed_over_is_tried_again_more_and_more_slowly(world: World) -> None:
    job_id = world.add()
    world.generator.on_upload = raising(LookupFailed("no connection"))
    world.dispatch()
    assert (world.job(job_id).stage, world.job(job_id).attempt) == (Stage.QUEUED, 0)
    assert world.dispatch() == 0
    world.clock.advance(2)
    assert world.dispatch() == 1
    world.clock.advance(2)
    assert world.dispatch() == 0
    world.clock.advance(2)
    assert world.dispatch() == 1


def test_a_job_without_its_picture_fails_and_says_that_nothing_was_charged(world: World) -> None:
    job_id = world.add()
    world.objects.delete("images/a/cup.jpg")
    world.dispatch()

    assert world.job(job_id).status is Status.FAILED
    assert "Nothing was charged" in (world.job(job_id).error_message or "")


def test_each_attempt_has_a_nonce_of_its_own(world: World) -> None:
    for _ in range(5):
        world.add()
    world.dispatch()

    nonces = [request.nonce for request in world.generator.requests]
    assert len(set(nonces)) == 5
    assert all(0 <= nonce < 2**31 for nonce in nonces)


def test_an_upload_longer_than_the_lease_keeps_it_and_is_sent_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.add()
    renewed = threading.Event()
    renew = world.jobs.renew

    def tell(claim: Claim, *, lease_s: float) -> None:
        renew(claim, lease_s=lease_s)
        renewed.set()

    monkeypatch.setattr(world.jobs, "renew", tell)

    def slow() -> None:
        for _ in range(3):
            world.clock.advance(0.03)
            renewed.clear()
            assert renewed.wait(10), "nobody keeps the lease of a slow upload"

    world.generator.on_upload = slow
    world.dispatch(lease_s=0.05)

    assert world.generator.uploads == 1
    assert len(world.generator.requests) == 1
    assert world.job(job_id).stage is Stage.GENERATING


def test_other_jobs_are_sent_while_one_upload_is_slow_each_of_them_once(world: World) -> None:
    world.add()
    world.add()

    def slow() -> None:
        world.generator.on_upload = lambda: None
        assert world.dispatch(owner="b") == 1

    world.generator.on_upload = slow
    world.dispatch()

    assert sorted(request.job_id for request in world.generator.requests) == [1, 2]


def test_a_wait_that_was_told_to_another_send_holds_for_one_that_was_uploading(world: World) -> None:
    first = world.add()
    second = world.add()

    def slow() -> None:
        world.generator.on_upload = lambda: None
        world.generator.before_create = raising(AccountBusy("too many", retry_after_s=30))
        world.dispatch(owner="b")
        world.generator.before_create = lambda: None

    world.generator.on_upload = slow
    world.dispatch()

    assert world.generator.requests == []
    assert [(world.job(each).stage, world.job(each).attempt) for each in (first, second)] == [
        (Stage.QUEUED, 0),
        (Stage.QUEUED, 1),
    ]


def test_between_intent_and_send_neither_the_table_nor_the_service_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.add()
    mark = world.jobs.mark_submitting

    def intent_then_away(claim: Claim, intent: Intent) -> Job:
        job = mark(claim, intent)
        monkeypatch.setattr(world.jobs.accounts, "account_wait_s", away)
        return job

    monkeypatch.setattr(world.jobs, "mark_submitting", intent_then_away)
    with contextlib.suppress(StoreUnavailable):  # the tick asks again afterwards whether there is more to send
        world.dispatch()

    assert world.job(job_id).stage is Stage.GENERATING
    assert len(world.generator.requests) == 1


def test_an_intent_whose_write_was_not_confirmed_goes_back_to_the_queue_unsent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.add()
    mark = world.jobs.mark_submitting

    def lost(claim: Claim, intent: Intent) -> Job:
        mark(claim, intent)
        raise StoreUnavailable("The table does not answer.")

    monkeypatch.setattr(world.jobs, "mark_submitting", lost)
    world.dispatch()

    assert world.generator.requests == []
    assert world.job(job_id).stage is Stage.QUEUED


def test_a_request_proven_unsent_goes_back_to_the_queue_though_the_table_is_away_for_a_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.add()
    world.generator.before_create = raising(NotSent("no connection"))
    give_back = world.jobs.return_to_queue
    faults = [StoreUnavailable("away"), StoreUnavailable("away")]

    def sometimes(claim: Claim, *, wait_s: float, note: str) -> Job:
        if faults:
            raise faults.pop()
        return give_back(claim, wait_s=wait_s, note=note)

    monkeypatch.setattr(world.jobs, "return_to_queue", sometimes)
    world.dispatch()

    assert world.job(job_id).stage is Stage.QUEUED


def away(**_: object) -> float:
    raise StoreUnavailable("The table does not answer.")


@pytest.mark.parametrize("when", ["upload", "intent"])
def test_nothing_is_sent_once_the_table_is_known_to_be_damaged(
    when: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread finds the damage while a picture is handed over, or when the intent has just been written."""
    world.add()

    def find_damage() -> None:
        world.jobs._database.distrust("The job table is damaged.")

    if when == "upload":
        world.generator.on_upload = find_damage
    else:
        write = world.jobs.mark_submitting

        def write_and_find(*args: Any) -> Job:
            job = write(*args)
            find_damage()
            return job

        monkeypatch.setattr(world.jobs, "mark_submitting", write_and_find)
    with pytest.raises(StoreDamaged):
        world.dispatch()

    assert world.generator.uploads == 1
    assert world.generator.requests == []


def test_a_disk_that_is_full_for_a_moment_hides_no_paid_task(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, tries, adopt = world.add(), [], world.jobs.adopt_task

    def adopt_at_the_third_try(*args: Any, **more: Any) -> Job | None:
        tries.append(1)
        if len(tries) < 3:
            raise StorageFull("The disk is full.")
        return adopt(*args, **more)

    monkeypatch.setattr(world.jobs, "adopt_task", adopt_at_the_third_try)
    monkeypatch.setattr(world.journal, "write", lambda note: raising(StorageFull("The disk is full."))())
    world.dispatch()

    assert (world.job(job_id).stage, world.job(job_id).task_id) == (Stage.GENERATING, "task-1")


def test_a_disk_that_is_full_for_a_moment_leaves_no_unsent_job_to_be_searched_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, tries, give_back = world.add(), [], world.jobs.return_to_queue

    def give_back_at_the_third_try(*args: Any, **more: Any) -> Job:
        tries.append(1)
        if len(tries) < 3:
            raise StorageFull("The disk is full.")
        return give_back(*args, **more)

    monkeypatch.setattr(world.jobs, "return_to_queue", give_back_at_the_third_try)
    world.generator.before_create = raising(NotSent("no connection"))
    world.dispatch()

    assert world.job(job_id).stage is Stage.QUEUED


def test_a_job_of_another_generator_is_left_in_the_queue_and_hides_none_behind_it(world: World) -> None:
    foreign, own = world.add(generator="pottery"), world.add()
    world.dispatch()

    assert (world.job(foreign).stage, world.job(foreign).attempt) == (Stage.QUEUED, 0)
    assert [request.job_id for request in world.generator.requests] == [own]
