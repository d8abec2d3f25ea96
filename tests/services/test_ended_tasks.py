"""What a free generator says by itself of its tasks, and that none of them is taken for one of the paid account."""

from __future__ import annotations

import pytest

from core.domain.declaration import Evidence
from core.domain.errors import OutcomeUnknown, StoreUnavailable
from core.domain.generation import TaskPhase
from core.domain.status import Stage
from core.ports.account_store import Delivery
from core.ports.journal import TaskNote
from core.services.attempts import attempt_id
from core.services.ended_tasks import EndedTasks
from tests.builders import Category
from tests.fake_generator import FakeGenerator
from tests.services.conftest import World, raising


@pytest.fixture
def lab(world: World) -> World:
    """A server of the lab's own, beside the paid account of `world`."""
    generator = FakeGenerator(
        name="comfyui", label="ComfyUI", is_paid=False, account="lab", prefix="x", evidence=Evidence.NAMED
    )
    return World(clock=world.clock, jobs=world.jobs, objects=world.objects, generator=generator, journal=world.journal)


def sent(lab: World) -> int:
    job_id = lab.add(generator="comfyui", category=Category.COMFYUI)
    lab.dispatch()
    return job_id


def lost(lab: World) -> int:
    """A job whose answer was lost."""
    lab.generator.after_create = raising(OutcomeUnknown("The connection broke."))
    job_id = sent(lab)
    assert lab.job(job_id).stage is Stage.UNCERTAIN
    return job_id


def ended(lab: World) -> tuple[EndedTasks, list[str]]:
    woken: list[str] = []
    return EndedTasks(jobs=lab.jobs, generator="comfyui", wake=lambda: woken.append("woken")), woken


def is_due(lab: World) -> bool:
    due = lab.jobs.claim_due(owner="a", lease_s=1, generator="comfyui", limit=5)
    lab.clock.advance(2)
    return bool(due)


def test_the_end_of_a_task_whose_answer_was_lost_lists_nothing_at_the_paid_account(lab: World) -> None:
    job_id = lost(lab)
    name = attempt_id(lab.job(job_id), lab.jobs.installation())
    use_case, woken = ended(lab)
    use_case.note(name)

    assert lab.jobs.accounts.orphaned_tasks() == []
    assert woken == [], "there is nothing to ask for before the job has its task"


def test_a_lost_answer_at_the_paid_account_is_not_looked_for_among_tasks_of_others(world: World) -> None:
    world.generator.after_create = raising(OutcomeUnknown("The connection broke."))
    world.add()
    world.dispatch()
    for account, task_id in (("comfyui", "x-1"), (world.generator.account, "task-1")):
        world.jobs.accounts.note_delivery(account, Delivery(id=task_id, type="task.completed", task_id=task_id))
    world.generator.usage_rows.clear()
    world.reconcile()

    assert world.generator.questions == [["task-1"]]
    assert world.job(1).task_id == "task-1"


def test_a_note_of_a_free_task_whose_job_went_another_way_lists_nothing_at_the_paid_account(lab: World) -> None:
    job_id = lost(lab)
    job, home = lab.job(job_id), lab.jobs.installation()
    lab.jobs.adopt_task(job_id, 1, "x-2", nonce=job.nonce, poll_in_s=0)
    lab.journal.write(
        TaskNote(
            job_id=job_id,
            attempt=1,
            task_id="x-1",
            nonce=job.nonce,
            installation=home.id,
            project=home.project,
        )
    )
    lab.sweep().tick()

    assert lab.jobs.accounts.orphaned_tasks() == []
    assert lab.journal.notes() == []


def test_each_end_of_a_task_makes_it_due(lab: World) -> None:
    """A task that ran out of memory, or was begun again, ends twice under its name."""
    job_id = sent(lab)
    lab.says(TaskPhase.WORKING, "x-1")
    use_case, woken = ended(lab)
    for number in (1, 2):
        lab.clock.advance(5)
        lab.poll()
        assert not is_due(lab)
        use_case.note("x-1")
        assert is_due(lab), f"end {number}"

    assert len(woken) == 2
    assert lab.job(job_id).stage is Stage.GENERATING


def test_an_end_that_cannot_be_noted_is_left_to_the_next_question(lab: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(lab)

    def away(*args: object, **more: object) -> None:
        raise StoreUnavailable("It is away.")

    for verb in ("unbound", "note_delivery"):
        with monkeypatch.context() as patch:
            patch.setattr(type(lab.jobs.accounts), verb, away)
            use_case, woken = ended(lab)
            use_case.note("x-1")
        assert woken == []
