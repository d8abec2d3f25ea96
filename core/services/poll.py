"""Ask how far the open tasks are: all that are due, in one question for up to a hundred."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.domain.claims import Claimed, Failure, PollNote
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    LookupFailed,
    NotSent,
    ObjectMissing,
    OutcomeUnknown,
    RequestRejected,
    StorageFull,
    StoreUnavailable,
)
from core.domain.generation import TaskPhase, TaskState
from core.domain.job import Category, Job
from core.domain.request import Kind
from core.ports.job_store import JobStore
from core.services.backoff import in_line_wait_s, poll_wait_s, remaining_s, spread
from core.services.elsewhere import GONE, STOPPED, Elsewhere
from core.services.fingerprint import fingerprint_scope, shows_fingerprint
from core.services.throttle import Throttle
from core.services.usual_time import RECENT

log = logging.getLogger(__name__)
AHEAD = 0.7  # of the shortest pause: tasks due this soon come along in one question, rather than in one each
BATCH = 100  # most ids in one question. Source: Tripo v3, tasks/list
USUAL_FOR = timedelta(minutes=1)  # how long jobs took is read so seldom
MISSES_TO_FAIL = 5  # an id can be unknown for a moment: it is lost only when unknown this often …
MISSED_FOR = timedelta(minutes=5)  # … over this time


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One question: when its answer came, and the factor that all its tasks' next pauses share."""

    now: datetime
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """The use case; one tick asks for every task that is due.

    Attributes:
        elsewhere: for a generator that costs nothing: a task that nobody knows any more is begun again.
        on_made: called when a model is made and waits to be fetched.
    """

    jobs: JobStore
    generator: Throttle
    owner: str
    lease_s: float
    poll_first_s: float
    elsewhere: Elsewhere | None = None
    on_made: Callable[[], None] = lambda: None
    _echoed: set[str] = field(default_factory=set, init=False)
    _usual: dict[tuple[Category, Kind], tuple[datetime, list[float]]] = field(default_factory=dict, init=False)

    def tick(self) -> int:
        """Ask for what is due; returns how many tasks were asked for."""
        asked = 0
        if self.generator.known_wait_s() > 0:
            return asked
        while True:
            due = self.jobs.claim_due(
                owner=self.owner,
                lease_s=self.lease_s,
                generator=self.generator.name,
                limit=BATCH,
                ahead_s=AHEAD * self.poll_first_s,
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
            self._ask_later(due, at_least_s=exc.retry_after_s or 0.0)
            return
        except (AccountBlocked, LookupFailed, RequestRejected) as exc:
            log.warning("asking for %s tasks: %s", len(due), exc.message)
            self._ask_later(due, at_least_s=0.0)
            return
        this = _Round(now=self.jobs.now(), factor=spread())
        notes, made = [], False
        for claimed in due:
            state = answer.found.get(claimed.job.task_id or "")
            try:
                if state is not None:
                    note = self._heard(claimed, state, this)
                elif claimed.job.task_id in answer.missed:
                    note = self._missed(claimed, this)
                else:  # not answered for: the question stands
                    note = replace(self._note(claimed, this, progress=claimed.job.progress), is_answered=False)
            except ClaimLost as exc:
                log.info("job %s: %s", claimed.job.id, exc.message)
                continue
            made = made or (state is not None and state.phase is TaskPhase.SUCCEEDED)
            if note is not None:
                notes.append(note)
        if made:
            self.on_made()
        self.jobs.note_polls(notes)

    def _heard(self, claimed: Claimed, state: TaskState, this: _Round) -> PollNote | None:
        """Write down an end; or the note to write when the task is still under way."""
        if self.elsewhere is not None and claimed.job.cancelled_at is not None:
            return self._stop(claimed, state, this)
        self._note_echo(claimed.job, state)
        if state.phase is TaskPhase.SUCCEEDED:
            self.jobs.mark_saving(claimed.claim, credits_used=state.credits_used)
            return None
        if state.phase is TaskPhase.FAILED and state.may_go_again and self.elsewhere is not None:
            return self._left_or_begun(claimed, this, self.elsewhere, failed=_failure(state))
        if state.phase is TaskPhase.FAILED:
            self.jobs.fail(claimed.claim, _failure(state))
            return None
        if self.generator.is_paid:
            return self._note(claimed, this, progress=state.progress)
        is_waiting = state.phase is TaskPhase.WAITING
        # one that works has at least a percent, so that the row tells it from one that only waits
        progress = 0 if is_waiting else max(1, state.progress)
        return self._note(claimed, this, progress=progress, is_waiting=is_waiting)

    def _missed(self, claimed: Claimed, this: _Round) -> PollNote | None:
        job = claimed.job
        if self.elsewhere is not None:
            return self._left_or_begun(claimed, this, self.elsewhere)
        since = job.missed_since or this.now
        if job.account not in (None, self.generator.account):
            # another key is set now, and a task is known to its own account only: that proves nothing
            return self._note(claimed, this, progress=job.progress)
        if job.missed_count + 1 >= MISSES_TO_FAIL and this.now - since >= MISSED_FOR:
            message = (
                f"{self.generator.label} no longer knows this task ({job.task_id}), so its model cannot be fetched. "
                "If credits were taken for it, its support can look it up by that number."
            )
            self.jobs.fail(claimed.claim, Failure(code="task_missing", message=message))
            return None
        return self._note(claimed, this, progress=job.progress, is_missed=True)

    def _left_or_begun(
        self, claimed: Claimed, this: _Round, elsewhere: Elsewhere, *, failed: Failure | None = None
    ) -> PollNote | None:
        """Another process has the task, or nobody. It is asked for often, so that its turn comes soon.

        `failed`: its generator knows that it failed, and that it may go better once more.
        """
        job = claimed.job
        note = PollNote(
            claim=claimed.claim,
            progress=job.progress,
            poll_again_in_s=self.poll_first_s * this.factor,
            is_missed=True,
        )
        if not elsewhere.is_silent(job, this.now):
            return note
        if job.cancelled_at is not None:
            self.jobs.fail(claimed.claim, STOPPED)
            return None
        refusal = elsewhere.refusal(job)
        if refusal is not None:
            self.jobs.fail(claimed.claim, failed or refusal)
            return None
        try:
            elsewhere.begin_here(claimed, self.jobs)
        except ObjectMissing:
            self.jobs.fail(claimed.claim, GONE)
            return None
        except RequestRejected as exc:
            self.jobs.fail(claimed.claim, failed or Failure(code=exc.code, message=exc.message))
            return None
        except OutcomeUnknown as exc:
            log.warning("job %s: it may have been begun again here: %s", job.id, exc.message)
        except (LookupFailed, AccountBusy, AccountBlocked, NotSent, StorageFull, StoreUnavailable) as exc:
            log.warning("job %s: it could not be begun again here: %s", job.id, exc.message)
            if failed is None or not isinstance(exc, AccountBlocked):
                return note
            self.jobs.fail(claimed.claim, failed)
            return None
        return replace(note, is_missed=False, progress=0)

    def _stop(self, claimed: Claimed, state: TaskState, this: _Round) -> PollNote | None:
        """A person took the wish back, and the work costs nothing: it ends here and now.

        A refused cancel is tried again with the next question, and keeps no other task from being asked for.
        """
        try:
            self.generator.stop_task(claimed.job.task_id or "")
        except (AccountBlocked, AccountBusy, LookupFailed, RequestRejected) as exc:
            log.warning("job %s: it could not be stopped: %s", claimed.job.id, exc.message)
            if state.phase not in (TaskPhase.SUCCEEDED, TaskPhase.FAILED):
                note = self._note(claimed, this, progress=claimed.job.progress)
                told_s = (exc.retry_after_s or 0.0) if isinstance(exc, AccountBusy) else 0.0
                return replace(note, poll_again_in_s=max(told_s, note.poll_again_in_s))
        self.jobs.fail(claimed.claim, STOPPED)
        return None

    def _note_echo(self, job: Job, state: TaskState) -> None:
        """That this account repeats what identifies a request is what settling a lost answer rests on."""
        account = fingerprint_scope(self.generator.account, job)
        if account not in self._echoed and shows_fingerprint(job, state):
            self.jobs.accounts.note_echo(account)
            self._echoed.add(account)

    def _note(
        self, claimed: Claimed, this: _Round, *, progress: int, is_missed: bool = False, is_waiting: bool = False
    ) -> PollNote:
        wait_s = self._wait_s(claimed.job, this, progress=progress)
        if is_waiting:
            began = claimed.job.started_at or this.now
            age_s = (this.now - began).total_seconds()
            wait_s = in_line_wait_s(age_s, first_s=self.poll_first_s, factor=this.factor)
        return PollNote(
            claim=claimed.claim,
            progress=progress,
            poll_again_in_s=wait_s,
            is_missed=is_missed,
            is_waiting=is_waiting,
        )

    def _wait_s(self, job: Job, this: _Round, *, progress: int = 0) -> float:
        age_s = (this.now - (job.made_since or this.now)).total_seconds()
        left_s = remaining_s(age_s, progress, self._usual_s(job, this.now))
        return poll_wait_s(age_s, first_s=self.poll_first_s, factor=this.factor, remaining_s=left_s)

    def _usual_s(self, job: Job, now: datetime) -> list[float]:
        """How long jobs of its category and kind took lately; read once a minute."""
        sort = (job.category, job.kind)
        read_at, found = self._usual.get(sort, (None, []))
        if read_at is None or not timedelta(0) <= now - read_at < USUAL_FOR:
            try:
                found = self.jobs.recent_durations_s(*sort, limit=RECENT)
            except StoreUnavailable:  # an estimate is nice to have; what was heard is written down without it
                return found
            self._usual[sort] = (now, found)
        return found

    def _ask_later(self, due: list[Claimed], *, at_least_s: float) -> None:
        this = _Round(now=self.jobs.now(), factor=spread())
        notes = []
        for claimed in due:
            wait_s = max(at_least_s, self._wait_s(claimed.job, this))
            progress = claimed.job.progress
            note = PollNote(claim=claimed.claim, progress=progress, poll_again_in_s=wait_s, is_answered=False)
            notes.append(note)
        self.jobs.note_polls(notes)


def _failure(state: TaskState) -> Failure:
    message = state.error_message or "The generator gave up on this without saying why."
    return Failure(code=state.error_code or "task_failed", message=message, credits_used=state.credits_used)
