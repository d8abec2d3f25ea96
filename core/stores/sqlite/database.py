"""One SQLite file, opened safely, with whole transactions."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.domain.errors import MaquetteError, StorageFull, StoreDamaged, StoreUnavailable
from core.domain.naming import folded
from core.stores.sqlite import soundness
from core.stores.sqlite.clock_jumps import later
from core.stores.sqlite.upgrade import bring_up_to_date, newest_version

log = logging.getLogger(__name__)

SYNCHRONOUS = "full"  # a job that was answered for survives a power cut
BUSY_TIMEOUT_S = 5.0  # another process writes for milliseconds; longer means it hangs
SAFE_WAL = (3, 51, 3)  # older releases can corrupt a file when the log is reset. Source: sqlite.org, release 3.51.3


class Database:
    """A connection that threads of one process take in turn.

    Args:
        path: the file; its folder is made.
        on_write: is called at the beginning of every write transaction, inside it.

    Raises: StoreDamaged when the file is damaged or of a newer version; StoreUnavailable when it cannot be opened.

    Once it was found damaged it stays so for this process: every call is refused.
    """

    def __init__(self, path: Path, *, on_write: Callable[[sqlite3.Connection], None] = lambda db: None) -> None:
        self._path = path
        self._on_write: Callable[[sqlite3.Connection], None] = lambda db: None  # the tables are not there yet
        self._lock = threading.RLock()
        self._damage: str | None = None
        self._failed_write: str | None = None
        self._identity: tuple[int, int] | None = None
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._look(limit_s=soundness.START_LOOK_S)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise
            self._identity = soundness.identity(path)
        self._on_write = on_write

    def _open(self) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.create_function("fold", 1, folded, deterministic=True)
        self._connection.create_function("later", 2, later, deterministic=True)
        wal = sqlite3.sqlite_version_info >= SAFE_WAL
        for pragma in (
            f"journal_mode = {'wal' if wal else 'delete'}",
            f"synchronous = {SYNCHRONOUS}",
            "fullfsync = on",  # macOS: fsync alone ends at the drive's cache; elsewhere without effect
            "checkpoint_fullfsync = on",
            "foreign_keys = off",
        ):
            self._connection.execute(f"pragma {pragma}")
        with self.write() as db:  # all steps or none, and the disk is waited for once
            bring_up_to_date(db)
        self._connection.execute("pragma foreign_keys = on")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement; commits at the end, or nothing happened."""
        with self._lock, self._noted(), self._translated():
            self._connection.execute("begin immediate")
            try:
                self._check_version()
                self._on_write(self._connection)
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

    @property
    def damage(self) -> str | None:
        """Why the table is not used any more, as a sentence; asks nothing."""
        return self._damage

    @property
    def failed_write(self) -> str | None:
        """Why the newest write failed, as a sentence; None when it did not."""
        return self._failed_write

    def look(self) -> None:
        """Whether the file is whole, for a bounded time, on a connection of its own. Raises: as every call."""
        with self._translated():
            self._look(limit_s=soundness.WATCH_LOOK_S)

    def distrust(self, sentence: str) -> StoreDamaged:
        """From now on every call is refused; the error to raise."""
        if self._damage is None:
            log.error("the job table %s is not used any more: %s", self._path.name, sentence)
            self._damage = sentence
        return StoreDamaged(self._damage)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _look(self, *, limit_s: float) -> None:
        if not soundness.is_whole(self._path, limit_s=limit_s):
            raise self.distrust(soundness.DAMAGED)

    def _check_version(self) -> None:
        if self._connection.execute("pragma user_version").fetchone()[0] > newest_version():
            raise self.distrust(soundness.NEWER)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Remember how the newest write ended; a refusal of ours, such as a lost claim, is no failure."""
        try:
            yield
        except (StorageFull, StoreUnavailable) as exc:
            self._failed_write = exc.message
            raise
        except MaquetteError:
            raise
        else:
            self._failed_write = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._damage is not None:
            raise StoreDamaged(self._damage)
        if self._identity is not None and soundness.identity(self._path) != self._identity:
            raise self.distrust(soundness.REPLACED)
        try:
            yield
        except StoreDamaged as exc:
            raise self.distrust(exc.message) from exc
        except (sqlite3.Error, OSError) as exc:
            if soundness.is_damage(exc):
                log.error("the job table %s: %s", self._path.name, exc)
                raise self.distrust(soundness.DAMAGED) from exc
            if isinstance(exc, sqlite3.OperationalError) and "full" in str(exc):
                raise StorageFull(
                    f"The disk that holds {self._path.name} is full, so nothing could be written. Free some space; "
                    "work goes on by itself."
                ) from exc
            log.error("the job table %s cannot be used: %s", self._path, exc)
            reason = exc.strerror if isinstance(exc, OSError) else exc  # without the path
            raise StoreUnavailable(
                f"The job table cannot be used now ({reason}). Check that the folder of DATA_DIR exists, "
                "can be written and is not on a full or disconnected disk."
            ) from exc
