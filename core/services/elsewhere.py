"""Tasks of a generator that costs nothing, and that this process cannot find: in another process, or lost.

Whoever claims such a job may not have its task. It is left to the process that has it for as long as that one is heard
of. After a lease without a word the task is begun again here, under its number, so that the job's life goes on as
written. A task that is paid is never begun again: its generator knows it from everywhere.

Of several processes only one begins it: whoever does has its claim confirmed after the pictures were handed over, and
sends within half a lease, so that its order has arrived before anybody else may claim the job and look for the task.

A job may be what stops the machine that works on it, such as by taking all its memory. So a job is begun again a few
times only; the table counts them. A task that was only waiting when it was lost is not to blame, and is not counted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.claims import Claimed, Failure
from core.domain.declaration import Evidence
from core.domain.errors import NotSent, StoreUnavailable
from core.domain.job import Job
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services.attempts import handed_over, order_of
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
MOST_BEGUN = 3  # a machine that is started again for other reasons loses a job once or twice, not four times
LEFT = "Another server has this model at this moment, and brings it home."
UNKNOWN = (
    "{maker} does not find this model at the moment and is asked again. If it stays away, it is made again. "
    "It costs nothing."
)
AGAIN = "Whoever made this model no longer has it, so it is made again. It costs nothing."
BEGUN = "Whoever worked on this model no longer had it, so it was begun again. It costs nothing."
TOO_OFTEN = (
    "{maker} lost this job {times} times while it worked on it, so it is not begun again. Most likely it needs more "
    "memory than that machine has, which stops there each time. It cost nothing. Submit it again with fewer faces, or "
    "choose another generator. The log of {maker} tells its operator what happened there."
)
STOPPED = Failure(code="cancelled", message="Cancelled. The work on it was stopped, and it cost nothing.")
GONE = Failure(
    code="picture_missing",
    message="Whoever made this model no longer has it, and the picture is gone, so it cannot be made again. It cost "
    "nothing. Submit the picture anew on the create page.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What to do about a task that this process does not have.

    Attributes:
        lease_s: how long nobody who has the task may be silent.
    """

    objects: ObjectStore
    generator: Throttle
    lease_s: float

    @property
    def left(self) -> str:
        """What is said of a model that is not found. One that is known by our name for it lies on no server of ours."""
        declared = self.generator.declaration
        return UNKNOWN.format(maker=declared.label) if declared.evidence is Evidence.NAMED else LEFT

    def is_silent(self, job: Job, now: datetime) -> bool:
        """Whether nobody who has the task has been heard of for a lease."""
        return job.missed_since is not None and now - job.missed_since >= timedelta(seconds=self.lease_s)

    def refusal(self, job: Job) -> Failure | None:
        """Why it is not begun once more; None when it may be."""
        if job.settle_scans < MOST_BEGUN:
            return None
        message = TOO_OFTEN.format(maker=self.generator.label, times=job.settle_scans + 1)
        return Failure(code="lost_too_often", message=message)

    def begin_here(self, claimed: Claimed, jobs: JobStore) -> None:
        """Begin it on this machine, once.

        Raises: ObjectMissing, NotSent, LookupFailed, StoreUnavailable; ClaimLost, when another took the job over.
            OutcomeUnknown, when it may have begun: after a lease of silence it is looked for again.
        """
        job = claimed.job
        if job.task_id is None:
            raise NotSent(f"Job {job.id} was never sent, so there is nothing to begin again.")
        tokens = handed_over(job, self.generator, self.objects)
        order = order_of(job, jobs.installation(), tokens)
        check_send_window = self.generator.send_window(self.lease_s / 2)
        jobs.renew(claimed.claim, lease_s=self.lease_s)
        self.generator.begin_again(job.task_id, order, check_send_window=check_send_window)
        log.info("job %s: task %s is begun again here: whoever had it is not heard of", job.id, job.task_id)
        try:
            jobs.note_begun(claimed.claim, lease_s=self.lease_s, note=BEGUN)
        except StoreUnavailable as exc:  # it is under way all the same, and once more does no harm
            log.warning("job %s: that it was begun again is not counted: %s", job.id, exc.message)
