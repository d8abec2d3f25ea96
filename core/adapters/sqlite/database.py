"""One SQLite file, opened safely, with whole transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.adapters.sqlite.upgrade import bring_up_to_date
from core.domain.errors import StorageFull, StoreUnavailable

SCHEMA = Path(__file__).with_name("schema.sql")
SYNCHRONOUS = "full"  # a job that was answered for survives a power cut
BUSY_TIMEOUT_S = 5.0  # another process writes for milliseconds; longer means it hangs
SAFE_WAL = (3, 51, 3)  # older releases can corrupt a file when the log is reset. Source: sqlite.org, release 3.51.3


class Database:
    """A connection that threads of one process take in turn.

    Args:
        path: the file; its folder is made.

    Raises: StoreUnavailable when the file cannot be opened or is not a database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.create_function("fold", 1, str.casefold, deterministic=True)
            wal = sqlite3.sqlite_version_info >= SAFE_WAL
            for pragma in (
                f"journal_mode = {'wal' if wal else 'delete'}",
                f"synchronous = {SYNCHRONOUS}",
                "foreign_keys = off",
            ):
                self._connection.execute(f"pragma {pragma}")
            schema = SCHEMA.read_text(encoding="utf-8")
            with self.write() as db:
                bring_up_to_date(db, schema)
            self._create_tables(schema)
            self._connection.execute("pragma foreign_keys = on")

    def _create_tables(self, schema: str) -> None:
        """All or none, and the disk is waited for once."""
        try:
            self._connection.executescript(f"begin immediate;\n{schema}\ncommit;")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement; commits at the end, or nothing happened."""
        with self._lock, self._translated():
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the whole table."""
        with self._lock, self._translated():
            self._connection.execute("begin")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            if isinstance(exc, sqlite3.OperationalError) and "full" in str(exc):
                raise StorageFull(
                    f"The disk that holds {self._path.name} is full, so nothing could be written. Free some space; "
                    "work goes on by itself."
                ) from exc
            raise StoreUnavailable(
                f"The job table in {self._path} cannot be used now ({exc}). Check that the folder exists, "
                "can be written and is not on a full or disconnected disk."
            ) from exc
