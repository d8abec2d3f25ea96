"""A job table of before comes forward, by numbered steps; tests/stores/test_old_files.py has all of them."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from core.domain.errors import StoreDamaged
from core.domain.request import Conversion
from core.domain.status import Stage
from core.ports.job_store import JobQuery
from core.stores.sqlite import upgrade
from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import EVERY_SLOT, Category, intent, new_job
from tests.clocks import FakeClock
from tests.stores.old_versions import SQLITE, Version, write_file

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
    added = jobs.add(new_job(category=Category.CONVERT, conversion=Conversion(task_id="t"), source=1)).job

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


# A step that was released is done to no file again, so a change of it would reach new files only.
RELEASED = {
    "002_tables.sql": "4b79a93725c36d9b5dcf3e250f0a39fe25c4b0afd3c16f413b620e8251dc549a",
    "004_request_keys.sql": "83442a28fc1520bd7e4fb94cc8ebeadc755483e11203e8286a0e81cd2f1fe9b6",
    "003_kinds.sql": "9dd1303d01b23e88bcf7962e7e030769622a749dab89730188669bf3110db774",
}
OLD_FILES = pytest.mark.parametrize(
    "version", [SQLITE[0], SQLITE[8], SQLITE[11], SQLITE[12]], ids=lambda version: version.name
)


def with_step(folder: Path, name: str, sql: str) -> Path:
    """The steps of today and one more."""
    folder.mkdir()
    for step in upgrade.FOLDER.glob("*.sql"):
        (folder / step.name).write_bytes(step.read_bytes())
    (folder / name).write_text(sql)
    return folder


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [str(database.execute("pragma user_version").fetchone()[0]), *database.iterdump()]


def test_steps_are_numbered_one_after_the_other_and_a_released_one_stays_as_it_is() -> None:
    files = sorted(upgrade.FOLDER.iterdir())
    assert [int(file.name[:3]) for file in files] == list(range(2, 2 + len(files)))

    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert {name: found.get(name) for name in RELEASED} == RELEASED, "write a step with the next number instead"


@OLD_FILES
def test_a_later_step_is_done_once_to_old_files_and_to_new_ones(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, number = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3", upgrade.newest_version() + 1
    step = "alter table generated_images add column colour text;\nupdate generated_images set colour = 'grey';\n"
    write_file(version, old)
    SqliteJobStore(old, FakeClock()).close()  # of today: it has come as far as the newest step
    monkeypatch.setattr(upgrade, "FOLDER", with_step(tmp_path / "steps", f"{number:03}_colour.sql", step))
    for path in (old, new):
        for _ in range(2):
            SqliteJobStore(path, FakeClock()).close()
        assert content(path)[0] == str(number)
        assert "colour" in columns(path)
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("select distinct colour from generated_images").fetchall() == [("grey",)]

    monkeypatch.undo()
    with pytest.raises(StoreDamaged, match="newer version"):
        SqliteJobStore(old, FakeClock())


@OLD_FILES
def test_when_a_step_fails_the_file_is_as_it_was(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.sqlite3"
    write_file(version, path)
    before = content(path)
    step = "alter table generated_images add column colour text;\ninsert into nowhere values (1);\n"
    with monkeypatch.context() as patch:
        number = upgrade.newest_version() + 1
        patch.setattr(upgrade, "FOLDER", with_step(tmp_path / "steps", f"{number:03}_colour.sql", step))
        with pytest.raises(StoreDamaged):
            SqliteJobStore(path, FakeClock())

    assert content(path) == before
    SqliteJobStore(path, FakeClock()).close()
    assert content(path)[0] == str(upgrade.newest_version())


@OLD_FILES
def test_two_processes_that_open_an_old_file_at_once_bring_it_forward_once(version: Version, tmp_path: Path) -> None:
    path, alone = tmp_path / "old.sqlite3", tmp_path / "alone.sqlite3"
    for each in (path, alone):
        write_file(version, each)
    SqliteJobStore(alone, FakeClock()).close()
    ready, failed = threading.Barrier(4), []

    def open_it() -> None:
        try:
            ready.wait()
            SqliteJobStore(path, FakeClock()).close()
        except Exception as exc:  # noqa: BLE001  (any is a failure of the test)
            failed.append(exc)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert content(path) == content(alone)
