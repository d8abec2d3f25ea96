"""Whole tables as plain records, for moving an installation from one store to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

Record = dict[str, Any]  # JSON values by column; times are ISO 8601 in UTC with six digits, decimals are texts
Key = int | str
JOBS = "generated_images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that moves.

    Attributes:
        key: the column whose value names a row.
        first_key: sorts before the key of every row.
    """

    key: str
    first_key: Key = ""


# In the order in which they are written: what a row refers to is there before it.
TABLES: Mapping[str, Table] = MappingProxyType(
    {
        JOBS: Table(key="id", first_key=-1),
        "job_events": Table(key="id", first_key=-1),
        "account_facts": Table(key="account"),
        "seen_tasks": Table(key="task_id"),
        "webhook_deliveries": Table(key="id"),
        "request_keys": Table(key="key"),
    }
)


class Rows(Protocol):
    """Reads rows as they are. All raise StoreUnavailable when the table cannot be reached."""

    def count(self, table: str) -> int: ...

    def read(self, table: str, *, after: Key, limit: int) -> list[Record]:
        """Rows in the order of their key, from the first one after `after`."""
        ...


class Archive(Rows, Protocol):
    """Reads and writes rows as they are: no verb of a job's life, so nothing but a move uses it."""

    def restore(self, table: str, records: Sequence[Record]) -> None:
        """Write rows that are not there yet, with their own numbers; new rows get higher ones. A known key is left."""
        ...

    def name_installation(self, name: str) -> None:
        """The table is called what another one was called: the installation moved here."""
        ...

    def resume(self, generator: str) -> None:
        """End the waiting time of a generator's account."""
        ...
