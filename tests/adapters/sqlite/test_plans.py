"""Every named query finds its rows by an index; only a search by name, and counts, look at every row."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

FOLDER = Path("core/adapters/sqlite")
QUERIES = dict(
    re.findall(r"-- name: (\w+)[\^!<]*\n(.*?;)\n", FOLDER.joinpath("queries.sql").read_text() + "\n", re.DOTALL)
)
LOOK_AT_ALL = {"find_jobs", "count_jobs"}


@pytest.fixture(scope="module")
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.create_function("fold", 1, str.casefold, deterministic=True)
    connection.executescript(FOLDER.joinpath("schema.sql").read_text())
    return connection


@pytest.mark.parametrize("name", sorted(set(QUERIES) - LOOK_AT_ALL))
def test_no_query_looks_at_every_job(database: sqlite3.Connection, name: str) -> None:
    parameters = dict.fromkeys(re.findall(r"(?<!:):(\w+)", re.sub(r"--.*|'[^']*'", "", QUERIES[name])), "1")
    plan = [row[3] for row in database.execute(f"explain query plan {QUERIES[name]}", parameters)]

    scans = [step for step in plan if re.match(r"SCAN (generated_images|job_events|j|s|g)\b", step)]
    by_rows_of_another_table = [step for step in scans if step.startswith("SCAN s")]  # seen_tasks is small
    assert [step for step in scans if " USING " not in step and step not in by_rows_of_another_table] == [], plan


def test_the_queries_were_found() -> None:
    assert len(QUERIES) > 40
    assert set(QUERIES) >= LOOK_AT_ALL
