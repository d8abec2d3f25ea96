"""Every call goes over the internet: no verb makes more calls because there are more rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from core.domain.claims import Affordable, PollNote
from core.domain.generation import OrphanedTask, Source, UsageRow
from core.domain.status import Stage, Status
from core.ports.archive import JOBS
from core.ports.job_store import JobQuery, JobStore
from core.stores.records import to_record
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.writing import BATCH
from tests.builders import EVERY_SLOT
from tests.supabase.crowd import record
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
MOST_CALLS = 4
BALANCE = Affordable(available=Decimal(30), short_codes=frozenset({"2010"}))
LONG_AGO = timedelta(days=3)


class CountingTransport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return super().handle_request(request)


@pytest.fixture
def transport() -> CountingTransport:
    return CountingTransport()


@pytest.fixture
def jobs(project: SupabaseLite, transport: CountingTransport) -> Iterator[SupabaseJobStore]:
    project.sql("truncate public.generated_images, public.job_events, public.seen_tasks restart identity cascade")
    store = SupabaseJobStore(Connection(project.url, project.secret_key, transport=transport))
    yield store
    store.close()


def fill(server: SupabaseLite, stage: str, count: int, **changes: object) -> None:
    """So many jobs of a stage, three days old, each with a task that was asked for."""
    luck, created = random.Random(1), datetime.now(UTC) - LONG_AGO
    later = datetime.now(UTC) + timedelta(hours=1)
    rows = []
    for number in range(1, count + 1):
        row = record(number, stage, created, luck) | {"intent_at": created.isoformat(), "usage_seen_at": None}
        rows.append(to_record(JOBS, row | {"next_poll_at": later.isoformat()} | changes))
    server.sql(f"select public.maquette_restore('generated_images', $rows${json.dumps(rows)}$rows$)")


def claimed_due(jobs: JobStore) -> list[PollNote]:
    due = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1000)
    return [PollNote(claim=each.claim, progress=50, poll_again_in_s=5) for each in due]


def usage(count: int) -> list[UsageRow]:
    known = {"type": "", "status": "success", "created_at": None, "credits_used": Decimal(25), "has_ended": True}
    return [UsageRow(task_id=str(task), **known) for task in tasks(count)]  # type: ignore[arg-type]


def tasks(count: int) -> list[str]:
    return [f"00000000-0000-0000-0000-{number:012x}" for number in range(1, count + 1)]


def seen(count: int) -> list[OrphanedTask]:
    return [OrphanedTask(task_id=f"s{number}", account="acc", source=Source.USAGE) for number in range(count)]


NOW = {"intent_at": datetime.now(UTC).isoformat()}
DUE = {"next_poll_at": (datetime.now(UTC) - timedelta(minutes=1)).isoformat()}
SWEEPS: dict[str, tuple[str, dict[str, str], Callable[[JobStore, int], object]]] = {
    "expire_submitting": ("submitting", {}, lambda jobs, count: jobs.expire_submitting()),
    "mark_late": ("generating", {}, lambda jobs, count: jobs.mark_late(timeout_s=600)),
    "give_up_late": ("late", {}, lambda jobs, count: jobs.give_up_late(watch_s=86_400)),
    "unblock": ("blocked", {}, lambda jobs, count: jobs.unblock(generator="tripo", balance=BALANCE)),
    "note_polls": ("generating", DUE, lambda jobs, count: jobs.note_polls(claimed_due(jobs))),
    "claim_queued": (
        "queued",
        {},
        lambda jobs, count: len(jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=50)),
    ),
    "claim_uncertain": (
        "uncertain",
        {},
        lambda jobs, count: len(jobs.claim_uncertain(owner="a", lease_s=60, generator="tripo", limit=50)),
    ),
    "claim_saving": (
        "saving",
        DUE,
        lambda jobs, count: len(jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=50)),
    ),
    "note_usage": ("generating", NOW, lambda jobs, count: jobs.accounts.note_usage("acc", usage(count))),
    "keep_orphaned": ("generating", {}, lambda jobs, count: jobs.accounts.keep_orphaned(seen(count))),
    "unbound": ("generating", {}, lambda jobs, count: jobs.accounts.unbound(tasks(count))),
    "find": ("generating", {}, lambda jobs, count: jobs.find(JobQuery(search="e"))),
    "changed_since": ("generating", {}, lambda jobs, count: jobs.changed_since(0, limit=100)),
    "fold_names": ("generating", {}, lambda jobs, count: jobs.fold_names(limit=100)),
}


@pytest.mark.parametrize("verb", SWEEPS)
def test_fifty_rows_take_a_few_calls(
    project: SupabaseLite, jobs: SupabaseJobStore, transport: CountingTransport, verb: str
) -> None:
    stage, changes, act = SWEEPS[verb]
    fill(project, stage, 50, **changes)
    if verb == "fold_names":
        project.sql("update public.generated_images set is_folded = false")
    act(jobs, 50)

    assert 1 <= transport.count <= MOST_CALLS


def test_candidates_of_a_decision_are_written_with_it(
    project: SupabaseLite, jobs: SupabaseJobStore, transport: CountingTransport
) -> None:
    fill(project, "uncertain", 1)
    claim = jobs.claim_uncertain(owner="a", lease_s=60, generator="tripo", limit=1)[0].claim
    transport.count = 0
    jobs.mark_attention(claim, seen(50), note="they fit")

    assert transport.count == 2
    assert len(jobs.accounts.orphaned_tasks(job_id=1)) == 50


def test_a_sweep_writes_all_its_jobs_and_one_event_each_in_one_transaction(
    project: SupabaseLite, jobs: SupabaseJobStore
) -> None:
    fill(project, "late", 50)
    assert jobs.give_up_late(watch_s=86_400) == 50
    assert jobs.give_up_late(watch_s=86_400) == 0

    told = "select count(*), count(distinct job_id), count(distinct xmin::text) from public.job_events"
    assert project.sql(told).strip() == "50|50|1"
    assert {(job.stage, job.status) for job in jobs.find(JobQuery()).jobs} == {(Stage.DONE, Status.TIMEOUT)}


def test_jobs_that_must_wait_hide_none_behind_them(project: SupabaseLite, jobs: SupabaseJobStore) -> None:
    """More than a batch of late jobs whose newest question is open, and two that are over."""
    fill(project, "late", BATCH + 12)
    project.sql(
        f"update public.generated_images set hint_at = now() where id not in (7, {BATCH + 9})"  # noqa: S608
    )

    assert jobs.give_up_late(watch_s=86_400) == 2
    assert (jobs.get(7).stage, jobs.get(BATCH + 9).stage, jobs.get(8).stage) == (Stage.DONE, Stage.DONE, Stage.LATE)


def test_a_job_that_another_process_moved_meanwhile_is_left_and_the_others_go_on(
    project: SupabaseLite, jobs: SupabaseJobStore
) -> None:
    fill(project, "generating", 3)

    class MovedMeanwhile(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("maquette_write"):
                project.sql("update public.generated_images set owner = 'b' where id = 2")
            return super().handle_request(request)

    sweeping = SupabaseJobStore(Connection(project.url, project.secret_key, transport=MovedMeanwhile()))
    assert sweeping.mark_late(timeout_s=600) == 2
    assert [jobs.get(number).stage for number in (1, 2, 3)] == [Stage.LATE, Stage.GENERATING, Stage.LATE]
    sweeping.close()
