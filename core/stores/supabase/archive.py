"""The Archive port on Supabase."""

from __future__ import annotations

import json
from collections.abc import Sequence

from postgrest.types import CountMethod

from core.domain.naming import folded
from core.ports.archive import JOBS, TABLES, Key, Record
from core.stores.records import to_record
from core.stores.supabase.connection import Connection


class SupabaseArchive:
    """Reads the tables themselves; writes by one function of the database, a batch in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def count(self, table: str) -> int:
        key = TABLES[table].key
        found = self._db.tried(
            lambda client: client.table(table).select(key, count=CountMethod.exact).limit(1).execute()
        )
        return int(found.count or 0)

    def read(self, table: str, *, after: Key, limit: int) -> list[Record]:
        key = TABLES[table].key
        found = self._db.tried(
            lambda client: client.table(table).select("*").gt(key, after).order(key).limit(limit).execute()
        )
        return [to_record(table, row) for row in found.data]  # type: ignore[arg-type]

    def restore(self, table: str, records: Sequence[Record]) -> None:
        rows = [row | {"folded_name": folded(row["target_object"])} if table == JOBS else row for row in records]
        self._db.call("restore", p_table=table, p_rows=json.dumps(rows))

    def name_installation(self, name: str) -> None:
        self._db.call("name_installation", p_id=name)

    def resume(self, generator: str) -> None:
        self._db.tried(lambda client: client.table("account_state").delete().eq("generator", generator).execute())
