"""The words for where a job is, and the one table of which may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from core.domain.errors import IllegalTransition


class Status(StrEnum):
    """The public status: the five words of the contract."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


class Stage(StrEnum):
    """Where a job is, in our own words."""

    QUEUED = "queued"  # waits for a free slot or for `not_before`
    SUBMITTING = "submitting"  # the intent is committed; the request may be under way
    UNCERTAIN = "uncertain"  # nobody knows whether the task was created
    BLOCKED = "blocked"  # nothing was created, and only the operator can help
    GENERATING = "generating"  # the task is bound; the generator is at work
    SAVING = "saving"  # the generator is done; fetch, check, store
    ATTENTION = "attention"  # a person has to decide, with the evidence shown
    LATE = "late"  # past the time limit, still watched because it may be paid for
    DONE = "done"  # absorbing


ALLOWED: Mapping[Stage, frozenset[Stage]] = MappingProxyType(
    {
        Stage.QUEUED: frozenset({Stage.SUBMITTING, Stage.BLOCKED, Stage.DONE}),
        Stage.SUBMITTING: frozenset({Stage.QUEUED, Stage.UNCERTAIN, Stage.BLOCKED, Stage.GENERATING, Stage.DONE}),
        Stage.UNCERTAIN: frozenset({Stage.QUEUED, Stage.GENERATING, Stage.ATTENTION, Stage.DONE}),
        Stage.BLOCKED: frozenset({Stage.QUEUED, Stage.DONE}),
        Stage.GENERATING: frozenset({Stage.SAVING, Stage.LATE, Stage.DONE}),
        Stage.SAVING: frozenset({Stage.LATE, Stage.DONE}),
        Stage.ATTENTION: frozenset({Stage.QUEUED, Stage.GENERATING, Stage.DONE}),
        Stage.LATE: frozenset({Stage.SAVING, Stage.DONE}),
        Stage.DONE: frozenset(),
    }
)

ENDED: frozenset[Status] = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT})
HOLDS_SLOT: frozenset[Stage] = frozenset({Stage.SUBMITTING, Stage.UNCERTAIN, Stage.GENERATING})


def status_of(stage: Stage, ended_as: Status | None = None) -> Status:
    """The public status of a job in `stage`; `ended_as` is needed for, and only for, `Stage.DONE`."""
    if stage is Stage.DONE:
        if ended_as not in ENDED:
            raise IllegalTransition(f"A job that is done must have ended as one of {sorted(ENDED)}, not {ended_as!r}.")
        return ended_as
    if stage is Stage.LATE:
        return Status.TIMEOUT
    return Status.RUNNING


def check_transition(before: Stage, after: Stage) -> None:
    """Raise IllegalTransition unless `after` may follow `before`."""
    if after not in ALLOWED[before]:
        raise IllegalTransition(
            f"A job in stage {before.value!r} cannot move to {after.value!r}; "
            f"allowed are {sorted(stage.value for stage in ALLOWED[before])}."
        )
