"""What is known of the account, in Supabase."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from core.domain import transitions
from core.domain.errors import StoreUnavailable
from core.domain.generation import Balance, OrphanedTask, UsageRow
from core.ports.account_store import AccountFacts, Delivery
from core.stores.rows import from_orphaned, needed_time, to_decimal, to_orphaned, to_text, to_time
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.connection import Connection
from core.stores.supabase.each_time import EachTime
from core.stores.supabase.rows import to_job
from core.stores.supabase.writing import BATCH, ROUNDS, JobRows, as_write

LOOKED_EVERY_S = 30.0  # a row is not seen the moment it appears: this much of a measured lag may be our own pause


class SupabaseAccountStore:
    """See core.ports.account_store for what each verb promises. It lies in the same database as the jobs."""

    def __init__(self, connection: Connection, rows: JobRows, agenda: Agenda | EachTime) -> None:
        self._db = connection
        self._rows = rows
        self._agenda = agenda

    def pause_account(self, *, generator: str, wait_s: float) -> None:
        self._db.call("pause", p_generator=generator, p_wait_s=wait_s)

    def account_wait_s(self, *, generator: str) -> float:
        return float(self._db.call("wait_s", p_generator=generator))

    def account_facts(self, account: str) -> AccountFacts:
        facts = self._db.call("facts", p_account=account)
        available, held = to_decimal(facts["balance"]), to_decimal(facts["held"])
        return AccountFacts(
            echo_seen_at=to_time(facts["echo_seen_at"]),
            usage_lag_s=facts["usage_lag_s"],
            usage_missing_s=facts["usage_missing_s"],
            balance=None if available is None or held is None else Balance(available=available, held=held),
            balance_at=to_time(facts["balance_at"]),
        )

    def note_echo(self, account: str) -> None:
        self._db.call("note_echo", p_account=account)

    def note_balance(self, account: str, balance: Balance) -> None:
        self._db.call("note_balance", p_account=account, p_balance=str(balance.available), p_held=str(balance.held))

    def usage_awaited_since(self, account: str) -> datetime | None:
        return to_time(self._db.call("usage_awaited", p_account=account))

    def note_usage(self, account: str, rows: Sequence[UsageRow]) -> None:
        listed = {row.task_id: row for row in rows}
        billed = [row.task_id for row in listed.values() if row.has_ended and row.credits_used is not None]
        for first in range(0, len(billed), BATCH):  # the bills first: a row that was seen is not asked for again
            self._bill(account, listed, billed[first : first + BATCH])
        seen = [{"task_id": task_id} for task_id in listed]
        self._db.call("note_usage", p_account=account, p_rows=json.dumps(seen), p_looked_every_s=LOOKED_EVERY_S)

    def _bill(self, account: str, listed: Mapping[str, UsageRow], task_ids: Sequence[str]) -> None:
        for _ in range(ROUNDS):
            answer = self._db.call("jobs_of_tasks", p_account=account, p_tasks=list(task_ids))
            now = needed_time(answer["now"])
            bills = [(row, transitions.billed(listed[row["task_id"]])(to_job(row), now)) for row in answer["rows"]]
            writes = [as_write(row, changed) for row, changed in bills if changed.job != to_job(row)]
            if len(self._rows.write(writes)) == len(writes):
                return
        raise StoreUnavailable("The bills of jobs are being written by others all the time; it is tried again.")

    def unbound(self, task_ids: Collection[str]) -> frozenset[str]:
        return frozenset(self._db.call("unbound", p_tasks=list(task_ids))) if task_ids else frozenset()

    def keep_orphaned(self, tasks: Sequence[OrphanedTask]) -> None:
        if tasks:
            self._db.call("keep_seen", p_tasks=json.dumps([from_orphaned(task) for task in tasks]))

    def orphaned_tasks(self, *, job_id: int | None = None, limit: int = 100) -> list[OrphanedTask]:
        rows = self._db.call("seen", p_job=-1 if job_id is None else job_id, p_limit=limit)
        return [to_orphaned(row) for row in rows]

    def note_delivery(self, account: str, delivery: Delivery) -> bool:
        is_new = bool(
            self._db.call("deliver", p_account=account, p_id=delivery.id, p_type=delivery.type, p_task=delivery.task_id)
        )
        self._agenda.forget()  # its task is due now
        return is_new

    def last_delivery_at(self) -> datetime | None:
        return to_time(self._db.call("last_delivery"))

    def credits_since(self, since: datetime) -> Decimal:
        return to_decimal(self._db.call("credits", p_since=to_text(since))) or Decimal(0)
