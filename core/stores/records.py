"""Rows as they move from one store to another: which columns move, and how a value is written the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from core.domain.generation import OrphanedTask
from core.domain.job import JobEvent
from core.ports.archive import JOBS, Record
from core.stores.rows import FIXED, WRITTEN, WRITTEN_TIMES, needed_time, to_text

# All that move, by table. Counters of a store's own, such as `change_number`, do not.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        JOBS: (
            *(*FIXED, *WRITTEN, *WRITTEN_TIMES),
            *("created_at", "updated_at", "status", "stage", "kind", "request", "options", "image", "model"),
            *("converted_from", "image_url", "3d_url", "credits_estimate", "credits_used"),
            *("usage_missed_at", "usage_seen_at", "usage_lag_s"),
        ),
        "job_events": tuple(field.name for field in fields(JobEvent)),
        "account_facts": ("account", "echo_seen_at", "balance", "held", "balance_at"),
        "seen_tasks": (*(field.name for field in fields(OrphanedTask)), "first_seen_at"),
        "webhook_deliveries": ("id", "type", "task_id", "received_at"),
        "request_keys": ("key", "job_id", "request_hash"),
    }
)
# A name means the same in every table.
TIMES = frozenset(
    {
        *(*WRITTEN_TIMES, "created_at", "updated_at", "usage_missed_at", "usage_seen_at", "at", "echo_seen_at"),
        *("balance_at", "first_seen_at", "received_at"),
    }
)
DECIMALS = frozenset({"credits_estimate", "credits_used", "balance", "held"})
FLOATS = frozenset({"usage_lag_s"})
OBJECTS = frozenset({"request", "options", "image", "model"})


def to_record(table: str, row: Mapping[str, Any]) -> Record:
    """A row of a store as the record that is the same in every store. Objects come as JSON values.

    Links that only repeat where our own files are served are left out.
    """
    record = {name: _same_everywhere(name, row[name]) for name in COLUMNS[table]}
    if table == JOBS:
        is_of_an_older_system = record["image"] is None and record["request"] is None
        record["image_url"] = record["image_url"] if is_of_an_older_system else None
        record["3d_url"] = record["3d_url"] if record["model"] is None else None
    return record


def _same_everywhere(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in TIMES:
        return to_text(value if isinstance(value, datetime) else needed_time(value))
    if name in DECIMALS:
        return f"{Decimal(str(value)).normalize():f}"
    return float(value) if name in FLOATS else value
