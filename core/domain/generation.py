"""Asking for a model and hearing of it, in our words: request, progress, the state of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.domain.request import Conversion, JobRequest, Slot


class TaskPhase(StrEnum):
    """How far a generator is with a task. WAITING: it is in the generator's own line, and nothing was begun."""

    WAITING = "waiting"
    WORKING = "working"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One attempt at one job, ready to be sent.

    Attributes:
        attempt_id: a UUID of ours, the same for the same attempt of the same table; NAMED generators call the task so.
        tokens: what `Generator.upload` returned for each picture.
        nonce: random, 0 to 2**31 - 1; where a generator repeats it, it identifies the attempt.
    """

    job_id: int
    attempt: int
    attempt_id: str
    target_object: str
    request: JobRequest
    tokens: Mapping[Slot, str]
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """What a generator says of one task.

    Attributes:
        progress: percent, 0 to 100.
        model_url: where the finished model is now; signed and short-lived, never stored or logged.
        preview_url: the generator's own picture of the model, as short-lived.
        credits_used: what the task cost; None while unknown.
        error_code, error_message: why it failed, in the generator's words.
        may_go_again: of a task that failed and costs nothing: begun again, it may well come to its end.
        created_at: by the vendor's clock; None when it is unreadable.
        input_token, input_nonce, input_conversion, input_prompt: the request's echo, where the generator gives one.
        shows_request: whether the request is shown at all, even where it has none of the marks above.
    """

    task_id: str
    phase: TaskPhase
    progress: int = 0
    model_url: str | None = field(default=None, repr=False)
    preview_url: str | None = field(default=None, repr=False)
    credits_used: Decimal | None = None
    error_code: str | None = None
    error_message: str | None = None
    may_go_again: bool = False
    created_at: datetime | None = None
    input_token: str | None = None
    input_nonce: int | None = None
    input_conversion: Conversion | None = None
    input_prompt: str | None = field(default=None, repr=False)
    shows_request: bool = False

    @property
    def proves_nothing(self) -> bool:
        """Nothing is shown of what was asked for: whose task it is cannot be said."""
        marks = (self.input_token, self.input_nonce, self.input_conversion, self.input_prompt)
        return not self.shows_request and all(mark is None for mark in marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLookup:
    """The answer to a batched question.

    Attributes:
        found: the tasks, by id.
        missed: ids that the generator says it does not know. An id in neither was not answered for.
    """

    found: dict[str, TaskState]
    missed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedModel:
    """A model that was fetched into memory or a file of ours, before it is checked.

    Attributes:
        data: the whole file.
        preview: the generator's own picture of it, when there is one and it could be fetched.
    """

    data: bytes = field(repr=False)
    preview: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Credits of the account: free to spend, and held for tasks under way."""

    available: Decimal
    held: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """One row of the account's usage: the only listing of tasks there is.

    Attributes:
        created_at: by the vendor's clock; None when it is unreadable.
        has_ended: whether `credits_used` is final.
    """

    task_id: str
    type: str
    status: str
    created_at: datetime | None
    credits_used: Decimal | None
    has_ended: bool


class Source(StrEnum):
    """How a task that belonged to no job became known."""

    USAGE = "usage"
    WEBHOOK = "webhook"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedTask:
    """A task at the account that belonged to no job when it was seen.

    Attributes:
        job_id: the job whose written intent it fits, or None.
        evidence: sentences for the person who has to decide.
    """

    task_id: str
    account: str
    source: Source
    type: str = ""
    status: str = ""
    created_at: datetime | None = None
    credits_used: Decimal | None = None
    job_id: int | None = None
    evidence: str = ""
