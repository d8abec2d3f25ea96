"""Wait for a job without holding a thread."""

from __future__ import annotations

import asyncio
import time

from starlette.concurrency import run_in_threadpool

from core.domain.job import Job
from core.domain.status import Status
from core.services.overview import Overview

LOOK_EVERY_S = 0.5


async def wait_for_end(overview: Overview, job: Job, *, ends_s: float) -> Job:
    """The job as it is when it is no longer running, or when the monotonic clock reaches `ends_s`."""
    while job.status is Status.RUNNING and (left_s := ends_s - time.monotonic()) > 0:
        await asyncio.sleep(min(LOOK_EVERY_S, left_s))
        job = await run_in_threadpool(overview.job, job.id)
    return job
