"""Ask how far the open tasks are: all that are due, in one question for up to a hundred."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.errors import AccountBlocked, AccountBusy, ClaimLost, LookupFailed
from core.domain.generation import TaskPhase, TaskState
from core.domain.job import Job
from core.ports.generator import Generator
from core.ports.job_store import Claimed, Failure, JobStore, PollNote
from core.services.waits import busy_wait_s, poll_wait_s

log = logging.getLogger(__name__)
BATCH = 100  # most ids in one question. Source: Tripo v3, tasks/list
MISSES_TO_FAIL = 5  # an id can be unknown for a moment: it is lost only when unknown this often …
MISSED_FOR = timedelta(minutes=5)  # … over this time


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """The use case; one tick asks for every task that is due."""

    jobs: JobStore
    generator: Generator
    owner: str
    lease_s: float
    poll_first_s: float

    def tick(self) -> int:
        """Ask for what is due; returns how many tasks were asked for."""
        asked = 0
        while True:
            due = self.jobs.claim_due(
                owner=self.owner, lease_s=self.lease_s, generator=self.generator.name, limit=BATCH
            )
            asked += len(due)
            if due:
                self._ask(due)
            if len(due) < BATCH:
                return asked

    def _ask(self, due: list[Claimed]) -> None:
        try:
            answer = self.generator.look_up([claimed.job.task_id for claimed in due if claimed.job.task_id])
        except AccountBusy as exc:
            wait_s = busy_wait_s(exc.retry_after_s)
            self.jobs.pause_account(generator=self.generator.name, wait_s=wait_s)
            self._ask_later(due, at_least_s=wait_s)
            return
        except (AccountBlocked, LookupFailed) as exc:
            log.warning("asking for %s tasks: %s", len(due), exc.message)
            self._ask_later(due, at_least_s=0.0)
            return
        now = self.jobs.now()
        notes = []
        for claimed in due:
            state = answer.found.get(claimed.job.task_id or "")
            try:
                note = self._missed(claimed, now) if state is None else self._heard(claimed, state, now)
            except ClaimLost as exc:
                log.info("job %s: %s", claimed.job.id, exc.message)
                continue
            if note is not None:
                notes.append(note)
        self.jobs.note_polls(notes)

    def _heard(self, claimed: Claimed, state: TaskState, now: datetime) -> PollNote | None:
        """Write down an end; or the note to write when the task is still under way."""
        if state.phase is TaskPhase.SUCCEEDED:
            self.jobs.mark_saving(claimed.claim, credits_used=state.credits_used)
            return None
        if state.phase is TaskPhase.FAILED:
            message = state.error_message or "The generator gave up on this picture without saying why."
            code = state.error_code or "task_failed"
            self.jobs.fail(claimed.claim, Failure(code=code, message=message, credits_used=state.credits_used))
            return None
        return self._note(claimed, now, progress=state.progress)

    def _missed(self, claimed: Claimed, now: datetime) -> PollNote | None:
        job = claimed.job
        since = job.missed_since or now
        if job.missed_count + 1 >= MISSES_TO_FAIL and now - since >= MISSED_FOR:
            message = (
                f"{self.generator.label} no longer knows this task ({job.task_id}), so its model cannot be fetched. "
                "If credits were taken for it, its support can look it up by that number."
            )
            self.jobs.fail(claimed.claim, Failure(code="task_missing", message=message))
            return None
        return self._note(claimed, now, progress=job.progress, is_missed=True)

    def _note(self, claimed: Claimed, now: datetime, *, progress: int, is_missed: bool = False) -> PollNote:
        wait_s = poll_wait_s(_age_s(claimed.job, now), first_s=self.poll_first_s)
        return PollNote(claim=claimed.claim, progress=progress, poll_again_in_s=wait_s, is_missed=is_missed)

    def _ask_later(self, due: list[Claimed], *, at_least_s: float) -> None:
        now = self.jobs.now()
        notes = []
        for claimed in due:
            wait_s = max(at_least_s, poll_wait_s(_age_s(claimed.job, now), first_s=self.poll_first_s))
            notes.append(PollNote(claim=claimed.claim, progress=claimed.job.progress, poll_again_in_s=wait_s))
        self.jobs.note_polls(notes)


def _age_s(job: Job, now: datetime) -> float:
    return (now - (job.started_at or now)).total_seconds()
