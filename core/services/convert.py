"""Order a file from its generator that nothing here can make of a finished model: a job of its own, with its price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from core.domain.errors import IllegalTransition, InputRefused, StoreUnavailable
from core.domain.job import Job, NewJob
from core.domain.refusals import key_taken
from core.domain.request import Conversion, ConvertModel, Kind
from core.domain.status import Stage, Status
from core.ports.job_store import Added, JobStore
from core.services.backoff import MOVED, is_for_good
from core.services.decide import budget_of
from core.services.makers import Makers


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionOffer:
    """What one file would cost, told before the click; `credits` by the list of prices, None when it does not say."""

    quad: bool
    credits: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Convert:
    """The use case.

    Attributes:
        makers: a model is converted by the generator that made it.
        max_credits_per_day: the budget; None for no limit.
        on_queued: called after a job was queued, to wake the scheduler.
    """

    jobs: JobStore
    makers: Makers
    max_credits_per_day: Decimal | None
    on_queued: Callable[[], None]

    def refusal(self, job: Job) -> str | None:
        """Why this job's model cannot be converted, as a sentence; None when it can."""
        if job.conversion is not None:
            return f"This file was converted itself; convert the model of job {job.source}."
        if job.stage is not Stage.DONE or job.model is None:
            return "There is no finished model to convert."
        able = self.makers.able(Kind.CONVERT)
        maker = self.makers.connected.get(job.generator)
        if not able:
            return self.makers.nobody(Kind.CONVERT)
        if maker is None or maker not in able or job.task_id is None:
            known = " and ".join(each.label for each in able)
            return f"{known} converts only models of its own, and this one was made by another generator."
        if job.account != maker.account:
            return f"This model was made with another {maker.label} key than the one that is set now."
        return None

    def offers(self, job: Job) -> tuple[ConversionOffer, ...]:
        """The files that may be ordered; none when `refusal` says why."""
        if self.refusal(job) is not None or job.task_id is None:
            return ()
        maker = self.makers.named(job.generator)
        wanted = [_request(job, Conversion(task_id=job.task_id, quad=quad)) for quad in (False, True)]
        return tuple(ConversionOffer(quad=each.conversion.quad, credits=maker.estimate(each)) for each in wanted)

    def ordered(self, job_id: int) -> list[Job]:
        """The jobs that convert this job's model, newest first. Raises: StoreUnavailable."""
        return self.jobs.conversions(job_id)

    def order(self, job_id: int, *, quad: bool = False, face_limit: int | None = None, key: str | None = None) -> Added:
        """Queue it. The same order is the same job: what was converted once is never paid for again.

        Args:
            key: the caller's, for this order alone; None where there is none.

        Raises: JobNotFound, IllegalTransition, IdempotencyConflict, InputRefused (BudgetExceeded), StoreUnavailable.
        """
        job = self.jobs.get(job_id)
        repeated = None if key is None else self._of_key(key, job_id, quad=quad, face_limit=face_limit)
        if repeated is not None:
            return Added(job=repeated, created=False)
        if is_for_good(self.jobs.accounts.account_wait_s(generator=job.generator)):
            raise StoreUnavailable(MOVED)
        problem = self.refusal(job)
        if problem is not None or job.task_id is None:
            raise IllegalTransition(f"{problem or 'There is no model.'} Nothing was ordered or charged.")
        if face_limit is not None and not quad:
            raise InputRefused(
                "A number of faces is for four-sided faces only: fewer triangles cost nothing here. "
                "Nothing was ordered or charged.",
                code="face_limit_refused",
            )
        conversion = Conversion(task_id=job.task_id, quad=quad, face_limit=face_limit)
        maker, request = self.makers.named(job.generator), _request(job, conversion)
        maker.check(request)
        known = self._known(job_id, conversion)
        if known is not None and (key is None or known.idempotency_key is None):
            return Added(job=known, created=False)
        name = f"convert-{job.id}-fbx{'-quad' if quad else ''}{f'-{face_limit}' if face_limit else ''}"
        new = NewJob(
            session_id=job.session_id,
            target_object=job.target_object,
            iteration=job.iteration,
            request=request,
            generator=maker.name,
            category=maker.category(request),
            # the time, because numbers begin again in an emptied table
            idempotency_key=f"~{name}-{job.created_at.isoformat()}",
            request_hash=name,
            caller_key=key,
            caller_hash=name,
            credits_estimate=maker.estimate(request),
        )
        if known is not None:  # nothing is ordered: the key is kept with it
            new = replace(new, idempotency_key=known.idempotency_key, request_hash=known.request_hash)
        added = self.jobs.add(new, budget=budget_of(self.jobs, self.max_credits_per_day))
        if added.created:
            self.on_queued()
        return added

    def _of_key(self, key: str, job_id: int, *, quad: bool, face_limit: int | None) -> Job | None:
        """The job that this same order made under the key. Raises: IdempotencyConflict."""
        job = self.jobs.job_of_key(key)
        asked = None if job is None else job.conversion
        if job is not None and (
            asked is None or (job.source, asked.quad, asked.face_limit) != (job_id, quad, face_limit)
        ):
            raise key_taken(job, key)
        return job

    def _known(self, job_id: int, conversion: Conversion) -> Job | None:
        """The job of the same order that stands for it now: the newest, for one that failed may have been retried."""
        same = [job for job in self.jobs.conversions(job_id) if job.conversion == conversion]
        alive = [job for job in same if job.stage is not Stage.DONE or job.status is Status.COMPLETED]
        return next(iter([*alive, *same]), None)


def _request(job: Job, conversion: Conversion) -> ConvertModel:
    return ConvertModel(source=job.id, conversion=conversion, image=job.image)
