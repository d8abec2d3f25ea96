"""Supabase tables of every version that ever was: updated by today's file, their jobs are read, go on, and end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.job import Job
from core.domain.status import Stage
from core.ports.job_store import JobQuery
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.clocks import FakeClock
from tests.stores.old_life import Life
from tests.stores.old_versions import (
    BASE_TABLE,
    CONVERSIONS,
    KEPT_KEYS,
    KINDS,
    SUPABASE,
    Version,
    again,
    expected,
    script,
    shown,
    told,
)
from tests.supabase.project import EMPTY_SCHEMA, TEST_CLOCK, UPDATE
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
STATE = """
select jsonb_agg(to_jsonb(t) order by t.id) from public.generated_images t
"""


def make_old(server: SupabaseLite, version: Version) -> None:
    """The project as that version's file left it, with what its servers wrote."""
    server.sql(EMPTY_SCHEMA)
    server.sql(BASE_TABLE)
    server.sql(script(version))
    server.sql(version.file.read_text(encoding="utf-8"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The oldest, and every Nth back from the newest; all of them where nothing is sampled."""
    if "version" in metafunc.fixturenames:
        back = SUPABASE[::-1][:: metafunc.config.getoption("--sweep-every")]
        chosen = [version for version in SUPABASE if version in back or version is SUPABASE[0]]
        metafunc.parametrize("version", chosen, ids=lambda version: version.name, indirect=True, scope="module")


@pytest.fixture(scope="module")
def version(request: pytest.FixtureRequest, new_supabase: SupabaseLite) -> Version:
    found: Version = request.param
    make_old(new_supabase, found)
    return found


@pytest.fixture(scope="module")
def updated(new_supabase: SupabaseLite, version: Version) -> SupabaseLite:
    """After today's file, run twice as an operator may."""
    new_supabase.sql_file(UPDATE)
    once = new_supabase.sql(STATE)
    new_supabase.sql_file(UPDATE)
    assert new_supabase.sql(STATE) == once
    new_supabase.sql(TEST_CLOCK)
    new_supabase.restart_rest()
    return new_supabase


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(updated: SupabaseLite, clock: FakeClock) -> Iterator[SupabaseJobStore]:
    connection = Connection(updated.url, updated.secret_key)
    updated.sql(f"delete from test_clock; insert into test_clock values ('{clock.now().isoformat()}')")  # noqa: S608

    def follow(now: object) -> None:
        connection.tried(lambda client: client.rpc("test_set_clock", {"p_at": clock.now().isoformat()}).execute())

    clock.followers.append(follow)
    jobs = SupabaseJobStore(connection)
    yield jobs
    jobs.close()


def all_of(jobs: SupabaseJobStore) -> list[Job]:
    return sorted(jobs.find(JobQuery(page_size=100)).jobs, key=lambda job: job.id)


def test_every_job_is_read_as_what_it_is(version: Version, jobs: SupabaseJobStore) -> None:
    found = all_of(jobs)
    names = {job.id: job.target_object for job in found}

    assert [told(job, names) for job in found] == [shown(old, version) for old in expected(version)]


def test_names_are_found_however_they_are_written(version: Version, jobs: SupabaseJobStore) -> None:
    while jobs.fold_names(limit=100):
        pass
    for words, names in (("größe", ["GRÖSSE"]), ("THIMB", ["Thimble"] * 2), ("犬", ["犬"])):
        assert [job.target_object for job in jobs.find(JobQuery(search=words)).jobs] == names


def test_a_key_of_before_still_names_its_job(version: Version, jobs: SupabaseJobStore) -> None:
    known = jobs.job_of_key("key of cup")
    ordered = jobs.job_of_key("key of an order")

    assert (None if ordered is None else ordered.stage) == (Stage.QUEUED if KEPT_KEYS in version.knows else None)
    assert known is not None
    assert known.target_object == "Cup"


def made_again(life: Life, old: Job) -> None:
    """Asked for twice it is one new job, which asks for the same with the same choices."""
    new = life.paid.decide().retry(old.id)
    assert life.paid.decide().retry(old.id) == new
    assert (new.stage, new.retry_of, new.task_id, new.request) == (Stage.QUEUED, old.id, None, old.request)
    changed = {"task": None, "status": "running", "stage": "queued", "progress": 0, "code": None}
    assert told(new, {old.id: old.target_object}) == told(old, {}) | changed | {"again": old.target_object}


def test_what_failed_is_made_again_what_was_under_way_comes_to_its_end_and_nothing_is_ordered_twice(
    version: Version, jobs: SupabaseJobStore, clock: FakeClock, tmp_path: Path
) -> None:
    """The last test of each table: it works on it."""
    life = Life.begin(jobs, clock, tmp_path)
    for name in again(version):
        made_again(life, life.named(name))
    life.go_on()

    ended = life.every()
    wanted = [(old.name, old.ends, Stage.DONE) for old in expected(version)]
    assert [(job.target_object, job.status.value, job.stage) for job in ended] == [
        *wanted,
        *((name, "completed", Stage.DONE) for name in again(version)),
    ]
    ordered = ["No credit", "Sending", "Thimble", "Waiting", "犬", *again(version)]
    ordered += ["Cup"] if CONVERSIONS in version.knows else []
    ordered += ["Chair"] if KINDS in version.knows else []
    assert life.sent() == sorted(ordered)
    before = {job.id: job.task_id for job in life.began if job.task_id is not None}
    assert {job.id: job.task_id for job in ended if job.id in before} == before
    assert life.named("Lost letter").task_id == "old-lost"
