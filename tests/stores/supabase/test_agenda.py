"""While there is nothing to do, one question every few seconds is all that a process asks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from core.domain.claims import Slots
from core.domain.job import Job
from core.services.names import FoldNames
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import intent, new_job
from tests.clocks import FakeClock
from tests.simulation.database import Database, SimulatedConnection

FRESH_S = 3.0
SLOTS = Slots(limits={"standard": 2})
GENERATORS = ("tripo", "comfyui", "offline")
MINUTE_S = 60


class Counting(SimulatedConnection):
    """Which functions of the database were called."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.called: Counter[str] = Counter()

    def call(self, function: str, **parameters: Any) -> Any:
        self.called[function] += 1
        return super().call(function, **parameters)


class Server:
    """One process: its table, and the ticks that look for work."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.line = Counting(database)
        self.agenda = Agenda(self.line, clock, fresh_s=FRESH_S)
        self.jobs = SupabaseJobStore(self.line, agenda=self.agenda)
        self._fold, self._name = FoldNames(jobs=self.jobs, clock=clock), f"server {id(self)}"

    def tick(self) -> list[Job]:
        """What all ticks ask for that find nothing; the jobs that were claimed."""
        self.jobs.beat(owner=self._name)
        self.jobs.check()
        self._fold.tick()
        self.jobs.last_change(), self.jobs.last_beat(), self.jobs.now()
        own: dict[str, Any] = {"owner": self._name, "lease_s": 60}
        claimed = self.jobs.claim_queued(slots=SLOTS, limit=1, **own)
        for generator in GENERATORS:
            claimed += self.jobs.claim_due(generator=generator, limit=100, **own)
            claimed += self.jobs.claim_saving(generator=generator, limit=1, **own)
            claimed += self.jobs.claim_uncertain(generator=generator, limit=20, **own)
            self.jobs.unblock(generator=generator)
        self.jobs.expire_submitting()
        self.jobs.mark_late(timeout_s=600)
        self.jobs.give_up_late(watch_s=86_400)
        return [each.job for each in claimed]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(clock: FakeClock) -> Database:
    return Database(clock.now)


@pytest.fixture
def server(database: Database, clock: FakeClock) -> Server:
    return Server(database, clock)


def test_an_idle_minute_is_one_question_every_three_seconds(server: Server, clock: FakeClock) -> None:
    for _ in range(2 * MINUTE_S):
        assert server.tick() == []
        clock.advance(0.5)

    assert server.line.called == {"look": MINUTE_S / FRESH_S}


def test_a_job_of_this_server_is_claimed_at_once_and_one_of_another_within_three_seconds(
    server: Server, database: Database, clock: FakeClock
) -> None:
    server.tick()
    own = server.jobs.add(new_job()).job
    assert [job.id for job in server.tick()] == [own.id]
    assert server.tick() == []  # there might have been more

    other = Server(database, clock).jobs.add(new_job()).job
    assert server.tick() == []
    clock.advance(FRESH_S)
    assert [job.id for job in server.tick()] == [other.id]


def test_what_waits_is_asked_for_when_it_is_due_and_not_before(server: Server, clock: FakeClock) -> None:
    job = server.jobs.add(new_job()).job
    (claimed,) = server.jobs.claim_queued(owner="a", lease_s=60, slots=SLOTS, limit=1)
    server.jobs.mark_submitting(claimed.claim, intent())
    server.jobs.bind_task(claimed.claim, "task", poll_in_s=10.0)
    server.line.called.clear()
    for _ in range(9):
        assert server.tick() == []
        clock.advance(1)
    assert set(server.line.called) == {"look"}

    clock.advance(1)
    assert [each.id for each in server.tick()] == [job.id]


def test_a_queue_that_waits_for_slots_costs_nothing_until_one_is_free(server: Server, clock: FakeClock) -> None:
    for _ in range(5):
        server.jobs.add(new_job())
    first, second = (server.jobs.claim_queued(owner="a", lease_s=60, slots=SLOTS, limit=1)[0] for _ in range(2))
    for each, task in ((first, "one"), (second, "two")):
        server.jobs.mark_submitting(each.claim, intent())
        server.jobs.bind_task(each.claim, task, poll_in_s=100.0)
    server.tick()
    server.line.called.clear()
    for _ in range(30):
        assert server.tick() == []
        clock.advance(1)
    assert set(server.line.called) == {"look"}

    (due,) = server.jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1, ahead_s=100.0) or [first]
    server.jobs.mark_saving(due.claim, credits_used=None)
    assert len([job for job in server.tick() if job.stage == "queued"]) == 1


def test_what_was_written_while_a_look_was_under_way_is_on_the_agenda(
    server: Server, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = server.jobs.add(new_job()).job
    (claimed,) = server.jobs.claim_queued(owner="a", lease_s=60, slots=SLOTS, limit=1)
    server.jobs.mark_submitting(claimed.claim, intent())
    server.jobs.bind_task(claimed.claim, "task", poll_in_s=100.0)
    clock.advance(100)
    (claimed,) = server.jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=1)
    looked = database._do_look

    def meanwhile(p_owner: str) -> Any:
        told = looked(p_owner)
        server.jobs.mark_saving(claimed.claim, credits_used=None)
        return told

    monkeypatch.setattr(database, "_do_look", meanwhile)
    clock.advance(FRESH_S)
    assert [each.id for each in server.tick()] == [job.id]


def test_time_is_never_told_ahead_of_the_database(
    server: Server, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow answer must not make anything look older than it is."""
    looked = database._do_look

    def slow(p_owner: str) -> Any:
        clock.advance(5)
        told = looked(p_owner)
        clock.advance(5)
        return told

    monkeypatch.setattr(database, "_do_look", slow)
    assert server.jobs.now() <= clock.now()


def test_what_this_server_wrote_shows_on_its_pages_at_once(
    server: Server, database: Database, clock: FakeClock
) -> None:
    """Pages have a line and an agenda of their own, and keep what was read while nothing has changed."""
    line = Counting(database)
    pages = SupabaseJobStore(line, agenda=Agenda(line, clock, fresh_s=FRESH_S, ticks=server.agenda))
    server.tick()
    before = pages.last_change()
    server.jobs.add(new_job())

    assert pages.last_change() > before
