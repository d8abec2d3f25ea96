"""SQLite files of every version that ever was: their jobs are read, go on, are made again, and move."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.domain.errors import IllegalTransition
from core.domain.job import Job
from core.domain.status import Stage, Status
from core.ports.archive import TABLES
from core.ports.job_store import JobQuery
from core.services.migrate import Installation, Migrate
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.archive import SqliteArchive
from core.stores.sqlite.job_store import SqliteJobStore
from tests.clocks import FakeClock
from tests.stores.old_life import MODEL, PICTURE, PICTURES, Life
from tests.stores.old_versions import (
    CONVERSIONS,
    KEPT_KEYS,
    KINDS,
    LINKS,
    SAMPLES,
    SETTLES,
    SQLITE,
    Version,
    again,
    expected,
    shown,
    told,
    write_file,
)

EVERY = pytest.mark.parametrize("version", SQLITE, ids=lambda version: version.name)
AGAIN = [pytest.param(version, name, id=f"{version.name}-{name}") for version in SQLITE for name in again(version)]


@pytest.fixture
def path(version: Version, tmp_path: Path) -> Path:
    path = tmp_path / "maquette.sqlite3"
    write_file(version, path)
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(path: Path, clock: FakeClock) -> Iterator[SqliteJobStore]:
    jobs = SqliteJobStore(path, clock)
    yield jobs
    jobs.close()


@pytest.fixture
def life(jobs: SqliteJobStore, clock: FakeClock, tmp_path: Path) -> Life:
    return Life.begin(jobs, clock, tmp_path)


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as file:
        version = file.execute("pragma user_version").fetchone()[0]
        return [f"pragma user_version = {version}", *file.iterdump()]


def all_of(jobs: SqliteJobStore) -> list[Job]:
    return sorted(jobs.find(JobQuery(page_size=100)).jobs, key=lambda job: job.id)


def test_each_file_is_a_sample() -> None:
    assert [version.file for version in SQLITE] == sorted((SAMPLES / "sqlite").iterdir())


@EVERY
def test_a_sample_is_as_the_version_left_it(version: Version, path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("pragma user_version").fetchone()[0] == version.user_version
        assert file.execute("pragma integrity_check").fetchone()[0] == "ok"
        columns = {row[1] for row in file.execute("pragma table_info(generated_images)")}
    is_newest = version.name >= "11"
    assert ("is_folded" in columns) == (is_newest or version.name.startswith("10"))
    assert ("converted_from" in columns) == (CONVERSIONS in version.knows or is_newest)
    assert ("3d_url" in columns) == (LINKS in version.knows or is_newest)


@EVERY
def test_every_job_is_read_as_what_it_is(version: Version, jobs: SqliteJobStore) -> None:
    found = all_of(jobs)
    names = {job.id: job.target_object for job in found}

    assert [told(job, names) for job in found] == [shown(old, version) for old in expected(version)]


@EVERY
def test_its_events_and_what_was_known_of_the_account_are_kept(version: Version, jobs: SqliteJobStore) -> None:
    cup = next(job for job in all_of(jobs) if job.target_object == "Cup")
    assert [event.after for event in jobs.events(cup.id)] == [
        Stage.QUEUED,
        Stage.SUBMITTING,
        Stage.GENERATING,
        Stage.SAVING,
        Stage.DONE,
    ]
    facts, has_account = jobs.accounts.account_facts("account-1"), SETTLES in version.knows
    assert (facts.echo_seen_at is not None, facts.balance is not None) == (has_account, has_account)
    assert [task.task_id for task in jobs.accounts.orphaned_tasks()] == (["old-stranger"] if has_account else [])


@EVERY
@pytest.mark.parametrize(("words", "names"), [("größe", ["GRÖSSE"]), ("THIMB", ["Thimble"] * 2), ("犬", ["犬"])])
def test_names_are_found_however_they_are_written(
    version: Version, jobs: SqliteJobStore, words: str, names: list[str]
) -> None:
    assert [job.target_object for job in jobs.find(JobQuery(search=words)).jobs] == names


@EVERY
def test_a_key_of_before_still_names_its_job(version: Version, jobs: SqliteJobStore) -> None:
    known = jobs.job_of_key("key of cup")
    ordered = jobs.job_of_key("key of an order")

    assert (None if ordered is None else ordered.stage) == (Stage.QUEUED if KEPT_KEYS in version.knows else None)
    assert known is not None
    assert (known.target_object, known.status) == ("Cup", Status.COMPLETED)


@EVERY
def test_opened_again_nothing_changes_any_more(version: Version, path: Path) -> None:
    SqliteJobStore(path, FakeClock()).close()
    once = dump(path)
    SqliteJobStore(path, FakeClock()).close()

    assert dump(path) == once


@EVERY
def test_the_opened_file_is_as_a_new_one_is(version: Version, path: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.sqlite3"
    for each in (path, new):
        SqliteJobStore(each, FakeClock()).close()
    with closing(sqlite3.connect(path)) as old_file, closing(sqlite3.connect(new)) as new_file:
        assert _shape(old_file) == _shape(new_file)
        assert old_file.execute("pragma foreign_key_check").fetchall() == []
        assert old_file.execute("pragma integrity_check").fetchone()[0] == "ok"
        again = old_file.execute("select max(id) + 1 from generated_images").fetchone()[0]
    jobs = SqliteJobStore(path, FakeClock())
    assert max(job.id for job in all_of(jobs)) + 1 == again
    jobs.close()


def _shape(file: sqlite3.Connection) -> dict[str, object]:
    """Columns with all that holds for them, by name, and the indexes: the order of columns is of no account."""
    tables = [row[0] for row in file.execute("select name from sqlite_master where type = 'table'")]
    columns = {table: sorted(row[1:] for row in file.execute(f"pragma table_info({table})")) for table in tables}
    references = {
        table: sorted(row[2:5] for row in file.execute(f"pragma foreign_key_list({table})")) for table in tables
    }
    indexes = sorted(row for row in file.execute("select name, sql from sqlite_master where type = 'index'") if row[1])
    return {"columns": columns, "references": references, "indexes": indexes}


@EVERY
def test_what_was_under_way_comes_to_its_end_and_nothing_is_ordered_twice(version: Version, life: Life) -> None:
    life.go_on()

    ended = life.every()
    assert [(job.target_object, job.status.value, job.stage) for job in ended] == [
        (old.name, old.ends, Stage.DONE) for old in expected(version)
    ]
    ordered = ["No credit", "Sending", "Thimble", "Waiting", "犬"]
    ordered += ["Cup"] if CONVERSIONS in version.knows else []
    ordered += ["Chair"] if KINDS in version.knows else []
    assert life.sent() == sorted(ordered)
    before = {job.id: job.task_id for job in life.began if job.task_id is not None}
    assert {job.id: job.task_id for job in ended if job.id in before} == before
    assert life.named("Lost letter").task_id == "old-lost"
    without_model = {job.target_object for job in ended if job.model is None}
    assert without_model == {*again(version), *({"Dog"} & {job.target_object for job in ended})}


@pytest.mark.parametrize(("version", "name"), AGAIN)
def test_one_without_a_model_is_made_again_with_the_same_choices(version: Version, life: Life, name: str) -> None:
    old = life.named(name)
    again = life.paid.decide().retry(old.id)

    assert life.paid.decide().retry(old.id) == again
    assert (again.stage, again.retry_of, again.task_id) == (Stage.QUEUED, old.id, None)
    changed = {"task": None, "status": "running", "stage": "queued", "progress": 0, "code": None, "again": name}
    assert told(again, {old.id: name}) == told(old, {}) | changed
    life.go_on()
    assert life.jobs.get(again.id).status is Status.COMPLETED


@EVERY
def test_a_finished_model_is_converted_where_its_account_is_known(version: Version, life: Life) -> None:
    cup = life.named("Cup")
    if SETTLES not in version.knows:
        with pytest.raises(IllegalTransition, match="another Tripo key"):
            life.convert().order(cup.id)
        return
    plain, quads = life.convert().order(cup.id), life.convert().order(cup.id, quad=True, face_limit=777)

    assert (plain.created, quads.created) == (CONVERSIONS not in version.knows, True)
    life.go_on()
    made = life.jobs.get(quads.job.id)
    assert (made.status, made.model and made.model.kind) == (Status.COMPLETED, "fbx")


@EVERY
def test_the_whole_table_moves_to_another_store_as_it_is(version: Version, path: Path, tmp_path: Path) -> None:
    source, target = _installation(path), _installation(tmp_path / "there" / "maquette.sqlite3")
    for job in all_of(source.jobs):
        if job.model is not None:
            source.objects.put(job.model.key, MODEL, media_type="model/gltf-binary")
    before = all_of(source.jobs)

    moved = Migrate(source=source, target=target, progress=_Silent(), generators=("tripo", "comfyui", "offline")).run()

    assert moved.missing == ()
    assert moved.rows["generated_images"] == len(before) == len(expected(version))
    assert all_of(target.jobs) == before
    for job in before:
        assert target.jobs.events(job.id) == source.jobs.events(job.id)
    for side in (source, target):
        side.jobs.close()
        side.archive.close()


def _installation(path: Path) -> Installation:
    objects = LocalObjectStore(path.parent / "files")
    for key in PICTURES:
        objects.put(key, PICTURE, media_type="image/jpeg")
    return Installation(
        name=str(path), jobs=SqliteJobStore(path, FakeClock()), archive=SqliteArchive(path), objects=objects
    )


class _Silent:
    def begin(self, what: str, total: int) -> None:
        assert what in {*TABLES, "files"}

    def advance(self, count: int) -> None:
        pass
