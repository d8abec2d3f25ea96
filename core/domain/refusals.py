"""Why a new job is not added or a task not bound, in the same words for every job table."""

from __future__ import annotations

from decimal import Decimal

from core.domain.claims import Budget
from core.domain.errors import BudgetExceeded, IdempotencyConflict, IllegalTransition
from core.domain.job import Job, NewJob


def key_taken(job: Job, key: str | None) -> IdempotencyConflict:
    """The idempotency key belongs to a job of another request."""
    return IdempotencyConflict(
        f"The Idempotency-Key {key!r} was already used for job {job.id}, with other data. "
        "Nothing was done. Use a new key for a new request."
    )


def over_budget(new: NewJob, budget: Budget, used: Decimal) -> BudgetExceeded:
    """The refusal of a job that the budget does not allow any more; `used`: credits of the jobs before it."""
    wanted = new.credits_estimate or Decimal(0)
    return BudgetExceeded(
        f"This would cost about {wanted.normalize():f} credits, but of the day's budget of "
        f"{budget.most.normalize():f} only {max(Decimal(0), budget.most - used).normalize():f} are left. "
        "Nothing was sent or charged. Try again later, or ask the operator to raise MAX_CREDITS_PER_DAY."
    )


def task_taken(task_id: str, *, owner_id: int, job_id: int) -> IllegalTransition:
    """A task is bound once, to one job, for ever."""
    return IllegalTransition(f"Task {task_id} already belongs to job {owner_id}; job {job_id} cannot have it.")
