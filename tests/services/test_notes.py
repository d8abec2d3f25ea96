"""A note of a paid answer belongs to one attempt of one job of one table; what does not match is kept and shown."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.declaration import Evidence
from core.domain.errors import LookupFailed, OutcomeUnknown
from core.domain.generation import TaskPhase
from core.domain.request import Conversion
from core.domain.status import Stage
from core.ports.journal import Installation, TaskNote
from core.services.backoff import FOR_GOOD_S
from core.services.leftovers import Leftovers
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests.services.conftest import World, raising


def uncertain(world: World, **changes: object) -> TaskNote:
    """A sent job whose answer was lost, and the note that its answer would have left."""
    world.generator.after_create = raising(OutcomeUnknown("no answer"))
    job = world.job(world.add(**changes))
    world.dispatch()
    world.generator.after_create = lambda: None
    job = world.job(job.id)
    assert job.stage is Stage.UNCERTAIN
    return TaskNote(
        job_id=job.id,
        attempt=job.attempt,
        task_id="task-1",
        nonce=job.nonce,
        installation=world.jobs.installation().id,
    )


def test_a_note_of_this_very_attempt_is_bound_and_forgotten(world: World) -> None:
    note = uncertain(world)
    world.journal.write(note)

    world.sweep().tick()

    assert world.job(note.job_id).task_id == "task-1"
    assert world.journal.notes() == []


def test_in_a_table_that_was_moved_away_a_note_stays_for_the_jobs_at_its_new_place(world: World) -> None:
    note = uncertain(world)
    world.journal.write(note)
    world.jobs.accounts.pause_account(generator=world.throttle.name, wait_s=FOR_GOOD_S)

    world.sweep().tick()

    assert world.journal.notes() == [note]
    assert world.job(note.job_id).task_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"installation": "another table"},
        {"nonce": -1},
        {"attempt": 2},
        {"job_id": 99},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_note_that_does_not_match_is_never_adopted_and_never_deleted(
    world: World, changes: dict[str, object]
) -> None:
    note = replace(uncertain(world), **changes)  # type: ignore[arg-type]
    world.journal.write(note)

    world.sweep().tick()

    assert world.job(1).stage is Stage.UNCERTAIN
    assert world.journal.notes() == [note]
    assert world.jobs.accounts.orphaned_tasks() == []


@pytest.mark.parametrize("evidence", [Evidence.FREE, Evidence.NAMED])
def test_the_note_of_an_earlier_attempt_that_cost_nothing_is_dropped_as_its_task_is(
    world: World, evidence: Evidence
) -> None:
    world.generator.is_paid, world.generator.evidence = False, evidence
    late = uncertain(world)
    for _ in range(3):
        world.sweep().tick()
        world.clock.advance(60.0)
    world.dispatch()
    assert world.job(1).attempt == 2
    strange = replace(late, task_id="task-9", installation="another table")
    for note in (late, strange):
        world.journal.write(note)

    world.sweep().tick()

    assert world.job(1).task_id == "task-2"
    assert world.journal.notes() == [strange]


def test_after_a_change_of_the_table_a_note_waits_until_its_own_is_there_again(world: World, tmp_path: Path) -> None:
    note = uncertain(world)
    world.journal.write(note)
    first, world.jobs = world.jobs, SqliteJobStore(tmp_path / "another.sqlite3", world.clock)
    try:
        world.__post_init__()
        uncertain(world)
        world.sweep().tick()
        assert world.job(1).stage is Stage.UNCERTAIN
        assert world.journal.notes() == [note]
    finally:
        world.jobs.close()
        world.jobs = first

    world.__post_init__()
    world.sweep().tick()
    assert world.job(1).task_id == "task-1"
    assert world.journal.notes() == []


def test_a_copy_of_a_table_in_another_project_is_another_one_and_a_moved_table_is_the_same() -> None:
    here = Installation(id="x", project="p")

    assert here.is_same(Installation(id="x", project="p"))
    assert here.is_same(Installation(id="x"))
    assert not here.is_same(Installation(id="x", project="q"))
    assert not here.is_same(Installation(id="y", project="p"))


def test_a_note_of_an_older_version_is_bound_only_when_tripo_repeats_the_number_of_that_attempt(world: World) -> None:
    note = uncertain(world)
    old = TaskNote(job_id=note.job_id, attempt=note.attempt, task_id=note.task_id)
    world.journal.write(old)
    reconcile = world.sweep()
    world.generator.on_look_up = raising(LookupFailed("away"))
    reconcile.tick()
    assert world.journal.notes() == [old]
    world.generator.on_look_up = lambda: None
    echo = world.generator.tasks["task-1"]

    world.generator.tasks["task-1"] = replace(echo, input_nonce=(note.nonce or 0) + 1)
    world.sweep().tick()
    assert world.job(1).stage is Stage.UNCERTAIN
    assert world.journal.notes() == [old]

    world.generator.tasks["task-1"] = echo
    reconcile.tick()
    assert world.job(1).task_id == "task-1"
    assert world.journal.notes() == []


def test_an_older_note_stays_while_tripo_cannot_be_asked_or_shows_no_number(world: World) -> None:
    note = uncertain(world, conversion=Conversion(task_id="task-0"))
    old = TaskNote(job_id=note.job_id, attempt=note.attempt, task_id=note.task_id)
    world.journal.write(old)
    world.sweep().tick()  # nothing identifies a conversion for certain
    world.generator.on_look_up = raising(LookupFailed("away"))
    world.sweep().tick()

    assert world.job(1).stage is Stage.UNCERTAIN
    assert world.journal.notes() == [old]


def test_an_older_note_whose_job_has_its_task_is_done_with(world: World) -> None:
    note = uncertain(world)
    world.jobs.adopt_task(1, 1, "task-1", nonce=note.nonce, poll_in_s=0)
    old = TaskNote(job_id=1, attempt=1, task_id="task-1")
    world.journal.write(old)

    world.sweep().tick()

    assert world.journal.notes() == []


def test_a_matching_note_of_a_job_that_went_another_way_is_listed_and_forgotten(world: World) -> None:
    note = uncertain(world)
    world.jobs.adopt_task(1, 1, "task-2", nonce=note.nonce, poll_in_s=0)
    world.journal.write(note)

    world.sweep().tick()

    assert [task.task_id for task in world.jobs.accounts.orphaned_tasks()] == ["task-1"]
    assert world.journal.notes() == []


def test_a_note_that_is_kept_is_told_once_and_shown_with_the_reason(
    world: World, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    note = replace(uncertain(world), installation="another table")
    world.journal.write(note)
    reconcile = world.sweep()
    with caplog.at_level(logging.WARNING, logger="core.services.journal"):
        reconcile.tick()
        reconcile.tick()

    told = [record for record in caplog.records if record.name == "core.services.journal"]
    assert [record.levelname for record in told] == ["WARNING"]
    spool = LocalObjectStore(tmp_path / "spool")
    spool.put("models/task-8.glb", b"glTF", media_type="application/octet-stream")
    found = Leftovers(jobs=world.jobs, journals=[world.journal], spool=spool).find()
    assert [(left.what, left.task_id, left.job_id) for left in found] == [
        ("note", "task-1", 1),
        ("model", "task-8", None),
    ]
    assert "another installation" in found[0].why


def test_notes_and_models_under_way_are_not_shown_as_left(world: World, tmp_path: Path) -> None:
    world.journal.write(uncertain(world))
    world.jobs.adopt_task(1, 1, "task-1", nonce=world.job(1).nonce, poll_in_s=0)
    world.says(TaskPhase.SUCCEEDED)
    spool = LocalObjectStore(tmp_path / "spool")
    spool.put("models/task-1.glb", b"glTF", media_type="application/octet-stream")

    assert Leftovers(jobs=world.jobs, journals=[world.journal], spool=spool).find() == ()
