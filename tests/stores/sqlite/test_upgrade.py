"""A job table of the first version goes on with this one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from core.domain.job import Category
from core.domain.status import Stage
from core.ports.job_store import JobQuery
from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import EVERY_SLOT, intent, new_job
from tests.clocks import FakeClock

FIRST = Path(__file__).with_name("first_schema.sql").read_text(encoding="utf-8")


def columns(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database, database:
        return {row[1] for row in database.execute("pragma table_info(generated_images)")}


OLD_JOB = (
    "insert into generated_images (session_id, target_object, iteration, status, stage, created_at, updated_at, "
    "generator, category, options, retry_of) values ('s', ?, 1, 'running', 'queued', "
    "'2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00', 'tripo', 'standard', '{}', ?)"
)


EVENTS = (
    "create table job_events (id integer primary key autoincrement, job_id integer not null "
    "references generated_images (id), at text not null, before text, after text not null, status text not null, "
    "attempt integer not null, task_id text, error_code text, note text not null) strict"
)


def test_an_older_table_gets_the_checks_of_today_and_keeps_its_rows_events_and_references(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(FIRST)
        database.execute(OLD_JOB, ("Old cup", None))
        database.execute(OLD_JOB, ("Old cup again", 1))
        database.execute(EVENTS)
        database.execute(
            "insert into job_events (job_id, at, after, status, attempt, note) "
            "values (2, '2026-01-01T00:00:00.000000+00:00', 'queued', 'running', 0, 'Waiting.')"
        )

    jobs = SqliteJobStore(path, FakeClock())
    added = jobs.add(new_job(category=Category.CONVERT, converted_from=1)).job

    assert (added.id, added.category, jobs.get(2).retry_of) == (3, Category.CONVERT, 1)
    assert [event.note for event in jobs.events(2)] == ["Waiting."]
    assert [job.id for job in jobs.conversions(1)] == [3]
    jobs.close()
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute("pragma foreign_key_check").fetchall() == []
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_table_of_the_first_version_gets_the_columns_and_keeps_its_jobs(tmp_path: Path) -> None:
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    with closing(sqlite3.connect(old)) as database, database:
        database.executescript(FIRST)
        database.execute(
            "insert into generated_images (session_id, target_object, iteration, status, stage, created_at, "
            "updated_at, generator, category, options) values ('s', 'Old cup', 1, 'running', 'queued', "
            "'2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00', 'tripo', 'standard', '{}')"
        )
    for path in (old, old, new):  # any number of times
        SqliteJobStore(path, FakeClock()).close()
    assert columns(old) == columns(new)

    jobs = SqliteJobStore(old, FakeClock())
    (job,) = jobs.find(JobQuery()).jobs
    assert (job.target_object, job.stage, job.settle_scans) == ("Old cup", Stage.QUEUED, 0)
    jobs.add(new_job())
    claimed = jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    assert jobs.mark_submitting(claimed.claim, intent(account="x")).account == "x"
    jobs.close()


def test_a_number_of_a_row_that_was_removed_is_not_given_again_by_the_table_of_today(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(FIRST)
        for _ in range(3):
            database.execute(OLD_JOB, ("Old cup", None))
        database.execute("delete from generated_images where id > 1")

    jobs = SqliteJobStore(path, FakeClock())
    assert jobs.add(new_job()).job.id == 4
    jobs.close()
