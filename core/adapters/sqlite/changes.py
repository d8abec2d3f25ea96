"""Small parts of a change: what a verb does to a job, and how a claim or a search is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from core.domain.job import Job
from core.ports.job_store import Claim, Failure

Change = Callable[[Job, datetime], Job]


def as_it_is(job: Job, now: datetime) -> Job:
    return job


def late(job: Job, now: datetime) -> Job:
    message = "This takes longer than the time limit. It is still being watched: if the model comes, you get it here."
    return replace(job, error_code="timeout", error_message=message)


def with_failure(failure: Failure) -> Change:
    def change(job: Job, now: datetime) -> Job:
        spent = failure.credits_used if failure.credits_used is not None else job.credits_used
        return replace(job, error_code=failure.code, error_message=failure.message, credits_used=spent)

    return change


def holds(claim: Claim, job: Job) -> bool:
    return job.owner == claim.owner and job.epoch == claim.epoch


def like(search: str) -> str:
    """A LIKE pattern that matches the search text literally, or an empty text."""
    if not search:
        return ""
    literal = search.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"
