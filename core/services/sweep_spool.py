"""Models on this machine's disk whose jobs were completed by another process: they are not needed any more."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from core.domain.job import Job
from core.domain.status import Stage
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore, Spool

log = logging.getLogger(__name__)
BATCH = 20  # each costs a question to the job table


def awaited(jobs: JobStore, spool: Spool) -> list[str]:
    """Keys of what may still be needed: the job goes on, or no job of this table has the task.

    What lies there of a job that has ended is needed by nobody, or is a model that the job did not get: it is shown to
    the operator by nothing else, and waiting for it is in vain. Raises: StoreUnavailable.
    """
    keys = spool.keys()
    found = ((key, job_of(jobs, key)) for key in keys)
    return [key for key, job in found if job is None or job.stage is not Stage.DONE]


def job_of(jobs: JobStore, key: str) -> Job | None:
    """The job whose model lies in the spool under this key."""
    return jobs.job_of_task(PurePosixPath(key).stem)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpool:
    """The use case. Several processes have spools of their own, and only one of them completes the job."""

    jobs: JobStore
    objects: ObjectStore
    spool: Spool
    _left: set[str] = field(default_factory=set, init=False)  # of jobs that ended without the file: asked for once

    def tick(self) -> int:
        """Remove what is stored; returns how many files. Raises: StoreUnavailable."""
        removed = 0
        keys = self.spool.keys()
        for key in [each for each in keys if each not in self._left][:BATCH]:
            job = job_of(self.jobs, key)
            if job is None or job.stage is not Stage.DONE:
                continue
            if job.model is None or not self.objects.exists(job.model.key):
                self._left.add(key)
                continue
            self.spool.delete(key)
            removed += 1
            log.info("job %s is completed and stored; its copy on this machine is removed", job.id)
        return removed
