"""Whether the file is still the whole table it was: looked at before it is used, and again and again while it is."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

START_LOOK_S = 5.0  # a healthy file of half a gigabyte is read in that time; the rest of a larger one is not waited for
WATCH_LOOK_S = 2.0  # less than writers wait for a reader
STEPS = 10_000  # of SQLite's machine between two looks at the clock: well under a millisecond
# Words for what has an unspecific code. Source: sqlite.org, result codes; SQLite's own messages
FOREIGN_SCHEMA = ("no such table", "no such column", "could not decode", "has no column", "malformed database schema")

WHAT_NOW = (
    "Nothing is sent any more, so nothing new is charged. Finished models are safe in their folder, and what was "
    "already ordered goes on. Stop Maquette, put the job table back from a backup and start again: docs/operations.md, "
    '"When the job table is damaged".'
)
DAMAGED = f"The job table is damaged: a part of its file cannot be read. {WHAT_NOW}"
REPLACED = f"The file of the job table was removed or replaced while Maquette was running. {WHAT_NOW}"
EMPTIED = f"Jobs have vanished from the job table while Maquette was running. {WHAT_NOW}"
NEWER = (
    "The job table was written by a newer version of Maquette, which this one could damage. Nothing is sent, and "
    "nothing was changed. Stop this one and start the newer version."
)


def is_damage(exc: BaseException) -> bool:
    """Whether an error says that the file itself is wrong, and not that it is busy, full or away."""
    if not isinstance(exc, sqlite3.DatabaseError):
        return False
    code = getattr(exc, "sqlite_errorcode", None)  # None: raised by Python's module itself
    if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    return any(words in str(exc).lower() for words in FOREIGN_SCHEMA)


def is_whole(path: Path, *, limit_s: float) -> bool:
    """Read the structure of the whole file, for at most `limit_s` seconds: what is not read by then is not judged.

    Raises: sqlite3.Error, when it cannot be opened or is busy.
    """
    if not path.is_file() or path.stat().st_size == 0:
        return True
    ends_s = time.monotonic() + limit_s
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > ends_s, STEPS)
        try:
            return bool(connection.execute("pragma quick_check(1)").fetchone()[0] == "ok")
        except sqlite3.DatabaseError as exc:
            if getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                return True
            if is_damage(exc):
                return False
            raise


def identity(path: Path) -> tuple[int, int] | None:
    """Which file this is, whatever its name; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
