"""A free generator whose tasks lie on one machine, in a table that several machines share."""

from __future__ import annotations

from itertools import pairwise

import pytest

from core.domain.claims import Slots
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
    StoreUnavailable,
)
from core.domain.generation import TaskPhase
from core.domain.status import Stage, Status
from tests.builders import Category
from tests.fake_generator import FakeGenerator
from tests.services.conftest import World, raising

LEASE_S = 60


def engine(world: World, prefix: str) -> World:
    """One machine with the built-in engine and a folder of its own."""
    generator = FakeGenerator(
        name="offline", label="Built-in engine (offline)", is_paid=False, account="offline", prefix=prefix
    )
    return World(clock=world.clock, jobs=world.jobs, objects=world.objects, generator=generator, journal=world.journal)


@pytest.fixture
def here(world: World) -> World:
    return engine(world, "here")


@pytest.fixture
def there(world: World) -> World:
    return engine(world, "there")


def begun(world: World) -> int:
    job_id = world.add(generator="offline", category=Category.OFFLINE)
    assert world.dispatch() == 1
    return job_id


def turn(world: World, seconds: float = 3.0) -> None:
    world.clock.advance(seconds)
    world.poll()
    world.collect()


def test_a_task_is_left_to_the_machine_that_has_it_for_as_long_as_that_is_heard_of(here: World, there: World) -> None:
    job_id = begun(here)
    here.says(TaskPhase.WORKING, "here-1", progress=10)
    for _ in range(60):
        turn(there)
        turn(there)
        turn(here)

    assert there.generator.begun == []
    assert (here.job(job_id).stage, here.job(job_id).progress) == (Stage.GENERATING, 10)


def test_a_task_of_a_machine_that_is_gone_is_begun_again_after_a_lease(here: World, there: World) -> None:
    job_id = begun(here)
    turn(there)
    turn(there, LEASE_S - 4)
    assert there.generator.begun == []
    turn(there, 5)
    assert there.generator.begun == ["here-1"]

    there.says(TaskPhase.SUCCEEDED, "here-1")
    turn(there)
    job = there.job(job_id)
    assert (job.status, job.task_id, job.attempt) == (Status.COMPLETED, "here-1", 1)
    assert [event.after for event in there.jobs.events(job_id)][-3:] == [Stage.GENERATING, Stage.SAVING, Stage.DONE]


def test_a_model_that_waits_on_another_machine_is_left_to_it_without_ever_longer_waits(
    here: World, there: World
) -> None:
    job_id = begun(here)
    here.says(TaskPhase.SUCCEEDED, "here-1")
    here.clock.advance(3)
    here.poll()
    for _ in range(15):
        turn(there)
    assert there.job(job_id).fetch_tries == 0
    assert there.generator.begun == []

    turn(here)
    assert here.job(job_id).status is Status.COMPLETED


def test_a_model_on_a_machine_that_is_gone_is_made_again_after_a_lease(here: World, there: World) -> None:
    job_id = begun(here)
    here.says(TaskPhase.SUCCEEDED, "here-1")
    here.clock.advance(3)
    here.poll()
    for _ in range(LEASE_S // 3 + 2):
        turn(there)
    assert there.generator.begun == ["here-1"]
    assert there.job(job_id).stage is Stage.SAVING

    there.says(TaskPhase.SUCCEEDED, "here-1")
    turn(there)
    assert there.job(job_id).status is Status.COMPLETED
    assert there.generator.begun == ["here-1"]


def test_a_model_that_cannot_be_made_again_fails_and_says_that_it_cost_nothing(here: World, there: World) -> None:
    job_id = begun(here)
    here.says(TaskPhase.SUCCEEDED, "here-1")
    here.clock.advance(3)
    here.poll()
    turn(there)
    there.says(TaskPhase.FAILED, "here-1", error_code="engine_failed", error_message="It failed. It cost nothing.")
    turn(there)

    job = there.job(job_id)
    assert (job.status, job.error_code, job.error_message) == (
        Status.FAILED,
        "engine_failed",
        "It failed. It cost nothing.",
    )


@pytest.mark.parametrize("stage", [Stage.GENERATING, Stage.SAVING])
def test_without_its_picture_a_lost_task_fails_and_says_what_to_do(here: World, there: World, stage: Stage) -> None:
    job_id = begun(here)
    if stage is Stage.SAVING:
        here.says(TaskPhase.SUCCEEDED, "here-1")
        here.clock.advance(3)
        here.poll()
    there.objects.delete("images/a/cup.jpg")
    turn(there)
    turn(there, LEASE_S + 1)

    job = there.job(job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "picture_missing")
    assert "cost nothing" in (job.error_message or "")


@pytest.mark.parametrize("error", [NotSent("The disk is full."), StoreUnavailable("It is away.")])
def test_a_task_that_cannot_be_begun_now_is_begun_at_the_next_look(here: World, there: World, error: Exception) -> None:
    begun(here)
    turn(there)
    there.generator.on_begin = raising(error)
    turn(there, LEASE_S + 1)
    assert there.generator.begun == []

    there.generator.on_begin = lambda: None
    turn(there)
    assert there.generator.begun == ["here-1"]


def test_a_machine_that_stood_still_before_it_begins_a_task_again_leaves_it_to_whoever_took_it_over(
    here: World, there: World
) -> None:
    begun(here)
    turn(there)
    there.generator.on_begin = lambda: there.clock.advance(LEASE_S / 2)
    turn(there, LEASE_S + 1)

    assert there.generator.begun == []


@pytest.mark.parametrize("stage", [Stage.GENERATING, Stage.SAVING])
def test_a_task_is_begun_once_by_two_machines_of_which_one_needs_longer_than_its_lease(
    here: World, there: World, stage: Stage
) -> None:
    third = engine(here, "third")
    begun(here)
    if stage is Stage.SAVING:
        here.says(TaskPhase.SUCCEEDED, "here-1")
        here.clock.advance(3)
        here.poll()
    turn(there)

    def overtaken() -> None:
        there.generator.on_upload = lambda: None
        turn(third, LEASE_S + 1)

    there.generator.on_upload = overtaken
    turn(there, LEASE_S + 1)

    assert (there.generator.begun, third.generator.begun) == ([], ["here-1"])


@pytest.mark.parametrize("stage", [Stage.GENERATING, Stage.SAVING])
def test_a_task_whose_beginning_was_not_answered_is_waited_for_before_it_is_begun_once_more(
    here: World, there: World, stage: Stage
) -> None:
    begun(here)
    if stage is Stage.SAVING:
        here.says(TaskPhase.SUCCEEDED, "here-1")
        here.clock.advance(3)
        here.poll()
    turn(there)

    def lost() -> None:
        there.generator.tasks.clear()  # on its way, so nobody sees it yet
        raise OutcomeUnknown("The connection broke.")

    there.generator.after_begin = lost
    turn(there, LEASE_S + 1)
    for _ in range(10):
        turn(there)
    assert there.generator.begun == ["here-1"]

    turn(there, LEASE_S)
    assert there.generator.begun == ["here-1"] * 2


def test_a_paid_task_is_never_begun_again(world: World) -> None:
    job_id = world.add()
    world.dispatch()
    world.generator.tasks.clear()
    for _ in range(4):
        world.clock.advance(LEASE_S + 1)
        world.poll()

    assert world.generator.begun == []
    assert (world.job(job_id).stage, len(world.generator.requests)) == (Stage.GENERATING, 1)


def test_a_cancelled_job_stops_the_work_and_says_that_it_cost_nothing(here: World, there: World) -> None:
    job_id = begun(here)
    here.decide().cancel(job_id)
    told = here.job(job_id)
    assert (told.status, told.error_message) == (
        Status.CANCELLED,
        "Cancelled. The work on it stops, and it costs nothing.",
    )
    here.poll()

    job = here.job(job_id)
    assert here.generator.stopped == ["here-1"]
    assert (job.stage, job.status) == (Stage.DONE, Status.CANCELLED)
    notes = " ".join(event.note for event in here.jobs.events(job_id)) + (job.error_message or "")
    assert "Tripo" not in notes
    assert "charge" not in notes


def test_a_cancelled_job_of_a_machine_that_is_gone_ends_and_is_not_made_again(here: World, there: World) -> None:
    job_id = begun(here)
    turn(there)
    there.decide().cancel(job_id)
    turn(there, LEASE_S + 1)

    assert there.generator.begun == []
    assert (there.job(job_id).stage, there.job(job_id).status) == (Stage.DONE, Status.CANCELLED)


def test_a_job_cancelled_while_its_model_is_stored_keeps_it_and_says_that_it_cost_nothing(here: World) -> None:
    job_id = begun(here)
    here.says(TaskPhase.SUCCEEDED, "here-1")
    here.clock.advance(3)
    here.poll()
    made = here.generator.on_fetch

    def cancelled_meanwhile() -> bytes:
        here.decide().cancel(job_id)
        return made()

    here.generator.on_fetch = cancelled_meanwhile
    here.collect()
    job = here.job(job_id)
    assert (job.stage, job.status) == (Stage.DONE, Status.CANCELLED)
    assert job.model is not None
    assert (
        job.error_message == "You cancelled this job when its model was already made, so it was kept. It cost nothing."
    )


def test_a_job_cancelled_before_it_began_says_that_it_cost_nothing(here: World) -> None:
    job_id = here.add(generator="offline", category=Category.OFFLINE)
    here.decide().cancel(job_id)
    assert here.job(job_id).error_message == "Cancelled before it began. It cost nothing."


def test_a_paid_job_says_that_tripo_cannot_be_stopped(world: World) -> None:
    job_id = world.add()
    world.dispatch()
    world.decide().cancel(job_id)
    assert "Tripo cannot be stopped" in (world.job(job_id).error_message or "")
    assert not world.job(job_id).is_free


REFUSALS = [
    AccountBlocked("Access to ComfyUI was refused (403)."),
    AccountBusy("The proxy before ComfyUI asks us to wait.", retry_after_s=30.0),
    LookupFailed("ComfyUI could not be reached."),
    RequestRejected("It does not take that."),
]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_cancel_that_is_refused_keeps_no_other_task_from_being_asked_for(here: World, error: Exception) -> None:
    cancelled, other = begun(here), begun(here)
    for task_id in ("here-1", "here-2"):
        here.says(TaskPhase.WORKING, task_id, progress=10)
    here.jobs.cancel(cancelled, maker="ComfyUI")
    here.generator.on_stop = raising(error)
    turn(here)
    assert here.job(cancelled).stage is Stage.GENERATING, "the cancel is tried again"
    assert here.job(other).progress == 10

    here.generator.on_stop = lambda: None
    turn(here, 40)
    assert here.job(cancelled).error_code == "cancelled"
    assert here.generator.stopped == ["here-1"]


@pytest.mark.parametrize("phase", [TaskPhase.SUCCEEDED, TaskPhase.FAILED])
@pytest.mark.parametrize("error", REFUSALS)
def test_a_cancel_that_is_refused_needs_no_second_one_once_the_task_has_ended(
    here: World, error: Exception, phase: TaskPhase
) -> None:
    cancelled = begun(here)
    here.jobs.cancel(cancelled, maker="ComfyUI")
    here.generator.on_stop = raising(error)
    here.says(phase, "here-1")
    turn(here)

    assert (here.job(cancelled).status, here.job(cancelled).error_code) == (Status.CANCELLED, "cancelled")


def test_a_task_that_may_not_be_stopped_yet_is_not_asked_about_sooner_than_it_was_told(here: World) -> None:
    cancelled = begun(here)
    here.jobs.cancel(cancelled, maker="ComfyUI")
    here.says(TaskPhase.WORKING, "here-1")
    here.generator.on_stop = raising(AccountBusy("Wait.", retry_after_s=50.0))
    turn(here)
    here.generator.on_stop = lambda: None
    turn(here, 20)
    assert here.job(cancelled).stage is Stage.GENERATING

    turn(here, 60)
    assert here.job(cancelled).error_code == "cancelled"


def test_a_task_of_which_no_answer_can_be_read_is_not_missed_and_holds_up_no_other(here: World) -> None:
    odd, other = begun(here), begun(here)
    here.generator.unreadable = {"here-1"}
    here.says(TaskPhase.WORKING, "here-2", progress=10)
    turn(here)
    assert here.job(other).progress == 10
    for _ in range(3):
        turn(here, LEASE_S + 1)
    assert here.generator.begun == []
    assert (here.job(odd).stage, here.job(odd).missed_since) == (Stage.GENERATING, None)

    here.generator.unreadable = set()
    here.says(TaskPhase.SUCCEEDED, "here-1")
    turn(here, LEASE_S + 1)
    assert here.job(odd).status is Status.COMPLETED


def lost(world: World, task_id: str = "here-1") -> None:
    """Whoever has the task is started again, and nobody knows it for a lease."""
    world.generator.tasks.pop(task_id, None)
    turn(world, 20)
    turn(world, LEASE_S + 1)


def test_a_job_that_stops_its_machine_each_time_is_begun_again_three_times_and_then_fails(here: World) -> None:
    job_id = begun(here)
    for number in range(1, 4):
        here.says(TaskPhase.WORKING, "here-1", progress=40)
        turn(here)
        lost(here)
        assert (len(here.generator.begun), here.job(job_id).progress) == (number, 0)
    here.says(TaskPhase.WORKING, "here-1")
    turn(here)
    lost(here)

    job = here.job(job_id)
    assert (job.status, job.error_code, len(here.generator.begun)) == (Status.FAILED, "lost_too_often", 3)
    assert job.error_message == (
        "Built-in engine (offline) lost this job 4 times while it worked on it, so it is not begun again. Most likely "
        "it needs more memory than that machine has, which stops there each time. It cost nothing. Submit it again "
        "with fewer faces, or choose another generator. The log of Built-in engine (offline) tells its operator what "
        "happened there."
    )


def test_a_job_that_stops_its_machine_before_it_was_heard_to_work_has_the_same_end(here: World) -> None:
    job_id = begun(here)
    for _ in range(5):
        lost(here)

    assert (here.job(job_id).error_code, len(here.generator.begun)) == ("lost_too_often", 3)


def test_a_model_that_is_lost_again_and_again_before_it_is_fetched_is_not_made_for_ever(here: World) -> None:
    job_id = begun(here)
    here.says(TaskPhase.SUCCEEDED, "here-1")
    here.clock.advance(3)
    here.poll()
    assert here.job(job_id).stage is Stage.SAVING
    for _ in range(5):
        lost(here)

    assert (here.job(job_id).error_code, len(here.generator.begun)) == ("lost_too_often", 3)


def test_a_job_that_only_waited_in_line_is_not_to_blame_for_what_stopped_the_machine(here: World) -> None:
    job_id = begun(here)
    for _ in range(6):
        turn(here, 6)
        lost(here)
    assert len(here.generator.begun) == 6

    here.says(TaskPhase.SUCCEEDED, "here-1")
    turn(here)
    assert here.job(job_id).status is Status.COMPLETED


@pytest.mark.parametrize("error", [NotSent("It is away."), LookupFailed("No answer."), OutcomeUnknown("Broken.")])
def test_what_was_not_begun_for_certain_is_not_counted(here: World, error: Exception) -> None:
    job_id = begun(here)
    here.generator.on_begin = raising(error)
    for _ in range(6):
        lost(here)

    job = here.job(job_id)
    assert (job.stage, job.settle_scans) == (Stage.GENERATING, 0)


def test_a_task_that_failed_and_may_go_better_is_begun_again_after_a_lease(here: World) -> None:
    job_id = begun(here)
    full = {"error_code": "full", "error_message": "The memory was full. It cost nothing."}
    here.says(TaskPhase.FAILED, "here-1", may_go_again=True, **full)
    turn(here)
    turn(here, LEASE_S - 1)
    assert here.generator.begun == []
    turn(here, 3)
    assert here.generator.begun == ["here-1"]

    here.says(TaskPhase.FAILED, "here-1", **full)
    turn(here)
    assert (here.job(job_id).error_code, here.generator.begun) == ("full", ["here-1"])


@pytest.mark.parametrize("error", [AccountBlocked("It lacks a node."), RequestRejected("The picture is gone.")])
def test_a_task_that_failed_and_is_not_taken_again_ends_with_what_it_failed_of(here: World, error: Exception) -> None:
    job_id = begun(here)
    here.says(TaskPhase.FAILED, "here-1", error_code="full", error_message="It was full.", may_go_again=True)
    here.generator.on_begin = raising(error)
    turn(here)
    turn(here, LEASE_S + 1)

    assert (here.job(job_id).error_code, here.job(job_id).error_message) == ("full", "It was full.")


@pytest.mark.parametrize("stage", [Stage.GENERATING, Stage.SAVING])
def test_of_two_machines_only_one_begins_again_what_failed(here: World, there: World, stage: Stage) -> None:
    third = engine(here, "third")
    begun(here)
    if stage is Stage.SAVING:
        here.says(TaskPhase.SUCCEEDED, "here-1")
        here.clock.advance(3)
        here.poll()
    for each in (there, third):
        each.says(TaskPhase.FAILED, "here-1", error_code="full", error_message="It was full.", may_go_again=True)
    turn(there)

    def overtaken() -> None:
        there.generator.on_upload = lambda: None
        turn(third, LEASE_S + 1)

    there.generator.on_upload = overtaken
    turn(there, LEASE_S + 1)

    assert (there.generator.begun, third.generator.begun) == ([], ["here-1"])


def test_thirty_jobs_in_a_line_of_one_are_all_made_and_none_is_late(here: World) -> None:
    """One machine works on one of them at a time, three minutes each; nothing is wrong."""
    world = World(
        clock=here.clock,
        jobs=here.jobs,
        objects=here.objects,
        generator=here.generator,
        journal=here.journal,
        slots=Slots(limits={Category.OFFLINE: 30}),
    )
    numbers = [world.add(generator="offline", category=Category.OFFLINE) for _ in range(30)]
    world.dispatch()
    for number in range(1, 31):
        world.says(TaskPhase.WORKING, f"here-{number}", progress=5)
        for _ in range(6):
            turn(world, 30)
            world.sweep().tick()
        world.says(TaskPhase.SUCCEEDED, f"here-{number}")
    for _ in range(10):
        turn(world, 30)

    assert {world.job(number).status for number in numbers} == {Status.COMPLETED}
    stages = {event.after for number in numbers for event in world.jobs.events(number)}
    assert Stage.LATE not in stages


def test_a_task_that_works_for_longer_than_the_limit_is_late_though_it_waited_before(here: World) -> None:
    job_id = begun(here)
    for _ in range(60):
        turn(here, 20)
    here.sweep().tick()
    assert here.job(job_id).stage is Stage.GENERATING
    here.says(TaskPhase.WORKING, "here-1", progress=5)
    for _ in range(31):
        turn(here, 20)
    here.sweep().tick()

    assert here.job(job_id).stage is Stage.LATE


def test_a_task_that_waits_is_asked_for_neither_ever_faster_nor_seldom(here: World) -> None:
    begun(here)
    asked = []
    for _ in range(1800):
        here.clock.advance(1)
        if here.poll():
            asked.append(here.clock.now())
    pauses = [(after - before).total_seconds() for before, after in pairwise(asked)]

    assert all(4 <= pause <= 7 for pause in pauses[20:])
