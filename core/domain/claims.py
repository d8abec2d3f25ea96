"""What the transitions of a job take: who may write, what was meant, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.domain.job import Category, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to write to a job until its lease ends or someone else claims it."""

    job_id: int
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job together with the right to work on it."""

    job: Job
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is written down before a create request may leave.

    Attributes:
        send_within_s: seconds after the write during which the request may be sent.
        account: fingerprint of the account it will be sent to.
        vendor_at: the vendor's own time, where it is known: `intent_at`, which is compared with it, is never later.
    """

    nonce: int
    image_token: str
    send_within_s: float
    account: str = ""
    vendor_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollNote:
    """What one look-up said of a task that is still under way.

    Attributes:
        poll_again_in_s: seconds until the task is asked for next.
        is_missed: the generator did not know the task.
        is_waiting: the task waits in the line of a generator that costs nothing, so its time limit stands still.
        is_answered: False when the question could not be put: there may be news that nobody has heard.
    """

    claim: Claim
    progress: int
    poll_again_in_s: float
    is_missed: bool = False
    is_waiting: bool = False
    is_answered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job ended without a model: a stable code and a sentence for people."""

    code: str
    message: str
    credits_used: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How many tasks of each category may be open at once, over all replicas."""

    limits: Mapping[Category, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most credits that jobs created since a time may use together."""

    most: Decimal
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Affordable:
    """What an account can pay for now.

    Attributes:
        available: credits.
        short_codes: with which its jobs are blocked when there were too few.
    """

    available: Decimal
    short_codes: frozenset[str]
