"""The Archive port on SQLite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.ports.archive import JOBS, TABLES, Key, Record
from core.stores.records import COLUMNS, OBJECTS, to_record
from core.stores.sqlite.database import Database

NEXT_CHANGE = "(select coalesce(max(change_number), 0) + 1 from generated_images)"


class SqliteArchive:
    """A connection of its own to the file. Raises: StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def count(self, table: str) -> int:
        with self._database.read() as db:
            return int(db.execute(f"select count(*) from {_known(table)}").fetchone()[0])  # noqa: S608

    def read(self, table: str, *, after: Key, limit: int) -> list[Record]:
        key = TABLES[table].key
        query = f"select * from {_known(table)} where {key} > ? order by {key} limit ?"  # noqa: S608
        with self._database.read() as db:
            rows = db.execute(query, (after, limit)).fetchall()
        return [to_record(table, {name: _from_text(name, row[name]) for name in COLUMNS[table]}) for row in rows]

    def restore(self, table: str, records: Sequence[Record]) -> None:
        columns = COLUMNS[table]
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" for _ in columns)
        more = ("", "")
        if table == JOBS:
            more = (", folded_name, is_folded, change_number", f", fold(?), 1, {NEXT_CHANGE}")
        command = (
            f"insert into {_known(table)} ({names}{more[0]}) values ({marks}{more[1]}) "  # noqa: S608
            f"on conflict ({TABLES[table].key}) do nothing"
        )
        with self._database.write() as db:
            for record in records:
                values = [_to_text(name, record[name]) for name in columns]
                db.execute(command, [*values, record["target_object"]] if more[0] else values)

    def name_installation(self, name: str) -> None:
        with self._database.write() as db:
            db.execute("insert or replace into installation (only_row, id) values (1, ?)", (name,))

    def resume(self, generator: str) -> None:
        with self._database.write() as db:
            db.execute("delete from account_state where generator = ?", (generator,))

    def close(self) -> None:
        self._database.close()


def _known(table: str) -> str:
    if table not in TABLES:
        raise ValueError(f"Not a table that moves: {table!r}.")
    return table


def _from_text(name: str, value: Any) -> Any:
    return json.loads(value) if value is not None and name in OBJECTS else value


def _to_text(name: str, value: Any) -> Any:
    return json.dumps(value) if value is not None and name in OBJECTS else value
