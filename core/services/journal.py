"""From this machine's own notes into the job table."""

from __future__ import annotations

import logging

from core.domain.errors import JobNotFound
from core.domain.generation import SeenTask, Source
from core.ports.job_store import JobStore
from core.ports.journal import TaskJournal, TaskNote

log = logging.getLogger(__name__)


def settle_note(jobs: JobStore, journal: TaskJournal, note: TaskNote, *, account: str, poll_in_s: float) -> None:
    """Bind the task of a note to its job; where the job went another way, remember the task, so that it is seen.

    Raises: StoreUnavailable; then the note stays.
    """
    try:
        job = jobs.adopt_task(note.job_id, note.attempt, note.task_id, poll_in_s=poll_in_s)
    except JobNotFound:
        job = None
    if job is None and note.task_id in jobs.unbound([note.task_id]):
        log.warning("job %s went another way; its task %s is listed", note.job_id, note.task_id)
        evidence = f"It was the answer to attempt {note.attempt} of job {note.job_id}."
        seen = SeenTask(task_id=note.task_id, account=account, source=Source.JOURNAL, evidence=evidence)
        jobs.keep_seen([seen])
    journal.forget(note)
