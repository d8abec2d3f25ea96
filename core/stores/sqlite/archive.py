"""The Archive port on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from core.domain.errors import MigrationRefused, StoreDamaged, StoreUnavailable
from core.ports.archive import JOBS, TABLES, Key, Record
from core.stores.records import COLUMNS, OBJECTS, to_record
from core.stores.sqlite import soundness
from core.stores.sqlite.database import Database
from core.stores.sqlite.upgrade import newest_version

NEXT_CHANGE = "(select coalesce(max(change_number), 0) + 1 from generated_images)"


class SqliteArchive:
    """A connection of its own to the file. Raises: StoreUnavailable."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def count(self, table: str) -> int:
        with self._database.read() as db:
            return _count(db, table)

    def read(self, table: str, *, after: Key, limit: int) -> list[Record]:
        with self._database.read() as db:
            return _read(db, table, after, limit)

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
                try:
                    db.execute(command, [*values, record["target_object"]] if more[0] else values)
                except sqlite3.IntegrityError as exc:
                    raise MigrationRefused(_why_not(table, record, exc)) from exc

    def name_installation(self, name: str) -> None:
        with self._database.write() as db:
            db.execute("insert or replace into installation (only_row, id) values (1, ?)", (name,))

    def resume(self, generator: str) -> None:
        with self._database.write() as db:
            db.execute("delete from account_state where generator = ?", (generator,))

    def close(self) -> None:
        self._database.close()


class SqliteRows:
    """The rows of a file that is only read: it is neither made nor brought up to date.

    Raises: StoreUnavailable, StoreDamaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise StoreUnavailable(f"There is no job table {path}. Check DATA_DIR.")
        with self._opened() as db:
            version = db.execute("pragma user_version").fetchone()[0]
        if version > newest_version():
            raise StoreDamaged(soundness.NEWER)
        if version < newest_version():
            raise StoreUnavailable("The job table is of an older version. Start this version once, which updates it.")

    def count(self, table: str) -> int:
        with self._opened() as db:
            return _count(db, table)

    def read(self, table: str, *, after: Key, limit: int) -> list[Record]:
        with self._opened() as db:
            return _read(db, table, after, limit)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                db.row_factory = sqlite3.Row
                yield db
        except sqlite3.Error as exc:
            if soundness.is_damage(exc):
                raise StoreDamaged(soundness.DAMAGED) from exc
            raise StoreUnavailable(f"The job table {self._path} cannot be read now ({exc}).") from exc


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"select count(*) from {_known(table)}").fetchone()[0])  # noqa: S608


def _read(db: sqlite3.Connection, table: str, after: Key, limit: int) -> list[Record]:
    key = TABLES[table].key
    query = f"select * from {_known(table)} where {key} > ? order by {key} limit ?"  # noqa: S608
    rows = db.execute(query, (after, limit)).fetchall()
    return [to_record(table, {name: _from_text(name, row[name]) for name in COLUMNS[table]}) for row in rows]


def _known(table: str) -> str:
    if table not in TABLES:
        raise ValueError(f"Not a table that moves: {table!r}.")
    return table


def _from_text(name: str, value: Any) -> Any:
    return json.loads(value) if value is not None and name in OBJECTS else value


def _why_not(table: str, record: Record, exc: sqlite3.IntegrityError) -> str:
    key = TABLES[table].key
    if str(exc) == f"UNIQUE constraint failed: {JOBS}.task_id":
        return (
            f"Job {record[key]} has the same task ({record['task_id']}) as another job, which a table in SQLite cannot "
            "hold. Nothing is lost; the move is not complete. Empty task_id in this row, and run this again."
        )
    return (
        f"The row of {table} with {key} {record[key]} cannot be written to SQLite: {exc}. Mend it and run this again."
    )


def _to_text(name: str, value: Any) -> Any:
    return json.dumps(value) if value is not None and name in OBJECTS else value
