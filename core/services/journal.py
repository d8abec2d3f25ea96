"""From this machine's own notes into the job table."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from core.domain.errors import AccountBlocked, AccountBusy, JobNotFound, LookupFailed, RequestRejected
from core.domain.generation import OrphanedTask, Source
from core.domain.job import Job
from core.ports.job_store import JobStore
from core.ports.journal import Installation, TaskJournal, TaskNote
from core.services.backoff import is_for_good
from core.services.fingerprint import fits
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
OTHER_TABLE = "It was answered to another installation: another database or project was set when it was sent."
NO_JOB = "The job that it was made for is not in this table any more."
OTHER_ATTEMPT = "The job of that number here is another one, or was sent again since."
OLD_NOTE = "An older version wrote this note, and nothing proves that it is about the job of that number here."


def why_kept(jobs: JobStore, note: TaskNote) -> str | None:
    """Why a note is not about a job of this table, as a sentence; None when it is. Raises: StoreUnavailable."""
    return _judged(jobs, note, jobs.installation())[1]


def _judged(jobs: JobStore, note: TaskNote, home: Installation) -> tuple[Job | None, str | None]:
    if note.names_its_table and not note.home.is_same(home):
        return None, OTHER_TABLE
    try:
        job = jobs.get(note.job_id)
    except JobNotFound:
        return None, NO_JOB
    if job.task_id == note.task_id and job.attempt == note.attempt:
        return job, None
    if job.attempt != note.attempt or (note.names_its_table and job.nonce != note.nonce):
        return None, OTHER_ATTEMPT
    return job, None if note.names_its_table else OLD_NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What is done with the notes of one generator.

    A note belongs to one attempt of one job of one table. What does not match stays where it is and is shown: it may be
    all that is left of a paid task. Only of a task that cost nothing is the note of an earlier attempt dropped.
    """

    jobs: JobStore
    generator: Throttle
    journal: TaskJournal
    poll_in_s: float
    _told: set[TaskNote] = field(default_factory=set, init=False)
    _refuted: set[TaskNote] = field(default_factory=set, init=False)  # asked for once

    def bind_all(self) -> None:
        """Raises: StoreUnavailable; then the notes stay for the next time.

        In a table that was moved away they stay, too: they belong to the jobs at its new place.
        """
        notes = self.journal.notes()
        if notes and is_for_good(self.jobs.accounts.account_wait_s(generator=self.generator.name)):
            return
        for note in notes:
            self.settle(note)

    def settle(self, note: TaskNote) -> None:
        """Bind the task of a note to its job; where the job went another way, remember a paid task, so that it is seen.

        Raises: StoreUnavailable; then the note stays.
        """
        job, why = _judged(self.jobs, note, self.jobs.installation())
        if why == OLD_NOTE and job is not None and self._is_proven(job, note):
            why = None
        if why == OTHER_ATTEMPT and self._is_free_twin(note):
            log.info("job %s was sent again; task %s came late, cost nothing and is left", note.job_id, note.task_id)
            self.journal.forget(note)
            return
        if job is None or why is not None:
            self._tell_once(note, why or OTHER_ATTEMPT)
            return
        bound = self.jobs.adopt_task(note.job_id, note.attempt, note.task_id, nonce=job.nonce, poll_in_s=self.poll_in_s)
        if bound is None and note.task_id in self.jobs.accounts.unbound([note.task_id]):
            self._left_over(note)
        self.journal.forget(note)

    def _is_free_twin(self, note: TaskNote) -> bool:
        """Whether an earlier attempt of a job of this table, at one that never charges, was answered late."""
        is_free = not self.generator.is_paid and note.names_its_table
        return is_free and note.attempt < self.jobs.get(note.job_id).attempt

    def _left_over(self, note: TaskNote) -> None:
        """A paid task is listed, so that a person sees it; one that cost nothing is of no account."""
        if not self.generator.is_paid:
            log.info("job %s went another way; its task %s cost nothing and is left", note.job_id, note.task_id)
            return
        log.warning("job %s went another way; its task %s is listed", note.job_id, note.task_id)
        evidence = f"It was the answer to attempt {note.attempt} of job {note.job_id}."
        seen = OrphanedTask(
            task_id=note.task_id, account=self.generator.account, source=Source.JOURNAL, evidence=evidence
        )
        self.jobs.accounts.keep_orphaned([seen])

    def _is_proven(self, job: Job, note: TaskNote) -> bool:
        """Whether Tripo repeats the random number of this very attempt for the task of an older version's note."""
        if not self.generator.is_paid or job.conversion is not None or note in self._refuted:
            return False
        try:
            task = self.generator.look_up([note.task_id]).found.get(note.task_id)
        except (AccountBlocked, AccountBusy, LookupFailed, RequestRejected) as exc:
            log.info("the note of task %s cannot be judged now: %s", note.task_id, exc.message)
            return False
        if task is not None and task.input_nonce is not None and fits(job, task) is True:
            return True
        self._refuted.add(note)
        return False

    def _tell_once(self, note: TaskNote, why: str) -> None:
        if note not in self._told:
            self._told.add(note)
            log.warning(
                "the note that task %s was the answer to attempt %s of job %s is kept and nothing is done with it. %s "
                "See docs/operations.md, Notes that fit no job.",
                note.task_id,
                note.attempt,
                note.job_id,
                why,
            )
