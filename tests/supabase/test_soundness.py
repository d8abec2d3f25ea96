"""A project whose table was emptied, exchanged or is of another version: nothing is added or claimed there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from core.domain.errors import StoreDamaged, StoreUnavailable
from core.stores.supabase import soundness
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import EVERY_SLOT, new_job
from tests.supabase.project import UPDATE
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
OURS = soundness.SCHEMA_VERSION


def empty(project: SupabaseLite) -> None:
    project.sql("truncate generated_images, job_events restart identity cascade")


@pytest.fixture
def make_jobs(project: SupabaseLite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SupabaseJobStore]]:
    monkeypatch.setattr(soundness, "FRESH_S", -1.0)  # each call looks, as a call a minute later does
    made: list[SupabaseJobStore] = []

    def make(**more: bool) -> SupabaseJobStore:
        remains = more.get("remains", False)
        made.append(SupabaseJobStore(Connection(project.url, project.secret_key), has_remains=lambda: remains))
        return made[-1]

    empty(project)
    yield make
    for jobs in made:
        jobs.close()


def is_refused(jobs: SupabaseJobStore, words: str) -> None:
    for verb in (
        lambda: jobs.add(new_job()),
        lambda: jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1),
        jobs.check,
    ):
        with pytest.raises(StoreDamaged, match=words) as told:
            verb()
        assert jobs.damage() == told.value.message
        assert "Nothing is sent" in told.value.message


def test_an_empty_table_is_refused_where_earlier_jobs_left_something_and_accepted_elsewhere(
    make_jobs: Callable[..., SupabaseJobStore],
) -> None:
    jobs = make_jobs(remains=True)
    is_refused(jobs, "empty.*START_EMPTY")

    make_jobs().add(new_job())
    assert jobs.add(new_job()).created  # the rows are back: it goes on by itself
    assert jobs.damage() is None


def test_a_table_that_is_emptied_or_exchanged_while_a_server_runs_is_refused(
    project: SupabaseLite, make_jobs: Callable[..., SupabaseJobStore]
) -> None:
    jobs = make_jobs()
    for _ in range(3):
        jobs.add(new_job())
    jobs.check()
    empty(project)

    is_refused(jobs, "vanished")
    make_jobs().add(new_job())
    is_refused(jobs, "vanished")


def tell(project: SupabaseLite, **state: int) -> None:
    """The table says this of itself."""
    told = json.dumps(state | {"newest": 1, "version": 1})
    project.sql(
        "create or replace function public.maquette_table_state() returns jsonb language sql stable "
        f"as $$ select '{told}'::jsonb $$"
    )


OLDER: dict[str, dict[str, int]] = {"without a number": {}, "one before": {"schema": OURS - 1, "serves": OURS - 2}}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        *((state, "older version") for state in OLDER.values()),
        ({"schema": OURS + 2, "serves": OURS + 1}, "newer version"),
    ],
    ids=[*OLDER, "two after"],
)
def test_a_table_of_another_version_stops_sending_until_it_is_of_ours(
    state: dict[str, int], words: str, project: SupabaseLite, make_jobs: Callable[..., SupabaseJobStore]
) -> None:
    jobs = make_jobs()
    jobs.add(new_job())
    tell(project, **state)
    is_refused(jobs, words)

    project.sql_file(UPDATE)
    assert jobs.add(new_job()).created
    assert jobs.damage() is None


def test_a_newer_table_that_still_serves_this_server_is_used(
    project: SupabaseLite, make_jobs: Callable[..., SupabaseJobStore]
) -> None:
    jobs = make_jobs()
    tell(project, schema=OURS + 1, serves=OURS)

    assert jobs.add(new_job()).created
    assert jobs.damage() is None
    project.sql_file(UPDATE)


def test_the_table_tells_the_number_that_this_server_knows_and_serves_the_one_before(project: SupabaseLite) -> None:
    assert int(project.sql("select public.maquette_schema_version()")) == OURS
    state = json.loads(project.sql("select public.maquette_table_state()"))
    assert (state["schema"], state["version"]) == (OURS, 1)
    assert state["serves"] <= OURS - 1


def test_a_table_without_the_function_asks_for_the_update(
    project: SupabaseLite, make_jobs: Callable[..., SupabaseJobStore]
) -> None:
    jobs = make_jobs()
    project.sql("drop function public.maquette_table_state()")
    project.restart_rest()
    with pytest.raises(StoreUnavailable, match="SQL editor"):
        jobs.add(new_job())

    project.sql_file(UPDATE)
    project.restart_rest()
    assert jobs.add(new_job()).created


def test_a_project_that_takes_no_writes_is_known_by_its_next_sign_of_life(
    project: SupabaseLite, make_jobs: Callable[..., SupabaseJobStore]
) -> None:
    jobs = make_jobs()
    jobs.beat(owner="a")
    assert jobs.failed_write() is None
    project.sql("revoke insert, update on public.scheduler_heartbeats from service_role")
    with pytest.raises(StoreUnavailable):
        jobs.beat(owner="a")
    assert jobs.failed_write()

    project.sql("grant insert, update on public.scheduler_heartbeats to service_role")
    jobs.beat(owner="a")
    assert jobs.failed_write() is None
