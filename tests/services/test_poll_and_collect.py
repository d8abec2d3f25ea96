"""Looking after running tasks and bringing models home."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.domain.claims import Slots
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    LookupFailed,
    ModelInvalid,
    ModelTooLarge,
    ModelUnavailable,
    StorageFull,
)
from core.domain.generation import TaskPhase
from core.domain.status import Stage, Status
from tests.builders import Category, intent
from tests.fake_generator import glb
from tests.services.conftest import World, raising

DAY_S = 86_400
MANY = Slots(limits=dict.fromkeys(Category, 1000))


def running(world: World, **changes: Any) -> int:
    job_id = world.add(**changes)
    world.dispatch()
    world.clock.advance(3)
    return job_id


def test_progress_is_shown_while_the_task_runs(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.WORKING, progress=35)
    world.poll()

    assert (world.job(job_id).stage, world.job(job_id).progress) == (Stage.GENERATING, 35)


def test_two_hundred_and_fifty_tasks_are_asked_for_in_three_questions(world: World) -> None:
    for number in range(250):
        world.add()
        claimed = world.jobs.claim_queued(owner="a", lease_s=60, slots=MANY, limit=1)[0]
        world.jobs.mark_submitting(claimed.claim, intent())
        world.jobs.bind_task(claimed.claim, f"task-{number}", poll_in_s=1)
        world.says(TaskPhase.WORKING, f"task-{number}", progress=5)
    world.clock.advance(3)

    assert world.poll() == 250
    assert [len(question) for question in world.generator.questions] == [100, 100, 50]


def test_young_tasks_are_asked_for_often_and_old_ones_rarely(world: World) -> None:
    running(world)
    world.says(TaskPhase.WORKING)
    for _ in range(1000):
        world.poll()
        world.clock.advance(1)

    asked = len(world.generator.questions)
    # 30 s at 2 s, 150 s at 5 s, 720 s at 15 s, then once a minute; each ± 20 %
    assert 75 <= asked <= 125


def test_a_finished_model_is_fetched_checked_stored_and_then_completed(world: World) -> None:
    job_id = running(world, target_object="Großer Hund 犬")
    world.says(TaskPhase.SUCCEEDED, credits_used=Decimal("30.00"))
    world.poll()
    world.collect()

    job = world.job(job_id)
    assert job.status is Status.COMPLETED
    assert job.model is not None
    assert (job.model.key, job.model.face_count) == (f"models/{job_id}/task-1/grosser-hund-犬.glb", 1)
    assert world.objects.get(job.model.key) == glb()
    assert (job.model.size_bytes, job.credits_used) == (len(glb()), Decimal("30.00"))


def test_a_failed_task_says_why(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.FAILED, error_code="2008", error_message="The picture was refused.")
    world.poll()

    job = world.job(job_id)
    assert (job.status, job.error_code, job.error_message) == (Status.FAILED, "2008", "The picture was refused.")


@pytest.mark.parametrize(
    "error", [ModelUnavailable("expired"), LookupFailed("down"), StorageFull("full")], ids=lambda e: type(e).__name__
)
def test_a_paid_model_that_could_not_be_stored_is_fetched_again_never_generated_again(
    world: World, error: Exception
) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.generator.on_fetch = raising(error)
    world.collect()
    assert world.job(job_id).stage is Stage.SAVING

    world.generator.on_fetch = glb
    world.clock.advance(10)
    world.collect()
    assert world.job(job_id).status is Status.COMPLETED
    assert len(world.generator.requests) == 1


def test_an_address_just_heard_is_used_at_once_and_an_older_one_is_asked_for_afresh(world: World) -> None:
    running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    asked = len(world.generator.questions)
    world.generator.on_fetch = raising(ModelUnavailable("403"))
    world.collect()
    assert len(world.generator.questions) == asked

    for _ in range(3):
        world.clock.advance(60)
        world.collect()
    assert len(world.generator.questions) == asked + 3


def test_a_file_that_is_no_model_fails_with_the_task_number(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.generator.on_fetch = lambda: b"<html>not here</html>" * 5
    world.collect()
    assert world.job(job_id).stage is Stage.SAVING  # a gateway's page may be gone the next time
    for _ in range(4):
        world.clock.advance(300)
        world.collect()
    assert world.job(job_id).stage is Stage.SAVING
    world.clock.advance(86_400)
    world.collect()

    job = world.job(job_id)
    assert job.status is Status.FAILED
    assert world.objects.get(f"models/{job_id}/task-1/original.bin") == b"<html>not here</html>" * 5
    assert job.model is None
    assert "not a GLB" in (job.error_message or "")
    assert "task-1" in (job.error_message or "")


def test_a_model_that_cannot_be_read_fails_and_its_file_is_kept(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    broken = glb()[:-8]
    world.generator.on_fetch = lambda: broken
    for _ in range(5):
        world.collect()
        world.clock.advance(300)

    job = world.job(job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "model_kept_unread")
    assert "cut short" in (job.error_message or "")
    assert "download it on the job's page" in (job.error_message or "")
    assert world.objects.get(f"models/{job_id}/task-1/original.bin") == broken


def test_a_model_the_generator_calls_unusable_fails(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.generator.on_fetch = raising(ModelInvalid("The file is no model."))
    for _ in range(5):
        world.collect()
        world.clock.advance(300)

    assert world.job(job_id).status is Status.FAILED


def test_a_task_that_is_unknown_for_a_moment_is_not_lost(world: World) -> None:
    job_id = running(world)
    state = world.generator.tasks.pop("task-1")
    for _ in range(10):
        world.poll()
        world.clock.advance(10)
    assert world.job(job_id).stage is Stage.GENERATING

    world.generator.tasks["task-1"] = state
    world.clock.advance(100)
    world.poll()
    assert world.job(job_id).missed_count == 0


def test_a_task_that_stays_unknown_fails_and_names_its_number(world: World) -> None:
    job_id = running(world)
    world.generator.tasks.clear()
    for _ in range(40):
        world.poll()
        world.clock.advance(20)

    assert world.job(job_id).status is Status.FAILED
    assert "task-1" in (world.job(job_id).error_message or "")


def test_a_question_that_fails_loses_nothing(world: World) -> None:
    job_id = running(world)
    world.generator.on_look_up = raising(LookupFailed("down"))
    world.poll()
    assert world.job(job_id).stage is Stage.GENERATING

    world.generator.on_look_up = lambda: None
    world.says(TaskPhase.SUCCEEDED)
    world.clock.advance(10)
    world.poll()
    assert world.job(job_id).stage is Stage.SAVING


def test_no_question_is_asked_while_the_account_waits(world: World) -> None:
    running(world)
    world.generator.on_look_up = raising(AccountBusy("slow down", retry_after_s=60))
    world.poll()
    asked = len(world.generator.questions)
    for _ in range(59):
        world.clock.advance(1)
        world.poll()

    assert len(world.generator.questions) == asked


def test_a_job_past_its_time_reads_timeout_and_a_late_model_still_completes_it(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.WORKING)
    world.clock.advance(600)
    world.sweep().tick()
    assert world.job(job_id).status is Status.TIMEOUT

    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.collect()
    assert world.job(job_id).status is Status.COMPLETED


def test_a_free_generator_is_simply_asked_again_after_a_crash(world: World) -> None:
    world.generator.is_paid = False
    job_id = world.add()
    claimed = world.jobs.claim_queued(owner="dead", lease_s=60, slots=MANY, limit=1)[0]
    world.jobs.mark_submitting(claimed.claim, intent())
    world.clock.advance(61)

    world.sweep().tick()
    world.dispatch()
    assert (world.job(job_id).stage, world.job(job_id).attempt) == (Stage.GENERATING, 2)


def test_blocked_jobs_go_on_once_the_account_answers(world: World) -> None:
    job_id = world.add()
    world.generator.before_create = raising(AccountBlocked("no credit", code="2010"))
    world.dispatch()
    world.generator.on_account = raising(AccountBlocked("no credit", code="2010"))
    assert world.sweep().probe_account() == 0

    world.generator.on_account = lambda: None
    world.generator.before_create = lambda: None
    assert world.sweep().probe_account() == 1
    world.dispatch()
    assert world.job(job_id).stage is Stage.GENERATING


def test_faults_of_the_network_and_a_gateways_page_do_not_lose_a_paid_model(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.generator.on_fetch = raising(ModelUnavailable("The transfer broke."))
    for _ in range(8):
        world.collect()
        world.clock.advance(300)
    world.generator.on_fetch = lambda: b"<html>bad gateway</html>"
    world.collect()
    world.clock.advance(300)
    assert world.job(job_id).stage is Stage.SAVING

    world.generator.on_fetch = glb
    world.collect()
    assert world.job(job_id).status is Status.COMPLETED


def test_files_that_are_cut_short_at_different_places_prove_nothing(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    for cut in range(1, 13):
        world.generator.on_fetch = lambda cut=cut: glb()[:-cut]
        world.collect()
        world.clock.advance(300)
    assert world.job(job_id).stage is Stage.SAVING


def test_a_model_over_the_size_limit_is_asked_for_a_few_times_and_not_for_a_week(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    tries = []
    world.generator.on_fetch = lambda: tries.append(1) or raising(ModelTooLarge("It is larger than 512 MB."))()
    for _ in range(1000):
        world.collect()
        world.clock.advance(5)

    job = world.job(job_id)
    assert (job.status, job.error_code, len(tries)) == (Status.FAILED, "model_too_large", 4)
    assert "task-1" in (job.error_message or "")


def off_for_eight_days(world: World) -> None:
    """The server; the generator finished the task meanwhile."""
    world.clock.advance(8 * DAY_S)
    world.says(TaskPhase.SUCCEEDED)


def test_after_a_week_without_the_server_a_task_is_asked_for_before_it_is_given_up(world: World) -> None:
    job_id = running(world)
    off_for_eight_days(world)
    world.sweep().tick()
    assert world.job(job_id).stage is Stage.LATE
    world.poll()
    world.collect()

    assert world.job(job_id).status is Status.COMPLETED


@pytest.mark.parametrize("was_late", [True, False])
def test_after_a_week_without_the_server_one_question_in_vain_gives_nothing_up(world: World, *, was_late: bool) -> None:
    job_id = running(world)
    if was_late:
        world.clock.advance(700)
        world.generator.on_look_up = raising(LookupFailed("down"))
        world.sweep().tick()
        world.poll()
    off_for_eight_days(world)
    world.generator.on_look_up = raising(LookupFailed("no network yet"))
    for _ in range(10):
        world.sweep().tick()
        world.poll()
        world.clock.advance(600)
    assert world.job(job_id).stage is Stage.LATE
    world.generator.on_look_up = lambda: None
    world.poll()
    world.collect()

    assert world.job(job_id).status is Status.COMPLETED


def test_a_task_that_cannot_be_asked_for_is_given_up_after_a_week(world: World) -> None:
    job_id = running(world)
    world.generator.on_look_up = raising(LookupFailed("down"))
    for hours in range(24 * 7):
        assert not world.job(job_id).is_ended, hours
        world.clock.advance(3600)
        world.sweep().tick()
        world.poll()
    world.clock.advance(3600)
    world.sweep().tick()

    assert (world.job(job_id).stage, world.job(job_id).status) == (Stage.DONE, Status.TIMEOUT)


@pytest.mark.parametrize("has_clicked", [True, False])
def test_after_a_week_without_the_server_fetching_in_vain_does_not_end_a_paid_model(
    world: World, *, has_clicked: bool
) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.generator.on_fetch = raising(ModelUnavailable("down"))
    world.collect()
    off_for_eight_days(world)
    if has_clicked:
        world.decide().fetch_again(job_id)
    for _ in range(5):
        world.collect()
        world.clock.advance(3600)
    assert world.job(job_id).stage is Stage.SAVING
    world.generator.on_fetch = glb
    world.collect()

    assert world.job(job_id).status is Status.COMPLETED


def test_a_model_that_could_not_be_fetched_for_a_week_fails_with_the_last_reason(world: World) -> None:
    job_id = running(world)
    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.generator.on_fetch = raising(ModelUnavailable("The transfer broke."))
    for hours in range(24 * 7):
        assert world.job(job_id).stage is Stage.SAVING, hours
        world.collect()
        world.clock.advance(3600)
    world.collect()

    assert (world.job(job_id).status, world.job(job_id).error_code) == (Status.FAILED, "model_not_fetched")
    assert "The transfer broke." in (world.job(job_id).error_message or "")
