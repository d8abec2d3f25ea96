"""What the stage of a job means, said with who makes it and how a lost answer of theirs is settled."""

from __future__ import annotations

from core.bootstrap import get_services
from core.domain.job import Job
from core.ui import labels


def of(job: Job) -> str:
    """A sentence for whoever waits."""
    services = get_services()
    absence = services.makers.absence(job)
    if absence is not None:
        return absence
    declared = services.makers.declaration(job.generator)
    return labels.explained(job, maker=services.overview.maker_of(job), declared=declared)
