"""How long a task may wait in its generator's own line, and from when its time limit counts."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.domain.job import Job
from core.domain.status import Stage

LONGEST_IN_LINE = timedelta(days=1)  # a generator that stands still says for ever that a task waits


def may_wait(job: Job, now: datetime) -> bool:
    """Whether its time limit stands still while its generator says that it only waits."""
    return job.stage is Stage.GENERATING and job.started_at is not None and now - job.started_at < LONGEST_IN_LINE


def is_older(job: Job, now: datetime, age_s: float) -> bool:
    """Whether it has been at work for so long; what it waited in the line is left out."""
    return job.made_since is not None and now - job.made_since >= timedelta(seconds=age_s)
