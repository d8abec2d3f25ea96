"""Every named query finds its rows by an index; a search by name reads the index of names alone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.stores.sqlite.upgrade import bring_up_to_date

FOLDER = Path("core/stores/sqlite")
QUERIES = dict(
    re.findall(r"-- name: (\w+)[\^!<]*\n(.*?;)\n", FOLDER.joinpath("queries.sql").read_text() + "\n", re.DOTALL)
)
WALKS_FROM_THE_NEWEST = {"newest_jobs"}  # and stops after a page


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_function("fold", 1, str.casefold, deterministic=True)
        bring_up_to_date(connection)
        yield connection


@pytest.mark.parametrize("name", sorted(set(QUERIES) - WALKS_FROM_THE_NEWEST))
def test_no_query_looks_at_every_job(database: sqlite3.Connection, name: str) -> None:
    parameters = dict.fromkeys(re.findall(r"(?<!:):(\w+)", re.sub(r"--.*|'[^']*'", "", QUERIES[name])), "1")
    plan = [row[3] for row in database.execute(f"explain query plan {QUERIES[name]}", parameters)]

    scans = [step for step in plan if re.match(r"SCAN (generated_images|job_events|j|g)\b", step)]
    assert [step for step in scans if " USING " not in step] == [], plan


def test_the_queries_were_found() -> None:
    assert len(QUERIES) > 40
    assert {"find_jobs", "changed_after", "queued_of_category"} <= set(QUERIES)
