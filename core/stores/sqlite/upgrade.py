"""What newer versions changed about the job table: done to files that an older version made."""

from __future__ import annotations

import re
import sqlite3

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


def bring_up_to_date(db: sqlite3.Connection, schema: str) -> None:
    """Give an older table its new columns and checks, once; a new file is left to the schema.

    Inside a transaction of the caller's, with foreign keys off: a table with other checks can only be made anew.
    """
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
    """How the table is made today."""
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
