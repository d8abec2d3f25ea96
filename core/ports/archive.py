"""Whole tables as plain records, for moving an installation from one store to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

Record = dict[str, Any]  # JSON values; times are ISO 8601 in UTC with six digits, decimals are texts
Key = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that moves.

    Attributes:
        key: the column whose value names a row.
        columns: all that move. Counters of the store's own, such as `change_number`, do not.
        first_key: sorts before the key of every row.
    """

    key: str
    columns: tuple[str, ...]
    first_key: Key = ""
    times: frozenset[str] = frozenset()
    decimals: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()


JOBS = Table(
    key="id",
    first_key=-1,
    columns=(
        *("id", "session_id", "target_object", "iteration", "image_url", "3d_url", "status", "stage"),
        *(
            "created_at",
            "updated_at",
            "generator",
            "category",
            "kind",
            "request",
            "options",
            "image",
            "model",
            "progress",
            "attempt",
        ),
        *("nonce", "image_token", "send_by", "task_id", "owner", "epoch", "lease_until", "not_before", "next_poll_at"),
        *("missed_count", "missed_since", "started_at", "finished_at", "intent_at", "account", "settle_scans"),
        *("scanned_at", "cancelled_at", "hint_at", "fetch_tries", "usage_missed_at", "usage_seen_at", "usage_lag_s"),
        *("credits_estimate", "credits_used", "error_code", "error_message", "idempotency_key", "request_hash"),
        *("retry_of", "converted_from"),
    ),
    times=frozenset(
        {
            *("created_at", "updated_at", "send_by", "lease_until", "not_before", "next_poll_at", "missed_since"),
            *("started_at", "finished_at", "intent_at", "scanned_at", "cancelled_at", "hint_at"),
            *("usage_missed_at", "usage_seen_at"),
        }
    ),
    decimals=frozenset({"credits_estimate", "credits_used"}),
    floats=frozenset({"usage_lag_s"}),
    objects=frozenset({"request", "options", "image", "model"}),
)
# In the order in which they are written: what a row refers to is there before it.
TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "generated_images": JOBS,
        "job_events": Table(
            key="id",
            first_key=-1,
            columns=("id", "job_id", "at", "before", "after", "status", "attempt", "task_id", "error_code", "note"),
            times=frozenset({"at"}),
        ),
        "account_facts": Table(
            key="account",
            columns=("account", "echo_seen_at", "balance", "held", "balance_at"),
            times=frozenset({"echo_seen_at", "balance_at"}),
            decimals=frozenset({"balance", "held"}),
        ),
        "seen_tasks": Table(
            key="task_id",
            columns=(
                *("task_id", "account", "source", "type", "status", "created_at", "credits_used", "job_id"),
                *("evidence", "first_seen_at"),
            ),
            times=frozenset({"created_at", "first_seen_at"}),
            decimals=frozenset({"credits_used"}),
        ),
        "webhook_deliveries": Table(
            key="id", columns=("id", "type", "task_id", "received_at"), times=frozenset({"received_at"})
        ),
    }
)


def plain(table: str, row: Mapping[str, Any]) -> Record:
    """A row of a store as the record that is the same in every store. Objects come as JSON values.

    Links that only repeat where our own files are served are left out.
    """
    kind = TABLES[table]
    record = {name: row[name] for name in kind.columns}
    for name in kind.columns:
        value = record[name]
        if value is None:
            continue
        if name in kind.times:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            record[name] = aware.astimezone(UTC).isoformat(timespec="microseconds")
        elif name in kind.decimals:
            record[name] = f"{Decimal(str(value)).normalize():f}"
        elif name in kind.floats:
            record[name] = float(value)
    if table == "generated_images":
        record["image_url"] = record["image_url"] if record["image"] is None else None
        record["3d_url"] = record["3d_url"] if record["model"] is None else None
    return record


class Archive(Protocol):
    """Reads and writes rows as they are: no verb of a job's life, so nothing but a move uses it.

    All raise StoreUnavailable when the table cannot be reached.
    """

    def count(self, table: str) -> int: ...

    def read(self, table: str, *, after: Key, limit: int) -> list[Record]:
        """Rows in the order of their key, from the first one after `after`."""
        ...

    def restore(self, table: str, records: Sequence[Record]) -> None:
        """Write rows that are not there yet, with their own numbers; new rows get higher ones. A known key is left."""
        ...

    def name_installation(self, name: str) -> None:
        """The table is called what another one was called: the installation moved here."""
        ...

    def resume(self, generator: str) -> None:
        """End the waiting time of a generator's account."""
        ...
