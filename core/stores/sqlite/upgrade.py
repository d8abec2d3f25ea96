"""The numbered steps that make the job table, and bring a file of an older version forward; there is no way back.

A step is a file migrations/NNN_name.sql; `pragma user_version` says up to which one a job table has come. One with a
higher number than the newest step was written by a newer Maquette, and is not touched.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("migrations")
FIRST_NUMBERED = 2  # files below it, 0 and 1, have different columns under the same number
ADDED = (
    ("intent_at", "text"),
    ("account", "text"),
    ("settle_scans", "integer not null default 0"),
    ("scanned_at", "text"),
    ("cancelled_at", "text"),
    ("hint_at", "text"),
    ("fetch_tries", "integer not null default 0"),
    ("usage_missed_at", "text"),
    ("usage_seen_at", "text"),
    ("usage_lag_s", "real"),
    ("image_url", "text"),
    ("folded_name", "text not null default ''"),
    ("3d_url", "text"),
    ("converted_from", "integer references generated_images (id)"),
    ("is_folded", "integer not null default 0"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    number: int
    sql: str


@functools.cache
def steps(folder: Path) -> tuple[Step, ...]:
    """In the order of their numbers."""
    files = sorted(folder.glob("*.sql"))
    return tuple(Step(number=int(file.name[:3]), sql=file.read_text(encoding="utf-8")) for file in files)


def newest_version() -> int:
    """What `user_version` is once every step was done."""
    return steps(FOLDER)[-1].number


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Do the steps that a file lacks; a new file gets all of them.

    Inside a transaction of the caller's, with foreign keys off: a table with other checks can only be made anew.
    """
    version = int(db.execute("pragma user_version").fetchone()[0])
    for step in steps(FOLDER):
        if step.number <= version:
            continue
        if step.number == FIRST_NUMBERED:
            _give_known_shape(db, step.sql)
        for statement in _statements(step.sql):
            db.execute(statement)
        db.execute(f"pragma user_version = {step.number}")


def _statements(sql: str) -> Iterator[str]:
    """One by one: `executescript` would end the transaction."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _give_known_shape(db: sqlite3.Connection, schema: str) -> None:
    """Give a table from before the numbers the columns and checks of the first numbered step."""
    present = _columns(db)
    if not present:
        return
    for name, kind in ADDED:
        if name not in present:
            db.execute(f'alter table generated_images add column "{name}" {kind}')
    if "is_folded" not in present:
        db.execute("update generated_images set folded_name = fold(target_object), is_folded = 1")
    wanted = _definition(schema)
    if _checks(wanted) != _checks(_stored_definition(db)):
        _make_anew(db, wanted)


def _make_anew(db: sqlite3.Connection, wanted: str) -> None:
    """As SQLite's own documentation has it: a new table beside the old one, which then takes its name."""
    names = ", ".join(f'"{name}"' for name in _columns(db))
    newest = db.execute("select seq from sqlite_sequence where name = 'generated_images'").fetchone()
    db.execute(wanted.replace("generated_images", "generated_images_new", 1))
    db.execute(f"insert into generated_images_new ({names}) select {names} from generated_images")  # noqa: S608
    db.execute("drop table generated_images")
    db.execute("alter table generated_images_new rename to generated_images")
    if newest is not None:  # numbers of rows that were removed are not given again
        db.execute("delete from sqlite_sequence where name = 'generated_images'")
        db.execute("insert into sqlite_sequence (name, seq) values ('generated_images', ?)", (newest["seq"],))


def _columns(db: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in db.execute("pragma table_info(generated_images)")]


def _definition(schema: str) -> str:
    """How a step makes the table."""
    empty = sqlite3.connect(":memory:")
    try:
        empty.executescript(schema)
        return _stored_definition(empty)
    finally:
        empty.close()


def _stored_definition(db: sqlite3.Connection) -> str:
    return str(db.execute("select sql from sqlite_master where name = 'generated_images'").fetchone()[0])


def _checks(definition: str) -> list[str]:
    """What a table holds its rows to, whatever else its text says."""
    code = " ".join(line.partition("--")[0] for line in definition.splitlines())
    return sorted(re.sub(r"\s+", " ", part) for part in re.findall(r"check \((?:[^()]|\([^()]*\))*\)|not null", code))
