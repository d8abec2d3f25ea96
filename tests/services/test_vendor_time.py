"""What is compared with the vendor's times is written by the vendor's clock: ours may be wrong, or set in between."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from core.domain.errors import LookupFailed, OutcomeUnknown, RequestRejected
from core.domain.status import Stage
from core.generators.tripo.client import TripoClient
from core.services.reconcile import SCAN_AGAIN
from tests.services.conftest import World, raising

DATE = "Thu, 01 Jan 2026 12:00:00 GMT"


def client(status: int = 200, body: str = '{"code": 0, "data": []}', **headers: str) -> TripoClient:
    answer = httpx.Response(status, headers=headers, text=body)
    return TripoClient("http://tripo.test", "tsk_1", transport=httpx.MockTransport(lambda request: answer))


def test_tripos_time_is_that_of_its_newest_answer() -> None:
    tripo = client(Date=DATE)
    assert tripo.told_at is None
    tripo.usage()

    assert tripo.told_at is not None
    assert tripo.told_at.isoformat() == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026 12:00:00 GMT"])
def test_a_time_that_cannot_be_read_is_none(date: str) -> None:
    tripo = client(Date=date)
    tripo.usage()

    assert tripo.told_at is None


def test_the_time_of_a_gateways_page_is_not_tripos() -> None:
    tripo = client(status=502, body="<html>", Date=DATE)
    with pytest.raises(LookupFailed):
        tripo.usage()

    assert tripo.told_at is None


def test_it_goes_on_by_the_clock_that_nobody_can_set(world: World) -> None:
    told = world.clock.now()
    world.generator.told_at = told
    world.throttle.check_account()
    world.clock.advance(30)
    world.clock.jump(-7200)

    assert world.throttle.vendor_now() == told + timedelta(seconds=30)


def test_a_vendor_that_was_never_heard_is_asked_once_before_an_intent(world: World) -> None:
    asked: list[str] = []
    world.generator.on_account = lambda: asked.append("account")
    world.throttle.check_open()
    world.throttle.check_open()

    assert asked == ["account"]


def test_a_refusal_that_tells_no_time_does_not_stand_for_the_question(world: World) -> None:
    right = world.clock.now()
    world.clock.jump(7200)
    world.generator.on_account = raising(RequestRejected("no such page"))
    with pytest.raises(RequestRejected):
        world.throttle.check_account()

    def answer() -> None:
        world.generator.told_at = right

    world.generator.on_account = answer
    world.add()
    world.dispatch()

    assert world.job(1).intent_at == right


def test_the_intent_is_never_later_than_the_vendors_time(world: World) -> None:
    right = world.clock.now()
    world.generator.told_at = right
    world.clock.jump(7200)
    world.add()
    world.dispatch()

    job = world.job(1)
    assert job.intent_at == right
    assert job.send_by == world.clock.now() + timedelta(seconds=20)


@pytest.mark.parametrize("is_set_right", [True, False])
def test_a_lost_task_is_found_though_our_clock_was_two_hours_ahead(world: World, is_set_right: bool) -> None:
    right = world.clock.now()
    world.generator.told_at = right
    world.generator.created_at = lambda: right
    world.jobs.accounts.note_echo(world.generator.account)
    world.generator.after_create = raising(OutcomeUnknown("no answer"))
    world.clock.jump(7200)
    world.add()
    world.dispatch()
    assert world.job(1).stage is Stage.UNCERTAIN
    if is_set_right:
        world.clock.jump(-7200)

    for _ in range(3):
        world.clock.advance(1900 + SCAN_AGAIN.total_seconds())
        world.reconcile()

    assert world.job(1).task_id == "task-1"
    assert len(world.generator.requests) == 1
