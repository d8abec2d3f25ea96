"""A lost answer where tasks have the names that we gave them."""

from __future__ import annotations

import pytest

from core.domain.declaration import Evidence
from core.domain.errors import OutcomeUnknown
from core.domain.generation import TaskPhase, TaskState
from core.domain.status import Stage
from core.services.attempts import attempt_id
from core.services.sweep import IN_FLIGHT
from tests.builders import Category
from tests.fake_generator import FakeGenerator
from tests.services.conftest import World, raising

SEND_BY_S = 20.0


@pytest.fixture
def lab(world: World) -> World:
    """A server of the lab's own, and a job whose answer was lost."""
    generator = FakeGenerator(
        name="comfyui", label="ComfyUI", is_paid=False, account="lab", prefix="x", evidence=Evidence.NAMED
    )
    made = World(clock=world.clock, jobs=world.jobs, objects=world.objects, generator=generator, journal=world.journal)
    generator.after_create = raising(OutcomeUnknown("The connection broke."))
    made.add(generator="comfyui", category=Category.COMFYUI)
    made.dispatch()
    assert made.job(1).stage is Stage.UNCERTAIN
    return made


def test_it_is_sent_again_once_it_can_no_longer_arrive(lab: World) -> None:
    lab.clock.advance(SEND_BY_S + IN_FLIGHT.total_seconds() - 1)
    lab.sweep().tick()
    assert lab.job(1).stage is Stage.UNCERTAIN

    lab.clock.advance(11)
    lab.sweep().tick()
    assert lab.job(1).stage is Stage.QUEUED


def test_a_model_that_its_server_lost_is_not_said_to_be_on_another_server(lab: World) -> None:
    name = attempt_id(lab.job(1), lab.jobs.installation())
    lab.generator.tasks[name] = TaskState(task_id=name, phase=TaskPhase.SUCCEEDED)
    lab.sweep().tick()
    lab.clock.advance(3)
    lab.poll()
    assert lab.job(1).stage is Stage.SAVING
    del lab.generator.tasks[name]
    lab.clock.advance(3)
    lab.collect()

    assert lab.job(1).error_message == (
        "ComfyUI does not find this model at the moment and is asked again. If it stays away, it is made again. "
        "It costs nothing."
    )


def test_a_name_that_is_found_is_bound(lab: World) -> None:
    name = attempt_id(lab.job(1), lab.jobs.installation())
    lab.generator.tasks[name] = lab.generator.tasks.pop("x-1")
    lab.sweep().tick()

    assert (lab.job(1).stage, lab.job(1).task_id) == (Stage.GENERATING, name)


def test_a_look_that_began_while_the_order_could_still_arrive_proves_nothing_however_long_it_took(lab: World) -> None:
    lab.clock.advance(SEND_BY_S + IN_FLIGHT.total_seconds() - 10)
    lab.generator.on_look_up = lambda: lab.clock.advance(20)
    lab.sweep().tick()

    assert lab.job(1).stage is Stage.UNCERTAIN


def test_an_order_is_not_sent_again_because_no_answer_about_it_can_be_read(lab: World) -> None:
    lab.generator.unreadable = {attempt_id(lab.job(1), lab.jobs.installation())}
    lab.clock.advance(SEND_BY_S + IN_FLIGHT.total_seconds() + 1)
    lab.sweep().tick()

    assert lab.job(1).stage is Stage.UNCERTAIN
