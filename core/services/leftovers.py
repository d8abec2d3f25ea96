"""What lies on this machine for jobs that are not in this table: shown to the operator, never adopted or deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.ports.job_store import JobStore
from core.ports.journal import TaskJournal
from core.ports.object_store import Spool
from core.services.journal import why_kept

OF_NO_JOB = "This machine fetched the model, and no job of this table has the task."


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A note of a paid answer, or a model on its way to the store.

    Attributes:
        what: "note" or "model".
        job_id, attempt: what the note names; None for a model.
        why: a sentence.
    """

    task_id: str
    what: str
    why: str
    job_id: int | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """The use case. `spool`: of this project; None where there is none."""

    jobs: JobStore
    journals: Sequence[TaskJournal]
    spool: Spool | None = None

    def find(self) -> tuple[Leftover, ...]:
        """Raises: StoreUnavailable."""
        return (*self._notes(), *self._models())

    def _notes(self) -> list[Leftover]:
        found = []
        for note in (note for journal in self.journals for note in journal.notes()):
            why = why_kept(self.jobs, note)
            if why is not None:
                found.append(
                    Leftover(task_id=note.task_id, what="note", why=why, job_id=note.job_id, attempt=note.attempt)
                )
        return found

    def _models(self) -> list[Leftover]:
        tasks = {PurePosixPath(key).stem for key in (self.spool.keys() if self.spool is not None else ())}
        unbound = self.jobs.accounts.unbound(tasks) if tasks else frozenset()
        return [Leftover(task_id=task_id, what="model", why=OF_NO_JOB) for task_id in sorted(unbound)]
