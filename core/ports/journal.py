"""A note on this machine's own disk, for the moment between a paid answer and the job table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Which job table this is: numbers of jobs begin at one in each.

    Attributes:
        id: random; written into the table once, so an emptied one has another, and a moved one the same.
        project: fingerprint of the Supabase project that it lies in; empty on this machine's own disk.
    """

    id: str
    project: str = ""

    def is_same(self, other: Installation) -> bool:
        """A copy of a table in another project is not the same; a table that was moved from a disk to a project is."""
        return self.id == other.id and (not self.project or not other.project or self.project == other.project)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNote:
    """This attempt of this job was answered with this task.

    Attributes:
        nonce: of the attempt; None, and `installation` empty, in notes of versions that did not write them.
        installation, project: the job table that the job is in, see `Installation`.
    """

    job_id: int
    attempt: int
    task_id: str
    nonce: int | None = None
    installation: str = ""
    project: str = ""

    @property
    def names_its_table(self) -> bool:
        return self.nonce is not None and self.installation != ""

    @property
    def home(self) -> Installation:
        return Installation(id=self.installation, project=self.project)


class TaskJournal(Protocol):
    """Survives the process and the power: `write` returns when the note is on the disk."""

    def write(self, note: TaskNote) -> None:
        """Raises: StorageFull when the disk does not take it."""
        ...

    def notes(self) -> Sequence[TaskNote]:
        """What was written and not forgotten, by any process that shares the folder. Unreadable notes are left out."""
        ...

    def forget(self, note: TaskNote) -> None:
        """The job table has it. No error when it is already gone; a note that says anything else is left."""
        ...
