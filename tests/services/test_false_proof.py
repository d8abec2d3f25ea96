"""What does not prove that nothing was made: answers that are cut, strange, late, or show nothing of the request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from core.domain.errors import LookupFailed
from core.domain.generation import TaskLookup, TaskPhase
from core.domain.status import Stage, Status
from core.generators.tripo.answers import _wait_s
from core.generators.tripo.client import TripoClient
from core.services import account_scan
from tests.fake_generator import usage_row
from tests.services.conftest import World
from tests.services.test_poll_and_collect import running
from tests.services.test_reconcile import SETTLE_S, echo_seen, search, uncertain


def tripo(data: Any) -> TripoClient:
    """One that always answers this."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"code": 0, "data": data}))
    return TripoClient("https://t.test", "k", transport=transport)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"records": [{"task_id": "a"}]},
        {"items": {"task_id": "a"}},
        {"items": [{"id": "a"}]},
        [{"id": "a", "created_at": "2026-01-01T12:00:00Z"}],
        [{"task_id": "a"}, None],
    ],
)
def test_a_list_of_usage_that_cannot_be_read_is_no_empty_list(data: Any) -> None:
    with pytest.raises(LookupFailed):
        tripo(data).usage()


@pytest.mark.parametrize("data", [[], {"items": []}])
def test_an_account_without_usage_has_an_empty_list(data: Any) -> None:
    assert tripo(data).usage() == []


@pytest.mark.parametrize(
    "data",
    [
        {"tasks": {}, "missed": []},
        {"tasks": {}},
        {"tasks": {"t": None}, "missed": []},
        {"tasks": [{"task_id": None, "status": "running"}], "missed": None},
        {"tasks": {}, "missed": "t"},
    ],
)
def test_a_task_is_missed_only_where_tripo_says_so(data: Any) -> None:
    answer = tripo(data).list_tasks(["t"])
    assert (answer.found, answer.missed) == ({}, frozenset())
    assert tripo({"tasks": {}, "missed": ["t", "u"]}).list_tasks(["t"]).missed == {"t"}


def test_a_status_that_is_not_given_is_no_failure() -> None:
    for task in ({"task_id": "t"}, {"task_id": "t", "status": None}):
        assert tripo({"tasks": {"t": task}}).list_tasks(["t"]).found["t"].phase is not TaskPhase.FAILED


def test_answers_without_a_task_do_not_end_a_paid_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = running(world)

    def partial(ids: Sequence[str]) -> TaskLookup:
        return tripo({"tasks": {}, "missed": []}).list_tasks(ids)

    with monkeypatch.context() as patch:
        patch.setattr(world.generator, "look_up", partial)
        for _ in range(40):
            world.poll()
            world.clock.advance(20)
    assert world.job(job_id).status is Status.RUNNING

    world.says(TaskPhase.SUCCEEDED)
    world.poll()
    world.collect()
    assert world.job(job_id).status is Status.COMPLETED


def test_a_task_that_shows_nothing_of_its_request_may_be_ours(world: World) -> None:
    echo_seen(world)
    job = uncertain(world)
    world.says(TaskPhase.WORKING, "task-2")
    search(world)
    world.clock.advance(SETTLE_S + 21)
    search(world, 2)
    world.dispatch()

    assert len([each for each in world.generator.requests if each.job_id == job.id]) == 1


def test_what_a_task_does_not_show_at_first_it_may_show_later(world: World) -> None:
    echo_seen(world)
    job = uncertain(world)
    whole = world.generator.tasks["task-2"]
    world.says(TaskPhase.WORKING, "task-2")
    search(world)
    world.generator.tasks["task-2"] = whole
    search(world)

    assert world.job(job.id).task_id == "task-2"


def test_a_whole_page_of_known_rows_is_not_the_end_of_the_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        world.says(TaskPhase.WORKING, f"f{number}", input_nonce=1)
        world.generator.usage_rows.append(usage_row(f"f{number}", world.clock.now()))
    first = world.generator.usage_rows[:100]
    monkeypatch.setattr(world.generator, "usage", lambda *, limit, offset: first)  # the offset is not obeyed

    assert not world.scan.read(world.clock.now() - timedelta(hours=1)).is_complete


@pytest.mark.parametrize("count", [0, 5, 10, 90, 100, 101, 190])
def test_the_end_of_a_list_of_any_length_is_seen(world: World, count: int) -> None:
    for number in range(count):
        world.says(TaskPhase.WORKING, f"f{number}", input_nonce=1)
        world.generator.usage_rows.append(usage_row(f"f{number}", world.clock.now()))

    found = world.scan.read(world.clock.now() - timedelta(hours=1))
    assert (found.is_complete, len(found.rows)) == (True, count)


def test_forgetting_what_tasks_showed_hides_none_of_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_scan, "ECHOES_KEPT", 1)
    for name in ("a", "b"):
        world.says(TaskPhase.WORKING, name, input_nonce=1)
        world.generator.usage_rows.append(usage_row(name, world.clock.now()))
    since = world.clock.now() - timedelta(hours=1)

    for _ in range(2):
        found = world.scan.read(since)
        assert (len(found.orphaned), found.is_complete) == (2, True)


def test_a_list_that_stands_still_proves_nothing_until_it_goes_on_or_a_person_decides(world: World) -> None:
    echo_seen(world)
    running(world)
    job = uncertain(world)
    late = [row for row in world.generator.usage_rows if row.task_id in ("task-2", "task-3")]
    for row in late:
        world.generator.usage_rows.remove(row)
    for _ in range(31):
        world.clock.advance(60)
        world.billing.tick()
    search(world, 2)
    assert world.job(job.id).stage is Stage.UNCERTAIN

    for _ in range(65):
        world.clock.advance(60)
        world.billing.tick()
    search(world, 2)
    world.dispatch()
    assert world.job(job.id).stage is Stage.ATTENTION
    assert "does not have other tasks yet" in world.jobs.events(job.id)[-1].note
    assert len([each for each in world.generator.requests if each.job_id == job.id]) == 1

    world.generator.usage_rows[:0] = late
    search(world)
    assert world.job(job.id).task_id == "task-3"


def test_a_list_that_goes_on_counts_again(world: World) -> None:
    echo_seen(world)
    running(world)
    job = uncertain(world, was_made=False)
    row = next(row for row in world.generator.usage_rows if row.task_id == "task-2")
    world.generator.usage_rows.remove(row)
    world.clock.advance(600)
    world.billing.tick()
    world.generator.usage_rows[:0] = [row]
    for _ in range(61):
        world.clock.advance(60)
        world.billing.tick()
    search(world, 2)

    assert world.job(job.id).stage is Stage.QUEUED


@pytest.mark.parametrize(
    ("headers", "least_s"),
    [
        ({"Retry-After": "Wed, 25 Nov 2099 12:00:00 GMT"}, 60.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "4102444800"}, 60.0),
        ({"Retry-After": "7"}, 7.0),
    ],
)
def test_a_wait_may_be_given_as_a_date(headers: dict[str, str], least_s: float) -> None:
    assert (_wait_s(httpx.Response(429, headers=headers)) or 0.0) >= least_s
