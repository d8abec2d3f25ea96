"""Ordering a file from Tripo: once, with its price; found again after a lost answer; kept as it came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.domain.errors import BudgetExceeded, IllegalTransition, InputRefused, OutcomeUnknown
from core.domain.generation import TaskPhase, TaskState
from core.domain.job import Job
from core.domain.request import Conversion, ConvertModel, Kind
from core.domain.status import Stage, Status
from core.services.convert import Convert
from core.services.fingerprint import fits
from tests.builders import Category
from tests.fake_generator import glb, usage_row
from tests.fake_tripo.fbx import sample_fbx
from tests.services.conftest import World, raising

SETTLE_S = 1800


def convert(world: World, most: Decimal | None = None) -> Convert:
    return Convert(jobs=world.jobs, makers=world.makers, max_credits_per_day=most, on_queued=lambda: None)


def made(world: World) -> Job:
    """A job whose model is there."""
    job_id = world.add()
    world.dispatch()
    finish(world, job_id)
    return world.job(job_id)


def finish(world: World, job_id: int, data: bytes | None = None) -> Job:
    """The task of a job succeeds, and what it made is fetched."""
    world.clock.advance(10)
    task = world.generator.tasks[world.job(job_id).task_id or ""]
    world.generator.tasks[task.task_id] = TaskState(
        task_id=task.task_id,
        phase=TaskPhase.SUCCEEDED,
        input_token=task.input_token,
        input_nonce=task.input_nonce,
        input_conversion=task.input_conversion,
        credits_used=Decimal(5),
    )
    world.poll()
    world.generator.on_fetch = lambda: glb() if data is None else data
    world.collect()
    return world.job(job_id)


def lost(world: World, job_id: int, *, was_made: bool) -> Job:
    """The answer to its paid call is lost."""
    hook = "after_create" if was_made else "before_create"
    setattr(world.generator, hook, raising(OutcomeUnknown("no answer")))
    world.dispatch()
    setattr(world.generator, hook, lambda: None)
    job = world.job(job_id)
    assert job.stage is Stage.UNCERTAIN
    return job


def search(world: World, times: int = 1, every_s: float = 31) -> None:
    for _ in range(times):
        world.clock.advance(every_s)
        world.reconcile()


def test_an_ordered_file_comes_as_a_job_of_its_own_and_is_stored_as_it_is(world: World) -> None:
    model = made(world)
    ordered = convert(world).order(model.id).job
    assert (ordered.category, ordered.source, ordered.target_object) == (Category.CONVERT, model.id, "Cup")
    assert ordered.conversion == Conversion(task_id=model.task_id or "")

    uploads = world.generator.uploads
    world.dispatch()
    job = finish(world, ordered.id, sample_fbx())
    assert world.generator.uploads == uploads  # there is no picture to hand over
    assert (job.status, job.image_token, job.credits_used) == (Status.COMPLETED, model.task_id, 5)
    assert job.model is not None
    assert (job.model.kind, job.model.face_count, job.model.key) == (
        "fbx",
        None,
        f"models/{job.id}/{job.task_id}/cup.fbx",
    )
    assert world.objects.get(job.model.key) == sample_fbx()
    assert [each.id for each in convert(world).ordered(model.id)] == [job.id]
    assert [event.note for event in world.jobs.events(job.id)] == [
        "Waiting for a free place.",
        "Sending the order.",
        "The file is being made.",
        "The file is made; it is being stored.",
        "The file is ready.",
    ]


def test_the_same_order_is_the_same_job_and_another_is_another(world: World) -> None:
    model = made(world)
    use = convert(world)
    first = use.order(model.id)
    assert (first.created, use.order(model.id).created) == (True, False)
    assert use.order(model.id).job.id == first.job.id
    quads = [use.order(model.id, quad=True), use.order(model.id, quad=True, face_limit=5000)]
    assert len({first.job.id, *(each.job.id for each in quads)}) == 3

    world.dispatch()
    finish(world, first.job.id, sample_fbx())
    assert use.order(model.id).job.id == first.job.id
    assert len(world.generator.requests) == 4


def test_an_order_that_failed_stands_until_it_is_made_again(world: World) -> None:
    model = made(world)
    use = convert(world)
    failed = use.order(model.id).job
    world.dispatch()
    world.generator.tasks[world.job(failed.id).task_id or ""] = TaskState(
        task_id=world.job(failed.id).task_id or "", phase=TaskPhase.FAILED, error_code="2018"
    )
    world.clock.advance(10)
    world.poll()
    assert use.order(model.id).job.status is Status.FAILED

    again = world.decide().retry(failed.id)
    assert (again.source, again.category) == (model.id, Category.CONVERT)
    assert use.order(model.id).job.id == again.id


def test_an_order_that_failed_is_made_again_though_the_picture_is_gone(world: World) -> None:
    model = made(world)
    failed = convert(world).order(model.id).job
    world.dispatch()
    task_id = world.job(failed.id).task_id or ""
    world.generator.tasks[task_id] = TaskState(task_id=task_id, phase=TaskPhase.FAILED)
    world.clock.advance(10)
    world.poll()
    assert model.image is not None
    world.objects.delete(model.image.key)
    assert world.decide().retry(failed.id).retry_of == failed.id


def test_what_cannot_be_converted_says_why_and_orders_nothing(world: World) -> None:
    model = made(world)
    waiting = world.add()
    use = convert(world)
    with pytest.raises(IllegalTransition, match="no finished model"):
        use.order(waiting)
    converted = use.order(model.id).job
    with pytest.raises(IllegalTransition, match=f"model of job {model.id}"):
        use.order(converted.id)
    with pytest.raises(InputRefused, match="four-sided"):
        use.order(model.id, face_limit=5000)
    world.generator.account = "another"
    with pytest.raises(IllegalTransition, match="another Tripo key"):
        use.order(model.id, quad=True)
    world.generator.kinds = (Kind.IMAGE,)
    with pytest.raises(IllegalTransition, match="No generator that is connected"):
        use.order(model.id, quad=True)
    assert use.offers(model) == ()
    assert len(use.ordered(model.id)) == 1


def test_the_budget_holds_for_files_too(world: World) -> None:
    model = made(world)
    with pytest.raises(BudgetExceeded):
        convert(world, most=Decimal(20)).order(model.id)


def test_a_lost_answer_is_settled_by_what_the_task_converts(world: World) -> None:
    model = made(world)
    ordered = [convert(world).order(model.id, quad=quad).job for quad in (False, True)]
    for each in ordered:
        lost(world, each.id, was_made=True)
    orders = enumerate((each.request for each in world.generator.requests), 1)
    asked = {each.conversion: f"task-{number}" for number, each in orders if isinstance(each, ConvertModel)}
    search(world)

    found = [world.job(each.id) for each in ordered]
    assert [(job.stage, job.task_id) for job in found] == [(Stage.GENERATING, asked[job.conversion]) for job in found]
    assert len(world.generator.requests) == 3


def test_absence_counts_only_once_a_conversion_was_seen_to_be_repeated(world: World) -> None:
    model = made(world)
    ordered = lost(world, convert(world).order(model.id).job.id, was_made=False)
    search(world, 3, every_s=SETTLE_S)
    assert world.job(ordered.id).stage is Stage.ATTENTION  # the echo of models proves nothing about files

    other = convert(world).order(model.id, quad=True).job
    world.dispatch()
    finish(world, other.id, sample_fbx())
    third = lost(world, convert(world).order(model.id, quad=True, face_limit=900).job.id, was_made=False)
    search(world, 3, every_s=SETTLE_S)
    assert world.job(third.id).stage is Stage.QUEUED


def conversion_of(world: World, model: Job, task_id: str, **changes: object) -> None:
    values: dict[str, object] = {
        "input_token": model.task_id,
        "input_conversion": Conversion(task_id=model.task_id or ""),
        "created_at": world.clock.now(),
    }
    world.says(TaskPhase.WORKING, task_id, **(values | changes))
    world.generator.usage_rows.insert(0, usage_row(task_id, world.clock.now()))


def test_two_that_fit_and_one_that_shows_too_little_are_a_persons_to_decide(world: World) -> None:
    model = made(world)
    first = lost(world, convert(world).order(model.id).job.id, was_made=False)
    for name in ("one", "two"):
        conversion_of(world, model, name)
    search(world)
    assert world.job(first.id).stage is Stage.ATTENTION
    assert {task.task_id for task in world.decide().candidates(first.id)} == {"one", "two"}
    assert "made of the same model" in world.decide().candidates(first.id)[0].evidence
    world.decide().take(first.id, "two")
    assert world.job(first.id).task_id == "two"

    other = lost(world, convert(world).order(model.id, quad=True).job.id, was_made=False)
    conversion_of(world, model, "mute", input_conversion=None)
    search(world)
    assert world.job(other.id).stage is Stage.ATTENTION


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"input_conversion": Conversion(task_id="t", quad=True)}, False),
        ({"input_conversion": Conversion(task_id="t", format="OBJ")}, False),
        ({"input_token": "other"}, False),
        ({"input_conversion": None}, None),
        ({"input_conversion": Conversion(task_id="t", face_limit=10_000)}, None),
        ({"created_at": None}, True),
    ],
)
def test_whose_a_conversion_is(world: World, changes: dict[str, object], expected: bool | None) -> None:
    job_id = world.add(conversion=Conversion(task_id="t"), category=Category.CONVERT)
    world.dispatch()
    values: dict[str, object] = {
        "input_token": "t",
        "input_conversion": Conversion(task_id="t"),
        "created_at": world.clock.now(),
    }
    assert fits(world.job(job_id), TaskState(task_id="x", phase=TaskPhase.WORKING, **(values | changes))) is expected  # type: ignore[arg-type]


def test_a_conversion_that_is_older_than_the_order_is_another_one(world: World) -> None:
    job_id = world.add(conversion=Conversion(task_id="t"), category=Category.CONVERT)
    world.dispatch()
    old = TaskState(
        task_id="x",
        phase=TaskPhase.WORKING,
        input_token="t",
        input_conversion=Conversion(task_id="t"),
        created_at=world.clock.now() - timedelta(minutes=11),
    )
    assert fits(world.job(job_id), old) is False


@pytest.mark.parametrize(("data", "pause_s"), [(sample_fbx()[:-40], 300), (b"<html>not here</html>", 30_000)])
def test_a_file_that_is_no_whole_fbx_each_time_it_comes_fails_and_is_kept(
    world: World, data: bytes, pause_s: int
) -> None:
    ordered = convert(world).order(made(world).id).job
    world.dispatch()
    for _ in range(6):
        finish(world, ordered.id, data)
        world.clock.advance(pause_s)

    job = world.job(ordered.id)
    assert (job.status, job.model) == (Status.FAILED, None)
    assert world.objects.get(f"models/{job.id}/{job.task_id}/original.bin") == data


def test_a_task_is_listed_with_the_conversion_it_fits_and_not_while_that_one_looks_for_it(world: World) -> None:
    model = made(world)
    use = convert(world)
    plain = lost(world, use.order(model.id).job.id, was_made=True)
    quad = use.order(model.id, quad=True).job
    world.dispatch()
    world.billing.tick()
    assert world.jobs.accounts.orphaned_tasks() == []
    search(world)
    assert world.job(plain.id).task_id == "task-2"

    conversion_of(world, model, "again")
    conversion_of(world, model, "textured", input_conversion=None)
    world.clock.advance(31)
    world.billing.tick()
    listed = {task.task_id: (task.job_id, task.evidence) for task in world.jobs.accounts.orphaned_tasks()}
    assert world.job(quad.id).stage is Stage.GENERATING
    assert listed == {
        "again": (plain.id, f"It has the marks of attempt 1 of job {plain.id}."),
        "textured": (None, ""),
    }


def test_another_order_of_the_same_model_takes_no_candidates_away(world: World) -> None:
    model = made(world)
    use = convert(world)
    asking = lost(world, use.order(model.id).job.id, was_made=False)
    for name in ("one", "two"):
        conversion_of(world, model, name)
    search(world)
    use.order(model.id, quad=True)
    world.dispatch()
    world.billing.tick()
    assert {task.task_id for task in world.decide().candidates(asking.id)} == {"one", "two"}


def test_a_task_that_names_a_number_of_faces_where_none_was_asked_for_is_no_proof_of_absence(world: World) -> None:
    model = made(world)
    use = convert(world)
    plain = use.order(model.id).job
    world.dispatch()
    finish(world, plain.id, sample_fbx())  # conversions were seen to be repeated
    asking = lost(world, use.order(model.id, quad=True).job.id, was_made=False)
    filled = Conversion(task_id=model.task_id or "", quad=True, face_limit=10_000)
    conversion_of(world, model, "filled", input_conversion=filled)
    search(world, 3, every_s=SETTLE_S)
    assert (world.job(asking.id).stage, world.job(asking.id).attempt) == (Stage.ATTENTION, 1)
    candidates = world.decide().candidates(asking.id)
    assert [task.task_id for task in candidates] == ["filled"]
    assert "another number of faces" in candidates[0].evidence


@pytest.mark.parametrize("limits", [(None, 5000), (5000, None)])
def test_two_lost_orders_that_differ_in_their_faces_alone_find_each_its_own(
    world: World, limits: tuple[int | None, int | None]
) -> None:
    model = made(world)
    ordered = [convert(world).order(model.id, quad=True, face_limit=limit).job for limit in limits]
    for each in ordered:
        lost(world, each.id, was_made=True)
    search(world)
    assert [world.job(each.id).task_id for each in ordered] == ["task-2", "task-3"]


def test_tasks_that_do_not_show_how_they_convert_are_candidates_of_every_order_that_asks(world: World) -> None:
    model = made(world)
    ordered = [lost(world, convert(world).order(model.id, quad=quad).job.id, was_made=True) for quad in (False, True)]
    for task_id in ("task-2", "task-3"):
        world.generator.tasks[task_id] = replace(world.generator.tasks[task_id], input_conversion=None)
    for _ in range(3):
        search(world)
        for job in ordered:
            assert world.job(job.id).stage is Stage.ATTENTION
            assert {task.task_id for task in world.decide().candidates(job.id)} == {"task-2", "task-3"}
    world.decide().take(ordered[0].id, "task-2")
    assert [task.task_id for task in world.decide().candidates(ordered[1].id)] == ["task-3"]


def test_the_search_goes_on_when_the_only_candidate_turns_out_to_be_another_jobs(world: World) -> None:
    model = made(world)
    first = lost(world, convert(world).order(model.id, quad=False).job.id, was_made=False)
    second = lost(world, convert(world).order(model.id, quad=True).job.id, was_made=True)
    task_id = next(name for name in reversed(world.generator.tasks) if name != model.task_id)
    world.generator.tasks[task_id] = replace(world.generator.tasks[task_id], input_conversion=None)  # shows too little
    search(world, 6)
    assert (world.job(first.id).stage, world.job(second.id).stage) == (Stage.ATTENTION, Stage.ATTENTION)
    asked, other = (first, second) if world.jobs.accounts.orphaned_tasks(job_id=first.id) else (second, first)
    world.decide().take(other.id, task_id)
    now = world.clock.now()
    world.says(TaskPhase.WORKING, "late", input_token=model.task_id, input_conversion=asked.conversion, created_at=now)
    world.generator.usage_rows.insert(0, usage_row("late", now))
    search(world, 2)

    assert world.job(asked.id).task_id == "late"
