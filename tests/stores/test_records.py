"""Rows as they move between stores: all that has a meaning goes along, and every store writes it the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from core.ports.archive import JOBS, TABLES
from core.stores.records import COLUMNS, DECIMALS, FLOATS, OBJECTS, TIMES, to_record
from core.stores.sqlite.upgrade import bring_up_to_date

OF_THE_STORE = {"change_number", "folded_name", "is_folded"}  # counted or folded anew where the row arrives
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_the_table_moves_but_those_of_the_store_itself(table: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.row_factory = sqlite3.Row
        db.create_function("fold", 1, str.casefold, deterministic=True)
        bring_up_to_date(db)
        there = [row["name"] for row in db.execute(f"pragma table_info({table})")]

    assert sorted(COLUMNS[table]) == sorted(set(there) - OF_THE_STORE)
    assert TABLES[table].key in there


def test_the_kinds_of_columns_are_those_of_columns_that_move() -> None:
    moved = {name for columns in COLUMNS.values() for name in columns}

    assert TABLES.keys() == COLUMNS.keys()
    assert moved >= TIMES | DECIMALS | FLOATS | OBJECTS
    assert not TIMES & DECIMALS | TIMES & OBJECTS | DECIMALS & FLOATS


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("balance_at", "2026-01-02T12:00:00", "2026-01-02T12:00:00.000000+00:00"),
        ("balance_at", NOON.astimezone(timezone(timedelta(hours=5))), "2026-01-02T12:00:00.000000+00:00"),
        ("balance_at", "2026-01-02T13:00:00.5+01:00", "2026-01-02T12:00:00.500000+00:00"),
        ("balance", "100.00", "100"),
        ("balance", 12.5, "12.5"),
        ("held", Decimal("3E+2"), "300"),
        ("held", None, None),
        ("account", "2026-01-02T12:00:00", "2026-01-02T12:00:00"),
    ],
)
def test_a_value_reads_the_same_however_a_store_gives_it(name: str, value: Any, written: Any) -> None:
    row = dict.fromkeys(COLUMNS["account_facts"]) | {name: value}

    assert to_record("account_facts", row)[name] == written


@pytest.mark.parametrize(("link", "file"), [("image_url", "image"), ("3d_url", "model")])
def test_a_link_to_a_file_of_ours_stays_behind_and_any_other_moves(link: str, file: str) -> None:
    row = dict.fromkeys(COLUMNS[JOBS]) | {link: "https://old.example/cup"}

    assert to_record(JOBS, row)[link] == "https://old.example/cup"
    assert to_record(JOBS, row | {file: {"key": "cup"}})[link] is None
    assert to_record(JOBS, row | {"usage_lag_s": 3})["usage_lag_s"].hex() == (3.0).hex()
