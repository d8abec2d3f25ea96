"""Columns that newer versions added to the job table: given to files that an older version made."""

from __future__ import annotations

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
)


def add_columns(db: sqlite3.Connection) -> None:
    """Add what is missing, once; a new file is left to the schema. Inside a transaction of the caller's.

    The checks of a table stay those of the version that made it: only an empty one is made anew.
    """
    present = {row["name"] for row in db.execute("pragma table_info(generated_images)")}
    if not present:
        return
    if "3d_url" not in present and db.execute("select 1 from generated_images").fetchone() is None:
        db.execute("drop table generated_images")
        return
    for name, kind in ADDED:
        if name not in present:
            db.execute(f'alter table generated_images add column "{name}" {kind}')
    if "folded_name" not in present:
        db.execute("update generated_images set folded_name = fold(target_object)")
