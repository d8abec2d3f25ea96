"""Sending jobs: at most one request per attempt, and never one without a written intent."""

from __future__ import annotations

import pytest

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
)
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
        (Stage.SUBMITTING, request.attempt, request.nonce, request.image_token)
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
    world.reconcile().tick()
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
