"""How a row of the job table changes: who may write, which move is allowed, and what counts as an update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.domain.claims import Claim
from core.domain.errors import ClaimLost
from core.domain.job import PUBLIC, Job
from core.domain.status import Stage, Status, check_transition, status_of

CANCELLED_FREE = "Cancelled before it began. It cost nothing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The row as it shall be.

    Attributes:
        before: the stage it had.
        note: of the event; None when no event is logged, because neither stage nor status changed.
        needs_lease: the write counts only under a lease that lasts.
    """

    job: Job
    before: Stage
    note: str | None = None
    needs_lease: bool = False


Change = Callable[[Job, datetime], Changed]


def holds(claim: Claim, job: Job) -> bool:
    return job.owner == claim.owner and job.epoch == claim.epoch


def check_held(claim: Claim, job: Job) -> None:
    """Raises: ClaimLost."""
    if not holds(claim, job):
        raise ClaimLost(f"Job {job.id} was taken over by another worker; this result was dropped.")


def moved(
    job: Job,
    now: datetime,
    after: Stage,
    note: str,
    *,
    ended_as: Status | None = None,
    keep_lease: bool = False,
    before: Stage | None = None,
) -> Changed:
    """A move to another stage, or an end; the transition is checked. A cancelled job does not go back to the queue."""
    before = before or job.stage
    if job.cancelled_at is not None and after in (Stage.QUEUED, Stage.BLOCKED):
        after, ended_as = Stage.DONE, Status.CANCELLED
        note = CANCELLED_FREE if job.is_free else "Cancelled; nothing was made or charged."
    check_transition(before, after)
    row = replace(
        job,
        stage=after,
        status=Status.CANCELLED if job.cancelled_at is not None else status_of(after, ended_as),
        finished_at=now if after is Stage.DONE else None,
        lease_until=job.lease_until if keep_lease else None,
    )
    return Changed(job=row, before=before, note=note)


def stays(job: Job) -> Changed:
    """No move: the work on it ends."""
    return Changed(job=replace(job, lease_until=None), before=job.stage)


def dated(before: Job, after: Job, now: datetime) -> Job:
    """Every row that is written: updated now if people see a difference, else when it was."""
    is_public = any(getattr(before, name) != getattr(after, name) for name in PUBLIC)
    updated_at = now if is_public else before.updated_at
    return after if after.updated_at == updated_at else replace(after, updated_at=updated_at)


def claimed(job: Job, now: datetime, *, owner: str, lease_s: float, is_asked_for: bool = False) -> Job:
    """`is_asked_for`: its task is asked for now, so that a hint of news is answered."""
    return replace(
        job,
        owner=owner,
        epoch=job.epoch + 1,
        lease_until=now + timedelta(seconds=lease_s),
        hint_at=None if is_asked_for else job.hint_at,
    )
