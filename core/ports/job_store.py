"""The job table, in verbs of a job's life. There is no `update`: half a transition cannot be written.

Every verb is one atomic, conditional write. Verbs that take a `Claim` change nothing and raise ClaimLost when the
row's epoch is no longer the claim's: another worker took over, so the caller drops its result. All of them raise
StoreUnavailable when the table cannot be reached, or must not be used (core.ports.soundness); `get` and verbs by
number raise JobNotFound. Each change of stage writes exactly one event row, in the same transaction. Times are the
store's own clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.domain.claims import Affordable, Budget, Claim, Claimed, Failure, Intent, PollNote, Slots
from core.domain.generation import OrphanedTask
from core.domain.job import Category, Job, JobEvent, NewJob, StoredModel
from core.domain.request import Kind
from core.domain.status import Status
from core.ports.account_store import AccountStore
from core.ports.soundness import Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """The job, and whether this call made it (False: the Idempotency-Key was known)."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs to list, newest first.

    Attributes:
        search: part of the object's name, case-insensitive, or a job's number; empty for all.
        statuses: empty for all.
        page: from 0.
    """

    search: str = ""
    statuses: frozenset[Status] = frozenset()
    page: int = 0
    page_size: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """One page of jobs.

    Attributes:
        total: how many match the query on all pages.
        running: how many jobs of the whole table are not at an end.
    """

    jobs: tuple[Job, ...]
    total: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """When a scheduler last finished a tick.

    Attributes:
        owner: which process.
    """

    owner: str
    at: datetime


class JobStore(Sound, Protocol):
    """See the module's docstring for what holds for every verb."""

    @property
    def accounts(self) -> AccountStore:
        """What is known of the accounts that pay for the jobs of this table."""
        ...

    # -- writing: the life of a job

    def add(self, new: NewJob, *, budget: Budget | None = None) -> Added:
        """→ queued. The same `idempotency_key` gives the same job. Raises: IdempotencyConflict, BudgetExceeded."""
        ...

    def claim_queued(self, *, owner: str, lease_s: float, slots: Slots, limit: int) -> list[Claimed]:
        """Claim queued jobs, oldest first, whose `not_before` has passed and for which a slot is free.

        A claimed queued job holds its slot while its lease lasts. Nothing is claimed while the account waits.
        """
        ...

    def mark_submitting(self, claim: Claim, intent: Intent) -> Job:
        """queued → submitting, attempt + 1: the intent. Only under a lease that lasts; returns the row read back."""
        ...

    def bind_task(self, claim: Claim, task_id: str, *, poll_in_s: float) -> Job:
        """submitting | uncertain | attention → generating. A task id is bound once, to one job, for ever."""
        ...

    def adopt_task(self, job_id: int, attempt: int, task_id: str, *, nonce: int | None, poll_in_s: float) -> Job | None:
        """submitting | uncertain | attention → generating, on proof that this task is this attempt's; needs no claim.
        Returns the job when the task is its own, now or before; None when it has gone another way or has another nonce.
        """
        ...

    def return_to_queue(self, claim: Claim, *, wait_s: float, note: str) -> Job:
        """submitting | uncertain → queued, proven not created; or gives back a claimed queued job.

        It is not claimed again before `wait_s` seconds have passed. A job that a person cancelled ends instead.
        """
        ...

    def mark_blocked(self, claim: Claim, failure: Failure) -> Job:
        """queued | submitting → blocked."""
        ...

    def mark_uncertain(self, claim: Claim, *, note: str) -> Job:
        """submitting → uncertain."""
        ...

    def claim_uncertain(
        self, *, owner: str, lease_s: float, generator: str, limit: int, not_scanned_for_s: float = 0.0
    ) -> list[Claimed]:
        """Claim uncertain jobs of one generator that nobody holds, and whose last search is this long ago.

        Jobs in attention are looked for, too: while no candidate was found, or when a person cancelled them.
        """
        ...

    def note_scan(self, claim: Claim, *, counts: bool) -> Job:
        """uncertain or attention stays: a search for its task ended without one; released.

        `counts`: the search was complete and began after the settle time.
        """
        ...

    def mark_attention(self, claim: Claim, candidates: Sequence[OrphanedTask], *, note: str) -> Job:
        """uncertain | attention → attention: a person decides between these, or that nothing was made."""
        ...

    def send_again(self, job_id: int, *, note: str) -> Job:
        """attention → queued: a person decided that nothing was made.

        Raises: IllegalTransition, also when it was cancelled: then the search goes on.
        """
        ...

    def claim_due(
        self, *, owner: str, lease_s: float, generator: str, limit: int, ahead_s: float = 0.0
    ) -> list[Claimed]:
        """Claim generating and late jobs of one generator whose `next_poll_at` has passed.

        When there is any, those due within `ahead_s` seconds come along.
        """
        ...

    def note_polls(self, notes: Sequence[PollNote]) -> int:
        """Write progress and the next time to ask, and release the claims; returns how many still held theirs."""
        ...

    def note_begun(self, claim: Claim, *, lease_s: float, note: str) -> Job:
        """generating | late | saving stays: a lost task that costs nothing was begun again; the lease goes on.

        Counted in `settle_scans`, unless the task was only waiting when it was last heard of.
        """
        ...

    def mark_saving(self, claim: Claim, *, credits_used: Decimal | None) -> Job:
        """generating | late → saving; released, and due for `claim_saving` at once."""
        ...

    def claim_saving(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        """Claim jobs of one generator in saving that nobody holds and whose `next_poll_at` has passed."""
        ...

    def postpone_saving(self, claim: Claim, *, wait_s: float, note: str, is_missed: bool = False) -> Job:
        """saving stays; released, to be claimed again after `wait_s` seconds; counts as a try.

        `is_missed`: this machine does not have the task. That is no try; `missed_since` says since when in a row.
        """
        ...

    def fetch_now(self, job_id: int) -> Job:
        """saving stays, due at once. Raises: IllegalTransition when it is in another stage."""
        ...

    def complete(self, claim: Claim, model: StoredModel) -> Job:
        """saving → done, completed. Only after the file is stored and checked."""
        ...

    def fail(self, claim: Claim, failure: Failure) -> Job:
        """Any stage that allows it → done, failed."""
        ...

    def cancel(self, job_id: int, *, maker: str) -> Job:
        """queued | blocked → done, cancelled: for certain, and a worker that held it can send nothing any more.

        Any later stage: the wish is noted and the status reads cancelled from now on, while the stage goes on, since
        the task may exist and cost. `maker`: the label of its generator. Raises: IllegalTransition when it has ended.
        """
        ...

    def expire_submitting(self) -> int:
        """submitting rows whose lease ran out → uncertain, never queued; returns how many."""
        ...

    def mark_late(self, *, timeout_s: float) -> int:
        """generating jobs at work for more than `timeout_s` → late; saving jobs are left; returns how many.

        The time that a task waited in the line of a generator that costs nothing is no work.
        """
        ...

    def give_up_late(self, *, watch_s: float) -> int:
        """late jobs at work for more than `watch_s` → done, timeout; returns how many.

        Not those whose newest question is open or was not answered: they are asked first, within a week of their start.
        """
        ...

    def unblock(self, *, generator: str, balance: Affordable | None = None) -> int:
        """blocked jobs of a generator → queued; returns how many.

        `balance`: jobs that wait for credit and whose estimate is higher stay blocked.
        """
        ...

    def renew(self, claim: Claim, *, lease_s: float) -> None:
        """Prolong the lease of work that takes long."""
        ...

    def release(self, claim: Claim) -> None:
        """End the lease without a change, so that others may go on at once."""
        ...

    def fold_names(self, *, limit: int) -> int:
        """Make names that an update left half done findable as all others; returns how many, 0 when none is left."""
        ...

    def beat(self, *, owner: str) -> None:
        """Note that this process's scheduler is alive."""
        ...

    # -- reading

    def now(self) -> datetime:
        """The store's clock, aware UTC."""
        ...

    def get(self, job_id: int) -> Job: ...

    def find(self, query: JobQuery) -> JobPage: ...

    def events(self, job_id: int) -> list[JobEvent]:
        """Oldest first."""
        ...

    def conversions(self, job_id: int) -> list[Job]:
        """Jobs that make another file of this job's model, newest first."""
        ...

    def changed_since(self, cursor: int, *, limit: int) -> tuple[list[Job], int]:
        """Jobs changed after `cursor` (0 for the beginning), and the cursor to go on from."""
        ...

    def job_of_key(self, key: str) -> Job | None:
        """The job that has this `idempotency_key`."""
        ...

    def job_of_task(self, task_id: str) -> Job | None:
        """The job that has this task."""
        ...

    def job_of_intent(self, *, nonce: int | None, image_token: str | None) -> Job | None:
        """The job whose newest attempt had this nonce or this token."""
        ...

    def last_change(self) -> int:
        """The cursor of now, for `changed_since`."""
        ...

    def queue_length_before(self, job_id: int) -> int:
        """How many queued jobs of the same category are ahead of this one."""
        ...

    def recent_durations_s(self, category: Category, kind: Kind, *, limit: int) -> list[float]:
        """Seconds from task to finished model of the newest completed jobs of a category and kind."""
        ...

    def last_beat(self) -> Heartbeat | None:
        """The newest heartbeat of any process."""
        ...

    def close(self) -> None: ...
