"""A note on this machine's own disk, for the moment between a paid answer and the job table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNote:
    """This attempt of this job was answered with this task."""

    job_id: int
    attempt: int
    task_id: str


class TaskJournal(Protocol):
    """Survives the process and the power: `write` returns when the note is on the disk."""

    def write(self, note: TaskNote) -> None:
        """Raises: StorageFull when the disk does not take it."""
        ...

    def notes(self) -> Sequence[TaskNote]:
        """What was written and not forgotten, by any process that shares the folder. Unreadable notes are left out."""
        ...

    def forget(self, note: TaskNote) -> None:
        """The job table has it. No error when it is already gone."""
        ...
