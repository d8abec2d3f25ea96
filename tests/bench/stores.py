"""Both job stores side by side in one run, with 100,000 jobs in each: the same calls through the adapters."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx

from core.domain.claims import PollNote, Slots
from core.domain.status import Status
from core.ports.job_store import JobQuery, JobStore
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.system_clock import SystemClock
from tests.builders import Category, intent, new_job
from tests.supabase.crowd import COUNT, RARE, fill_sqlite, fill_supabase
from tests.supabase.project import prepare
from tests.supabase.server import SupabaseLite

ROUNDS, LIVES = 100, 60
Result = TypeVar("Result")
LOTS = Slots(limits={Category.STANDARD: 100_000})
PAGES = {
    "first page": JobQuery(),
    "page 200": JobQuery(page=200),
    "filtered: failed": JobQuery(statuses=frozenset({Status.FAILED})),
    "filtered: completed": JobQuery(statuses=frozenset({Status.COMPLETED})),
    "searched: a rare name": JobQuery(search=RARE),
    "searched: a frequent word": JobQuery(search="teapot"),
    "searched: two letters": JobQuery(search="ea"),
    "searched and filtered": JobQuery(search="lamp", statuses=frozenset({Status.FAILED})),
    "searched: a number": JobQuery(search="70000"),
}


class CountingTransport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return super().handle_request(request)


def stores() -> None:
    """SQLite with full durability, and Supabase-compatible REST over PostgreSQL with full durability."""
    print(f"\nJob stores with {COUNT:,} jobs in each, both durable; Supabase over loopback:")
    with tempfile.TemporaryDirectory() as folder, SupabaseLite(durable=True) as server:
        file = Path(folder) / "maquette.sqlite3"
        prepare(server, test_clock=False)
        fill_supabase(server)
        fill_sqlite(file)
        transport = CountingTransport()
        sides: dict[str, JobStore] = {
            "SQLite": SqliteJobStore(file, SystemClock()),
            "Supabase": SupabaseJobStore(Connection(server.url, server.secret_key, transport=transport)),
        }
        _table("p95 of a page, ms (bar: 60)", _pages(sides))
        _table("a claim or batch, ms", _claims(sides, transport))
        _table("verbs per second", _verbs(sides))
        for jobs in sides.values():
            jobs.close()


def _pages(sides: dict[str, JobStore]) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for name, query in PAGES.items():
        told[name] = {side: _p95_ms(lambda jobs=jobs, query=query: jobs.find(query)) for side, jobs in sides.items()}
    return told


def _claims(sides: dict[str, JobStore], transport: CountingTransport) -> dict[str, dict[str, float]]:
    told: dict[str, dict[str, float]] = {}
    for side, jobs in sides.items():
        claims, batches, requests = [], [], []
        for _ in range(20):
            started_s = time.monotonic()
            claimed = jobs.claim_due(owner="b", lease_s=60, generator="tripo", limit=100)
            claims.append((time.monotonic() - started_s) * 1000)
            assert len(claimed) == 100
            notes = [PollNote(claim=each.claim, progress=50, poll_again_in_s=-1) for each in claimed]
            before, started_s = transport.count, time.monotonic()
            assert jobs.note_polls(notes) == 100
            batches.append((time.monotonic() - started_s) * 1000)
            requests.append(transport.count - before)
        told.setdefault("claim of 100 due jobs, median (bar: 50)", {})[side] = statistics.median(claims)
        told.setdefault("claim of 100 due jobs, worst of 20", {})[side] = max(claims)
        told.setdefault("100 progress updates, median", {})[side] = statistics.median(batches)
        told.setdefault("requests for 100 progress updates (bar: 2)", {})[side] = max(requests)
    return told


def _verbs(sides: dict[str, JobStore]) -> dict[str, dict[str, float]]:
    """Lives of jobs one after the other, and single reads."""
    told: dict[str, dict[str, float]] = {}
    for side, jobs in sides.items():
        taken = _lives(side, jobs)
        for name, times in taken.items():
            told.setdefault(name, {})[side] = len(times) / sum(times)
    return told


def _lives(side: str, jobs: JobStore) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[], Result]) -> Result:
        started_s = time.monotonic()
        result = act()
        taken.setdefault(name, []).append(time.monotonic() - started_s)
        return result

    def live(number: int) -> None:
        timed("add", lambda: jobs.add(new_job(idempotency_key=f"{side} {number}")))
        (claimed,) = timed("claim_queued", lambda: jobs.claim_queued(owner="b", lease_s=60, slots=LOTS, limit=1))
        claim = claimed.claim
        timed("mark_submitting", lambda: jobs.mark_submitting(claim, intent(nonce=-number)))
        timed("bind_task", lambda: jobs.bind_task(claim, f"b{number}", poll_in_s=60))
        timed("get", lambda: jobs.get(claim.job_id))
        cursor = jobs.last_change() - 5
        timed("changed_since", lambda: jobs.changed_since(cursor, limit=100))

    for number in range(LIVES):
        live(number)
    return taken


def _p95_ms(act: Callable[[], object]) -> float:
    act()
    taken = []
    for _ in range(ROUNDS):
        started_s = time.monotonic()
        act()
        taken.append((time.monotonic() - started_s) * 1000)
    return sorted(taken)[int(0.95 * ROUNDS)]


def _table(title: str, rows: dict[str, dict[str, float]]) -> None:
    sides = list(next(iter(rows.values())))
    print(f"  {title:46}" + "".join(f"{side:>12}" for side in sides))
    for name, values in rows.items():
        print(f"    {name:44}" + "".join(f"{values[side]:>12.1f}" for side in sides))


if __name__ == "__main__":
    stores()
