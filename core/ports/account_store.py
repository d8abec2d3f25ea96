"""What is known of the paid account, shared by all replicas: waiting times, tasks seen there, usage, deliveries.

It lies with the job table (`core.ports.job_store.JobStore.accounts`): tasks are compared with jobs in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.domain.generation import Balance, OrphanedTask, UsageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What has been observed of one account.

    Attributes:
        echo_seen_at: when a task that went the normal way first showed the nonce of its request; None: never yet.
        usage_lag_s: the longest time of the last day from a request to its row in usage, seconds; None: not measured.
        usage_missing_s: of requests of the last day whose task is known, the longest time to a whole list of usage that
            still had no row of it, seconds; None: no such row is missing.
        balance_at: when the balance was read.
    """

    echo_seen_at: datetime | None = None
    usage_lag_s: float | None = None
    usage_missing_s: float | None = None
    balance: Balance | None = None
    balance_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook call whose signature was right. `id` is the signed body's: the same one twice is one delivery."""

    id: str
    type: str
    task_id: str | None


class AccountStore(Protocol):
    """Verbs about the account. All raise StoreUnavailable when the table cannot be reached."""

    def pause_account(self, *, generator: str, wait_s: float) -> None:
        """No call of this account for `wait_s` seconds; a longer wait already noted stays."""
        ...

    def account_wait_s(self, *, generator: str) -> float:
        """Seconds the account still has to wait; 0.0 when it need not."""
        ...

    def account_facts(self, account: str) -> AccountFacts: ...

    def note_echo(self, account: str) -> None:
        """A task that went the normal way showed the nonce of its request. Only the first note is kept."""
        ...

    def note_balance(self, account: str, balance: Balance) -> None: ...

    def usage_awaited_since(self, account: str) -> datetime | None:
        """The oldest intent of the last day whose task has no usage row or no final credits yet; None: nothing open."""
        ...

    def note_usage(self, account: str, rows: Sequence[UsageRow]) -> None:
        """Note for bound tasks of the last day that their row was seen, how long that took, and what they cost.

        The usage list is the bill: a final sum in it takes the place of what the task itself said. Nothing else about
        a job that has ended changes.
        """
        ...

    def unbound(self, task_ids: Collection[str]) -> frozenset[str]:
        """Those of these tasks that belong to no job."""
        ...

    def keep_orphaned(self, tasks: Sequence[OrphanedTask]) -> None:
        """Remember tasks that belong to no job; newer facts of the same task replace older ones."""
        ...

    def orphaned_tasks(self, *, job_id: int | None = None, limit: int = 100) -> list[OrphanedTask]:
        """Remembered tasks that still belong to no job, newest first; only those that fit `job_id` when it is given.

        Without it, those that a job in attention asks a person about are left out.
        """
        ...

    def note_delivery(self, account: str, delivery: Delivery) -> bool:
        """Keep a delivery, mark its task to be asked for at once, or remember the task when no job has it.

        Returns whether the delivery was new.
        """
        ...

    def last_delivery_at(self) -> datetime | None:
        """When the newest webhook call with a right signature came."""
        ...

    def credits_since(self, since: datetime) -> Decimal:
        """Credits of jobs created since then: what they used, or else what they may still use."""
        ...
