"""What is known of the account: facts, usage, tasks seen there, webhook deliveries."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from core.domain import transitions
from core.domain.generation import Balance, OrphanedTask, Source, UsageRow
from core.ports.account_store import AccountFacts, Delivery
from core.ports.clock import Clock
from core.stores.rows import from_orphaned, to_decimal, to_text, to_time
from core.stores.sqlite.clock_jumps import jump_s
from core.stores.sqlite.database import Database
from core.stores.sqlite.queries import queries
from core.stores.sqlite.rows import to_job, to_orphaned
from core.stores.sqlite.writing import JobRows

USAGE_OF = timedelta(days=1)  # older tasks are no longer looked for in usage
KEEP_DELIVERIES = timedelta(days=7)  # Tripo repeats a delivery for hours at most
LONGEST_WINDOW = timedelta(seconds=300 + 60)  # the most that SEND_BY_S may be, and what clocks differ by
LOOKED_EVERY_S = 30.0  # a row is not seen the moment it appears: this much of a measured lag may be our own pause


class SqliteAccountStore:
    """See core.ports.account_store for what each verb promises. It lies in the same file as the jobs."""

    def __init__(self, database: Database, rows: JobRows, clock: Clock) -> None:
        self._database = database
        self._rows = rows
        self._clock = clock
        self._sql = queries()

    def pause_account(self, *, generator: str, wait_s: float) -> None:
        with self._database.write() as db:
            until = to_text(self._clock.now() + timedelta(seconds=wait_s))
            self._sql.pause_account(db, generator=generator, until=until)

    def account_wait_s(self, *, generator: str) -> float:
        with self._database.read() as db:
            row = self._sql.account_pause(db, generator=generator)
            until = None if row is None else to_time(row["calls_after"])
            if until is None:
                return 0.0
            return max(0.0, (until - self._clock.now()).total_seconds() + jump_s(db, self._clock))

    def account_facts(self, account: str) -> AccountFacts:
        with self._database.read() as db:
            row = self._sql.facts_of_account(db, account=account, since=to_text(self._clock.now() - USAGE_OF))
        available, held = to_decimal(row["balance"]), to_decimal(row["held"])
        return AccountFacts(
            echo_seen_at=to_time(row["echo_seen_at"]),
            usage_lag_s=row["usage_lag_s"],
            usage_missing_s=row["usage_missing_s"],
            balance=None if available is None or held is None else Balance(available=available, held=held),
            balance_at=to_time(row["balance_at"]),
        )

    def note_echo(self, account: str) -> None:
        with self._database.write() as db:
            self._sql.note_echo(db, account=account, now=to_text(self._clock.now()))

    def note_balance(self, account: str, balance: Balance) -> None:
        with self._database.write() as db:
            self._sql.note_balance(
                db,
                account=account,
                balance=str(balance.available),
                held=str(balance.held),
                now=to_text(self._clock.now()),
            )

    def usage_awaited_since(self, account: str) -> datetime | None:
        with self._database.read() as db:
            rows = list(self._sql.usage_awaited(db, account=account, since=to_text(self._clock.now() - USAGE_OF)))
        return to_time(rows[0]["intent_at"]) if rows else None

    def note_usage(self, account: str, rows: Sequence[UsageRow]) -> None:
        listed = {row.task_id: row for row in rows}
        with self._database.write() as db:
            now, since = self._clock.now(), to_text(self._clock.now() - USAGE_OF)
            for bill in self._sql.jobs_of_tasks(db, account=account, since=since, task_ids=json.dumps(list(listed))):
                job = to_job(bill)
                self._rows.write(db, job, transitions.billed(listed[bill["task_id"]])(job, now))
            for awaited in self._sql.usage_awaited(db, account=account, since=since):
                if awaited["usage_seen_at"] is not None:
                    continue
                if awaited["task_id"] not in listed:
                    self._sql.mark_usage_missed(db, id=awaited["id"], now=to_text(now))
                else:
                    self._sql.mark_usage_seen(db, id=awaited["id"], now=to_text(now), lag_s=_lag_s(awaited, now))

    def unbound(self, task_ids: Collection[str]) -> frozenset[str]:
        with self._database.read() as db:
            rows = self._sql.bound_tasks(db, task_ids=json.dumps(list(task_ids)))
            return frozenset(task_ids) - {row["task_id"] for row in rows}

    def keep_orphaned(self, tasks: Sequence[OrphanedTask]) -> None:
        with self._database.write() as db:
            for task in tasks:
                self._sql.keep_orphaned(db, **from_orphaned(task), now=to_text(self._clock.now()))

    def orphaned_tasks(self, *, job_id: int | None = None, limit: int = 100) -> list[OrphanedTask]:
        with self._database.read() as db:
            wanted = -1 if job_id is None else job_id
            return [to_orphaned(row) for row in self._sql.orphaned_tasks(db, job_id=wanted, limit=limit)]

    def note_delivery(self, account: str, delivery: Delivery) -> bool:
        with self._database.write() as db:
            if self._sql.delivery_by_id(db, id=delivery.id) is not None:
                return False
            now = self._clock.now()
            self._sql.insert_delivery(
                db, id=delivery.id, type=delivery.type, task_id=delivery.task_id, now=to_text(now)
            )
            self._sql.forget_old_deliveries(db, before=to_text(now - KEEP_DELIVERIES))
            if delivery.task_id is not None:
                self._sql.hint_task(db, task_id=delivery.task_id, now=to_text(now))
                if self._sql.job_of_task(db, task_id=delivery.task_id) is None:
                    seen = OrphanedTask(task_id=delivery.task_id, account=account, source=Source.WEBHOOK)
                    self._sql.keep_orphaned(db, **from_orphaned(seen), now=to_text(now))
            return True

    def last_delivery_at(self) -> datetime | None:
        with self._database.read() as db:
            return to_time(self._sql.last_delivery(db)["at"])

    def credits_since(self, since: datetime) -> Decimal:
        with self._database.read() as db:
            return self.credits_in(db, since)

    def credits_in(self, db: sqlite3.Connection, since: datetime) -> Decimal:
        """`credits_since` inside the caller's transaction, so that nothing is added between the sum and its use."""
        rows = self._sql.credits_of_jobs(db, since=to_text(since))
        amounts = (
            to_decimal(row["credits_used"] if row["credits_used"] is not None else row["may_use"]) for row in rows
        )
        return sum((amount for amount in amounts if amount is not None), Decimal(0))


def _lag_s(job: sqlite3.Row, now: datetime) -> float | None:
    """How long the row of a task took, as far as it can be told: our own pauses are not the vendor's.

    None when a clock was wrong, or was set since: then `send_by` moved and the vendor's time of the intent did not.
    """
    intent_at, missed_at = to_time(job["intent_at"]), to_time(job["usage_missed_at"])
    send_by = to_time(job["send_by"])
    if intent_at is None or send_by is None or not timedelta(0) <= send_by - intent_at <= LONGEST_WINDOW:
        return None
    missed_s = 0.0 if missed_at is None else (missed_at - intent_at).total_seconds()
    return min((now - intent_at).total_seconds(), missed_s + LOOKED_EVERY_S)
