"""A program of before that still writes into the table: it is not disturbed, and nothing works on its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.domain.errors import IllegalTransition
from core.domain.status import Stage, Status
from core.ports.job_store import JobQuery
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import EVERY_SLOT, new_job
from tests.supabase.project import TABLES, UPDATE, prepare
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
DOG = "https://old.example/dog.glb"


@pytest.fixture(scope="module")
def server(new_supabase: SupabaseLite) -> SupabaseLite:
    prepare(new_supabase, test_clock=False)
    return new_supabase


@pytest.fixture
def jobs(server: SupabaseLite) -> Iterator[SupabaseJobStore]:
    server.sql(f"truncate {TABLES} restart identity cascade")
    jobs = SupabaseJobStore(Connection(server.url, server.secret_key))
    yield jobs
    jobs.close()


def written(server: SupabaseLite, statement: str) -> dict[str, Any]:
    """By the other program, over its own connection; the newest row as it is then."""
    server.sql(statement)
    row: dict[str, Any] = json.loads(
        server.sql("select to_jsonb(t) from public.generated_images t order by id desc limit 1")
    )
    return row


def begun(server: SupabaseLite, columns: str = "status, task_id", values: str = "'running', 'old-1'") -> None:
    written(server, f"insert into public.generated_images (target_object, {columns}) values ('Cup', {values})")  # noqa: S608


def claimed(jobs: SupabaseJobStore) -> list[int]:
    own: dict[str, Any] = {"owner": "a", "lease_s": 60, "limit": 9}
    of_tripo = own | {"generator": "tripo"}
    found = [*jobs.claim_queued(slots=EVERY_SLOT, **own), *jobs.claim_uncertain(**of_tripo)]
    found += [*jobs.claim_due(**of_tripo), *jobs.claim_saving(**of_tripo)]
    swept = jobs.expire_submitting() + jobs.mark_late(timeout_s=0) + jobs.give_up_late(watch_s=0)
    assert swept + jobs.unblock(generator="tripo") == 0
    return [each.job.id for each in found]


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("status", "'running'"),
        ("status, task_id", "'running', 'old-1'"),
        ("status", "'processing'"),
        ("status", "null"),
        ("session_id, iteration, created_at", "null, null, null"),
        ("created_at", "'infinity'"),
    ],
)
def test_its_row_is_shown_as_under_way_and_never_claimed(
    server: SupabaseLite, jobs: SupabaseJobStore, columns: str, values: str
) -> None:
    begun(server, columns, values)
    ours = jobs.add(new_job()).job.id

    assert claimed(jobs) == [ours]
    theirs = jobs.find(JobQuery()).jobs[1]
    assert (theirs.status, theirs.stage, theirs.is_elsewhere) == (Status.RUNNING, Stage.DONE, True)
    assert jobs.find(JobQuery()).running == 1
    with pytest.raises(IllegalTransition):
        jobs.cancel(theirs.id, maker="Tripo")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (f"""status = 'completed', "3d_url" = '{DOG}'""", Status.COMPLETED),
        ("status = 'completed'", Status.COMPLETED),
        (f"\"3d_url\" = '{DOG}'", Status.COMPLETED),
        ("status = 'failed', error_message = 'It broke.'", Status.FAILED),
        ("status = 'cancelled'", Status.CANCELLED),
        ("status = 'timeout', updated_at = now()", Status.TIMEOUT),
        ("status = 'success'", Status.COMPLETED),
        ("task_id = 'old-2', created_at = 'infinity', updated_at = '-infinity'", Status.RUNNING),
    ],
)
def test_what_it_writes_at_the_end_is_what_people_see(
    server: SupabaseLite, jobs: SupabaseJobStore, change: str, status: Status
) -> None:
    begun(server)
    cursor = jobs.last_change()
    row = written(server, f"update public.generated_images set {change} where task_id = 'old-1'")  # noqa: S608

    job = jobs.get(row["id"])
    assert (job.status, job.stage) == (status, Stage.DONE)
    assert row["error_message"] == ("It broke." if "It broke" in change else None)
    assert [job.id for job in jobs.changed_since(cursor, limit=9)[0]] == [row["id"]], "it is news"
    assert claimed(jobs) == []


def test_what_it_left_under_way_for_an_hour_is_ended_by_the_next_run_of_the_file(
    server: SupabaseLite, jobs: SupabaseJobStore
) -> None:
    begun(server)
    server.sql(
        "alter table public.generated_images disable trigger user;"
        "update public.generated_images set updated_at = now() - interval '61 minutes';"
        "alter table public.generated_images enable trigger user;"
    )
    begun(server, values="'running', 'old-2'")
    server.sql_file(UPDATE)

    young, old = jobs.find(JobQuery()).jobs
    assert (old.status, old.error_code, young.status) == (Status.FAILED, "before_update", Status.RUNNING)
    assert "Its task old-1 may exist all the same" in (old.error_message or "")


def test_a_job_that_ended_at_the_update_takes_a_later_end_of_the_other_program(
    server: SupabaseLite, jobs: SupabaseJobStore
) -> None:
    begun(server)
    server.sql(
        "update public.generated_images set status = 'failed', error_message = 'ours', error_code = 'before_update'"
    )
    row = written(server, f"update public.generated_images set status = 'completed', \"3d_url\" = '{DOG}'")  # noqa: S608

    assert (row["status"], row["error_code"], row["error_message"]) == ("completed", None, None)


def test_an_unsent_row_that_an_earlier_file_took_for_a_job_is_ended_and_not_paid(
    server: SupabaseLite, jobs: SupabaseJobStore
) -> None:
    server.sql(
        "insert into public.generated_images (session_id, target_object, iteration, stage) "
        "values ('', 'Cup', 1, 'queued')"
    )
    server.sql_file(UPDATE)

    assert claimed(jobs) == []
    assert jobs.get(1).status is Status.FAILED
