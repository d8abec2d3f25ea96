"""Notes that must survive the process."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.errors import StorageFull
from core.ports.journal import TaskNote
from core.stores.files.journal import LocalJournal

NOTE = TaskNote(job_id=7, attempt=2, task_id="task-1")


def test_what_was_written_is_read_by_the_next_process_until_it_is_forgotten(tmp_path: Path) -> None:
    LocalJournal(tmp_path / "j").write(NOTE)
    assert LocalJournal(tmp_path / "j").notes() == [NOTE]

    for _ in range(2):
        LocalJournal(tmp_path / "j").forget(NOTE)
    assert LocalJournal(tmp_path / "j").notes() == []


def test_a_folder_that_is_not_there_holds_no_notes(tmp_path: Path) -> None:
    assert LocalJournal(tmp_path / "none").notes() == []


def test_a_note_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), fsync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (order.append("move"), replace(self, to))[1])
    LocalJournal(tmp_path).write(NOTE)

    assert order == ["sync", "move", "sync"]  # the file, its name, the folder that has the name


def test_a_half_written_note_is_left_out_and_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "9-1.json").write_text('{"job_id": 9')
    LocalJournal(tmp_path).write(NOTE)

    assert LocalJournal(tmp_path).notes() == [NOTE]
    assert (tmp_path / "9-1.json").exists()


def test_the_same_job_of_two_installations_has_two_notes_and_each_is_forgotten_alone(tmp_path: Path) -> None:
    journal = LocalJournal(tmp_path)
    ours = replace(NOTE, nonce=1, installation="ours")
    others = [
        NOTE,
        replace(ours, installation="another"),
        replace(ours, project="a project"),
        replace(ours, nonce=2),
        replace(ours, task_id="task-2"),
    ]
    for note in (ours, *others):
        journal.write(note)

    journal.forget(ours)

    assert set(journal.notes()) == set(others)


def test_a_note_is_forgotten_only_when_it_still_says_the_same(tmp_path: Path) -> None:
    LocalJournal(tmp_path).write(NOTE)
    LocalJournal(tmp_path).forget(replace(NOTE, task_id="task-2"))

    assert LocalJournal(tmp_path).notes() == [NOTE]


def test_a_note_of_a_version_that_named_no_installation_is_read(tmp_path: Path) -> None:
    (tmp_path / "7-2.json").write_text('{"job_id": 7, "attempt": 2, "task_id": "task-1"}')

    assert LocalJournal(tmp_path).notes() == [NOTE]
    LocalJournal(tmp_path).forget(NOTE)
    assert LocalJournal(tmp_path).notes() == []


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="task-1"):
        LocalJournal(tmp_path).write(NOTE)
