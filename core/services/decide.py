"""What a person may decide about a job: stop it, make it again, fetch it again, or say what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from core.domain.claims import Budget
from core.domain.errors import IllegalTransition, InputRefused, ObjectMissing, StoreUnavailable
from core.domain.generation import OrphanedTask
from core.domain.job import Job, NewJob
from core.domain.request import JobRequest
from core.domain.status import Stage, Status
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services.backoff import MOVED, is_for_good
from core.services.makers import Makers
from core.services.throttle import Throttle

DAY = timedelta(days=1)
UNREADABLE = "What this job asked for is not known any more. Submit it anew on the create page."
ELSEWHERE = (
    "Only the account that made the model can make this file, and it is not connected here any more. Nothing was "
    "ordered or charged."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOffer:
    """What making it again means, told before the click.

    Attributes:
        credits: by the list of prices; None when the list does not say.
        why: a sentence.
        needs_another_picture: it was a picture that was refused, so the same one will hardly do.
        needs_other_words: the same of words.
    """

    credits: Decimal | None
    why: str
    needs_another_picture: bool = False
    needs_other_words: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """The use cases.

    Attributes:
        makers: a job is made again by the generator that made it, or where it is gone by another that is free.
        max_credits_per_day: the budget; None for no limit.
        on_changed: called after a decision that the scheduler can act on.
    """

    jobs: JobStore
    objects: ObjectStore
    makers: Makers
    max_credits_per_day: Decimal | None
    on_changed: Callable[[], None]

    def cancel(self, job_id: int) -> Job:
        """See JobStore.cancel. Raises: JobNotFound, IllegalTransition, StoreUnavailable."""
        maker = self.makers.connected.get(self.jobs.get(job_id).generator)
        return self.jobs.cancel(job_id, maker="Its generator" if maker is None else maker.label)

    def retry_offer(self, job: Job) -> RetryOffer | None:
        """What a retry would cost; None when the job may still end by itself, or has what was asked for."""
        if not _has_failed(job):
            return None
        try:
            maker, request = self._again(job)
        except InputRefused:
            return None
        credits = maker.estimate(request)
        declared = self.makers.declaration(job.generator)
        is_refused = job.status is Status.FAILED and declared is not None and job.error_code in declared.input_codes
        why = self._why(job, credits)
        if maker.name != job.generator:
            why = f"{why} {maker.label} makes it this time. {maker.declaration.leaves}"
        has_pictures = bool(job.about.slots)
        return RetryOffer(
            credits=credits,
            why=f"{job.about.refused} {why}".strip() if is_refused else why,
            needs_another_picture=is_refused and has_pictures,
            needs_other_words=is_refused and bool(job.texts) and not has_pictures,
        )

    @staticmethod
    def _why(job: Job, credits: Decimal | None) -> str:
        if credits == 0:
            return "Making it again costs nothing."
        price = "an unknown number of credits" if credits is None else f"about {credits.normalize():f} credits"
        if job.credits_used:
            return f"The first try cost {job.credits_used.normalize():f} credits. Making it again costs {price} more."
        if not job.is_free and (
            job.status is Status.TIMEOUT or (job.status is Status.CANCELLED and job.task_id is not None)
        ):
            return f"Making it again costs {price}; the first task may still be charged, too."
        return f"The first try cost nothing. Making it again costs {price}."

    def retry_refusal(self, job: Job) -> str | None:
        """Why a job that failed cannot be made again, and what to do instead; None when it can, or has not failed."""
        if not _has_failed(job):
            return None
        try:
            self._again(job)
        except InputRefused as exc:
            return exc.message
        return None

    def retry(self, job_id: int) -> Job:
        """A new job of the same request. Asked for twice, it is the same new job.

        Raises: JobNotFound, IllegalTransition, InputRefused (BudgetExceeded), ObjectMissing, StoreUnavailable.
        """
        job = self.jobs.get(job_id)
        if not _has_failed(job):
            raise IllegalTransition(f"Job {job_id} cannot be made again now: it has not failed.")
        maker, request = self._again(job)
        if is_for_good(self.jobs.accounts.account_wait_s(generator=maker.name)):
            raise StoreUnavailable(MOVED)
        images = request.inputs().values()
        if not all(self.objects.exists(image.key) for image in images):
            which = "The picture" if len(images) == 1 else "A picture"
            raise ObjectMissing(f"{which} of job {job_id} is no longer there. Submit it anew on the create page.")
        new = NewJob(
            session_id=job.session_id,
            target_object=job.target_object,
            iteration=job.iteration,
            request=request,
            generator=maker.name,
            category=maker.category(request),
            idempotency_key=f"~retry-of-{job.id}-{job.created_at.isoformat()}",
            request_hash=f"retry-of-{job.id}",
            retry_of=job.id,
            credits_estimate=maker.estimate(request),
        )
        added = self.jobs.add(new, budget=budget_of(self.jobs, self.max_credits_per_day))
        if added.created:
            self.on_changed()
        return added.job

    def _again(self, job: Job) -> tuple[Throttle, JobRequest]:
        """Who makes it again, and what is asked for. Raises: InputRefused, when nobody can or may.

        A file that was converted is made by the account that has its model, or by nobody.
        """
        if job.request is None:
            raise InputRefused(UNREADABLE, code="request_unknown")
        if job.about.is_of_a_job:
            maker = self.makers.connected.get(job.generator)
            if maker is None or not self._has_source(job, maker):
                raise InputRefused(ELSEWHERE, code="account_gone")
        else:
            maker = self.makers.again(job.generator, job.kind)
        request = maker.declaration.fitted(job.request)
        maker.check(maker.declaration.applicable(request))
        return maker, request

    def _has_source(self, job: Job, maker: Throttle) -> bool:
        return job.source is not None and self.jobs.get(job.source).account == maker.account

    def fetch_again(self, job_id: int) -> Job:
        """Fetch a finished model now; costs nothing. Raises: JobNotFound, IllegalTransition, StoreUnavailable."""
        job = self.jobs.fetch_now(job_id)
        self.on_changed()
        return job

    def candidates(self, job_id: int) -> list[OrphanedTask]:
        """The tasks that may be this job's, with the evidence. Raises: JobNotFound, StoreUnavailable.

        A task is remembered for one job only, and one that does not show how it converts may be any sibling's.
        """
        job, found = self.jobs.get(job_id), self.jobs.accounts.orphaned_tasks(job_id=job_id)
        siblings = [] if job.source is None else self.jobs.conversions(job.source)
        for other in siblings:
            if other.id != job_id and other.stage is Stage.ATTENTION:
                evidence = f"It is asked about for job {other.id}, too, which converts the same model."
                found += [
                    replace(task, evidence=evidence) for task in self.jobs.accounts.orphaned_tasks(job_id=other.id)
                ]
        return found

    def take(self, job_id: int, task_id: str) -> Job:
        """attention → generating: a person says that this task is the job's.

        Raises: JobNotFound, IllegalTransition when it is no candidate or the job no longer waits, StoreUnavailable.
        """
        job = self.jobs.get(job_id)
        is_candidate = any(task.task_id == task_id for task in self.candidates(job_id))
        if job.stage is not Stage.ATTENTION or not is_candidate:
            raise IllegalTransition(f"Task {task_id} is no candidate for job {job_id} any more; nothing was changed.")
        taken = self.jobs.adopt_task(job_id, job.attempt, task_id, nonce=job.nonce, poll_in_s=0.0)
        if taken is None:
            raise IllegalTransition(f"Job {job_id} was settled meanwhile; nothing was changed.")
        self.on_changed()
        return taken

    def send_again(self, job_id: int) -> Job:
        """attention → queued: a person says that nothing was made. It may cost a second time if that is wrong.

        Raises: JobNotFound, IllegalTransition, StoreUnavailable.
        """
        job = self.jobs.send_again(job_id, note="A person decided that it had not been made. It is sent again.")
        self.on_changed()
        return job


def _has_failed(job: Job) -> bool:
    """Whether it has ended without what was asked for."""
    return job.stage is Stage.DONE and job.status not in (Status.COMPLETED, Status.RUNNING)


def budget_of(jobs: JobStore, most: Decimal | None) -> Budget | None:
    """The limit on what jobs of the last 24 hours may cost together; None for none."""
    return None if most is None else Budget(most=most, since=jobs.now() - DAY)
