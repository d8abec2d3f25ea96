"""What happens to the table when somebody sets the machine's clock: every time that work waits for moves along.

A SQLite file belongs to one machine, and that machine has a clock nobody can set: the one since it was started. How far
the two are apart is noted in the table. When it changes, leases, waits and due times are moved by as much, so that
nothing waits longer, and nothing is thought to be over earlier, than it was written.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.ports.clock import Clock
from core.stores.rows import needed_time, to_text

JUMP_S = 2.0  # more than a clock is slewed by between two notes, less than anybody waits for
NOTE_S = 5.0  # the note is renewed as often as this while there is work
BOOKED = ("send_by", "usage_missed_at")  # of jobs that have ended and whose row in usage is awaited
MOVED = (*BOOKED, "lease_until", "not_before", "next_poll_at", "hint_at", "missed_since", "started_at", "scanned_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look at both clocks, and what it says against the note."""

    now: datetime
    offset_s: float
    boot_id: str
    jump_s: float = 0.0
    is_due: bool = True
    is_rebooted: bool = False


def later(text: str | None, seconds: float) -> str | None:
    """For SQL: a time moved by some seconds."""
    return None if text is None else to_text(needed_time(text) + timedelta(seconds=seconds))


def jump_s(db: sqlite3.Connection, clock: Clock) -> float:
    """By how many seconds the clock was set since the table moved along; for readers, who cannot move it."""
    return _look(db, clock).jump_s


def follow(db: sqlite3.Connection, clock: Clock) -> None:
    """Move the table along; inside a write transaction, before anything else in it."""
    look = _look(db, clock)
    if not look.is_due:
        return
    if look.jump_s:
        _move(db, look.jump_s)
    if look.is_rebooted:
        # what the clock did meanwhile is unknown: absence of a task counts from now on
        db.execute(
            "update generated_images set send_by = max(send_by, ?) where stage in ('submitting', 'uncertain')",
            (to_text(look.now),),
        )
    db.execute(
        "insert into store_clock (only_row, boot_id, offset_s, seen_at) values (1, ?, ?, ?) "
        "on conflict (only_row) do update set boot_id = excluded.boot_id, offset_s = excluded.offset_s, "
        "seen_at = excluded.seen_at",
        (look.boot_id, look.offset_s, to_text(look.now)),
    )


def _look(db: sqlite3.Connection, clock: Clock) -> _Look:
    now = clock.now()
    offset_s = (now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() - clock.boot_s()
    look = _Look(now=now, offset_s=offset_s, boot_id=clock.boot_id)
    row = db.execute("select boot_id, offset_s, seen_at from store_clock").fetchone()
    if row is None:
        return look
    age_s = (now - needed_time(row["seen_at"])).total_seconds()
    if row["boot_id"] == look.boot_id and look.boot_id:
        moved_s = offset_s - row["offset_s"]
        is_jump = abs(moved_s) > JUMP_S
        is_due = is_jump or not 0 <= age_s < NOTE_S
        return _Look(
            now=now, offset_s=offset_s, boot_id=look.boot_id, jump_s=moved_s if is_jump else 0.0, is_due=is_due
        )
    # another start of the machine: only a clock that runs behind the note is known to have been set
    back_s = age_s if age_s < -JUMP_S else 0.0
    return _Look(
        now=now,
        offset_s=offset_s,
        boot_id=look.boot_id,
        jump_s=back_s,
        is_due=bool(back_s) or age_s >= NOTE_S or row["boot_id"] != look.boot_id,
        is_rebooted=row["boot_id"] != look.boot_id,
    )


def _move(db: sqlite3.Connection, seconds: float) -> None:
    values = {"seconds": seconds}
    for columns, rows in ((MOVED, "stage <> 'done'"), (BOOKED, "stage = 'done' and usage_seen_at is null")):
        changes = ", ".join(f"{name} = later({name}, :seconds)" for name in columns)
        db.execute(f"update generated_images set {changes} where {rows}", values)  # noqa: S608
    db.execute("update account_state set calls_after = later(calls_after, :seconds)", values)
    db.execute("update scheduler_heartbeats set at = later(at, :seconds)", values)
