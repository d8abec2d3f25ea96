"""Several views and words at Tripo: lost answers are settled as those of one picture are, and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.domain.job import Job
from core.domain.status import Stage, Status
from core.generators.tripo.client import TripoClient
from core.generators.tripo.generator import TripoGenerator
from core.ports.job_store import JobQuery
from core.services.fingerprint import evidence, fits
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import stored_image
from tests.clocks import FakeClock
from tests.fake_tripo.service import Service
from tests.fake_tripo.transport import FakeTransport
from tests.services.conftest import World

TASK_S, SETTLE_S = 20.0, 1800
KINDS: dict[str, dict[str, Any]] = {
    "image_to_model": {},
    "multiview_to_model": {
        "back": stored_image(key="images/a/back.jpg"),
        "left": stored_image(key="images/a/left.jpg"),
    },
    "text_to_model": {"prompt": "a cup with a handle"},
}
NEW = ("multiview_to_model", "text_to_model")
COSTS = {"image_to_model": 30, "multiview_to_model": 30, "text_to_model": 20}


@dataclass
class Bench:
    """The use cases with Tripo's own adapter, on a fake Tripo without sockets."""

    world: World
    service: Service

    def add(self, kind: str) -> int:
        for key in ("back", "left"):
            self.world.objects.put(f"images/a/{key}.jpg", key.encode(), media_type="image/jpeg")
        return self.world.add(**KINDS[kind])

    def pass_time(self, seconds: float, *, every_s: float = 31) -> None:
        """All services tick while time goes by."""
        for _ in range(max(1, int(seconds / every_s))):
            self.world.clock.advance(every_s)
            self.world.dispatch()
            self.world.poll()
            self.world.collect()
            self.world.reconcile()

    def lost(self, kind: str, *, was_made: bool) -> Job:
        """A job whose answer was lost."""
        job_id = self.add(kind)
        self.service.plan.arm("create", "drop after" if was_made else "drop before")
        self.world.dispatch()
        job = self.world.job(job_id)
        assert job.stage is Stage.UNCERTAIN
        return job

    def has_gone_well(self, kind: str) -> None:
        """A job that went the normal way, so that what Tripo repeats of such jobs is known."""
        job_id = self.add(kind)
        self.pass_time(100)
        assert self.world.job(job_id).status is Status.COMPLETED

    def made(self, kind: str) -> int:
        return sum(task.type == kind for task in self.service.ledger.tasks.values())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = FakeClock()
    service = Service(clock_s=lambda: clock.now().timestamp(), task_s=TASK_S)
    transport = FakeTransport(service, wait=clock.advance)
    jobs = SqliteJobStore(tmp_path / "jobs.sqlite3", clock)
    world = World(
        clock=clock,
        jobs=jobs,
        objects=LocalObjectStore(tmp_path / "files"),
        generator=TripoGenerator(TripoClient("http://tripo.test", "tsk_x", transport=transport)),  # type: ignore[arg-type]
        journal=LocalJournal(tmp_path / "journal"),
    )
    yield Bench(world=world, service=service)
    jobs.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_each_kind_is_made_once_and_its_cost_is_known(bench: Bench, kind: str) -> None:
    bench.has_gone_well(kind)

    (job,) = bench.world.jobs.find(JobQuery()).jobs
    assert job.credits_used == COSTS[kind] == bench.service.ledger.billed
    assert bench.made(kind) == 1


@pytest.mark.parametrize("names_views", [True, False])
@pytest.mark.parametrize("kind", NEW)
def test_the_task_of_a_lost_answer_is_found_and_nothing_is_sent_again(
    bench: Bench, kind: str, names_views: bool
) -> None:
    bench.service.ledger.names_views = names_views
    job = bench.lost(kind, was_made=True)
    bench.pass_time(100)

    found = bench.world.job(job.id)
    assert (found.status, found.attempt, bench.made(kind)) == (Status.COMPLETED, 1, 1)
    assert bench.service.ledger.billed == COSTS[kind]


@pytest.mark.parametrize("kind", NEW)
def test_what_was_never_made_is_sent_again_once_that_is_proven(bench: Bench, kind: str) -> None:
    bench.has_gone_well(kind)
    job = bench.lost(kind, was_made=False)
    bench.pass_time(SETTLE_S - 60)
    assert (bench.world.job(job.id).stage, bench.made(kind)) == (Stage.UNCERTAIN, 1)
    bench.pass_time(300)

    again = bench.world.job(job.id)
    assert (again.status, again.attempt, bench.made(kind)) == (Status.COMPLETED, 2, 2)


@pytest.mark.parametrize("seen", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_tripo_repeats_of_one_kind_proves_nothing_about_another(bench: Bench, kind: str, seen: str) -> None:
    bench.has_gone_well(seen)
    job = bench.lost(kind, was_made=False)
    bench.pass_time(SETTLE_S + 300)

    expected = Status.COMPLETED if seen == kind else Status.RUNNING
    asked = bench.world.job(job.id)
    assert (asked.status, asked.stage is Stage.ATTENTION) == (expected, seen != kind)


def test_words_whose_number_is_not_repeated_are_not_sent_twice_and_a_person_sees_the_task(bench: Bench) -> None:
    """However long and well other kinds went: their echo says nothing of this one."""
    bench.service.ledger.hides_seed_of = {"text_to_model"}
    for kind in KINDS:
        bench.has_gone_well(kind)
    job = bench.lost("text_to_model", was_made=True)
    bench.pass_time(SETTLE_S + 300)

    asked = bench.world.job(job.id)
    assert (asked.stage, bench.made("text_to_model")) == (Stage.ATTENTION, 2)
    (candidate,) = bench.world.decide().candidates(job.id)
    assert "was made of the same words after this job was sent" in candidate.evidence
    assert "picture" not in candidate.evidence
    bench.world.decide().take(job.id, candidate.task_id)
    bench.pass_time(100)
    assert bench.world.job(job.id).status is Status.COMPLETED
    assert bench.service.ledger.billed == 30 + 30 + 20 + 20


def test_of_two_jobs_with_the_same_words_each_gets_its_own_task(bench: Bench) -> None:
    jobs = [bench.lost("text_to_model", was_made=True) for _ in range(2)]
    bench.pass_time(100)

    seeds = {task.id: task.input["model_seed"] for task in bench.service.ledger.tasks.values()}
    assert [seeds[bench.world.job(job.id).task_id or ""] for job in jobs] == [job.nonce for job in jobs]


@pytest.mark.parametrize("hides_seed", [True, False])
@pytest.mark.parametrize("names_views", [True, False])
def test_views_are_known_by_the_number_or_by_the_front(bench: Bench, hides_seed: bool, names_views: bool) -> None:
    ledger = bench.service.ledger
    ledger.hides_seed_of, ledger.names_views = {"multiview_to_model"} if hides_seed else set(), names_views
    job = bench.lost("multiview_to_model", was_made=True)
    (task,) = bench.world.generator.look_up(list(ledger.tasks)).found.values()

    assert fits(job, task) is True
    assert fits(job, replace(task, input_token="file_other")) is (False if hides_seed else None)
    assert "has the picture of the front that we handed over" in evidence(job, task)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"input_nonce": None}, None),
        ({"input_nonce": None, "input_prompt": "a cup"}, False),
        ({"input_nonce": None, "input_prompt": None}, False),
        ({"input_nonce": -1}, False),
        ({"input_nonce": None, "created_at": datetime(2020, 1, 1, tzinfo=UTC)}, False),
    ],
)
def test_words_are_known_by_their_number_and_the_same_words_are_only_a_hint(
    bench: Bench, changes: dict[str, Any], expected: bool | None
) -> None:
    job = bench.lost("text_to_model", was_made=True)
    (task,) = bench.world.generator.look_up(list(bench.service.ledger.tasks)).found.values()

    assert fits(job, replace(task, **changes)) is expected


@pytest.mark.parametrize(("code", "kind", "words"), [(2008, "text_to_model", "words"), (2008, NEW[0], "picture")])
def test_a_refusal_speaks_of_what_was_sent(bench: Bench, code: int, kind: str, words: str) -> None:
    job_id = bench.add(kind)
    bench.service.plan.arm("create", "error", code=code, status=400)
    bench.world.dispatch()
    refused = bench.world.job(job_id)
    offer = bench.world.decide().retry_offer(refused)

    assert refused.status is Status.FAILED
    assert offer is not None
    said = f"{refused.error_message} {offer.why}"
    assert words in said
    if kind == "text_to_model":
        assert "picture" not in said
        assert offer.why.startswith("Change the words: ")
        assert (offer.needs_other_words, offer.needs_another_picture) == (True, False)
    else:
        assert (offer.needs_other_words, offer.needs_another_picture) == (False, True)
        assert "a picture was refused" in offer.why.lower()


NOTES: dict[str, Callable[[str], bool]] = {
    "image_to_model": lambda said: "Sending the picture." in said,
    "multiview_to_model": lambda said: "Sending the pictures." in said,
    "text_to_model": lambda said: "Sending the words." in said and "picture" not in said,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_history_of_a_job_speaks_of_what_it_is_made_of(bench: Bench, kind: str) -> None:
    bench.has_gone_well(kind)

    assert NOTES[kind](" ".join(event.note for event in bench.world.jobs.events(1)))
