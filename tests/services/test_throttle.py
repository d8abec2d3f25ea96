"""The door to a generator: waiting times hold for every call, and a service that does not answer is left alone."""

from __future__ import annotations

import pytest

from core.domain.errors import AccountBlocked, AccountBusy, LookupFailed, NotSent
from core.domain.generation import TaskPhase
from core.services.throttle import FAILURES_TO_OPEN, Throttle
from tests.builders import stored_image
from tests.services.conftest import World, raising


def test_no_call_of_the_account_goes_through_before_the_time_that_was_told(world: World) -> None:
    world.generator.on_look_up = raising(AccountBusy("slow down", retry_after_s=60))
    with pytest.raises(AccountBusy):
        world.throttle.look_up(["t"])
    asked = len(world.generator.questions)
    world.clock.advance(59)

    for call in (
        lambda: world.throttle.look_up(["t"]),
        world.throttle.check_account,
        world.throttle.balance,
        lambda: world.throttle.usage(limit=1, offset=0),
        lambda: world.throttle.upload(stored_image(), b""),
    ):
        with pytest.raises(AccountBusy, match="1 s are left"):
            call()
    assert (len(world.generator.questions), world.generator.uploads) == (asked, 0)
    world.generator.on_look_up = lambda: None
    world.clock.advance(1)
    world.throttle.look_up(["t"])


def test_another_replica_waits_too(world: World) -> None:
    world.generator.on_look_up = raising(AccountBusy("slow down", retry_after_s=60))
    with pytest.raises(AccountBusy):
        world.throttle.look_up(["t"])

    assert Throttle(world.generator, jobs=world.jobs, clock=world.clock).wait_s() == 60


def test_refusals_without_a_time_wait_longer_and_longer(world: World) -> None:
    world.generator.on_look_up = raising(AccountBusy("slow down"))
    waits = []
    for _ in range(5):
        with pytest.raises(AccountBusy):
            world.throttle.look_up(["t"])
        waits.append(world.throttle.wait_s())
        world.clock.advance(waits[-1])

    assert waits == [15, 30, 60, 120, 120]


def test_a_service_that_does_not_answer_is_left_alone_and_then_asked_for_its_account_first(world: World) -> None:
    world.generator.on_look_up = raising(LookupFailed("down"))
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(LookupFailed, match="down"):
            world.throttle.look_up(["t"])
    asked = len(world.generator.questions)
    assert world.throttle.wait_s() == 30
    with pytest.raises(LookupFailed, match="has not answered"):
        world.throttle.look_up(["t"])

    probes: list[None] = []
    world.generator.on_account = lambda: probes.append(None) or raising(LookupFailed("still down"))()
    world.clock.advance(30)
    with pytest.raises(LookupFailed, match="still down"):
        world.throttle.look_up(["t"])
    assert (len(probes), world.throttle.wait_s(), len(world.generator.questions)) == (1, 60, asked)

    world.generator.on_account = lambda: probes.append(None)
    world.generator.on_look_up = lambda: None
    world.clock.advance(60)
    world.throttle.look_up(["t"])
    assert (len(probes), len(world.generator.questions)) == (2, asked + 1)


def test_while_the_breaker_is_open_a_paid_request_is_proven_unsent(world: World) -> None:
    world.generator.on_upload = raising(LookupFailed("down"))
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(LookupFailed):
            world.throttle.upload(stored_image(), b"")

    with pytest.raises(NotSent):
        world.throttle.create(object(), check_send_window=lambda: None)  # type: ignore[arg-type]
    assert world.generator.requests == []


def test_an_answer_of_any_kind_closes_the_count(world: World) -> None:
    world.generator.on_look_up = raising(LookupFailed("down"))
    for _ in range(FAILURES_TO_OPEN - 1):
        with pytest.raises(LookupFailed):
            world.throttle.look_up(["t"])
    world.generator.on_account = raising(AccountBlocked("no key"))
    with pytest.raises(AccountBlocked):
        world.throttle.check_account()
    with pytest.raises(LookupFailed):
        world.throttle.look_up(["t"])

    assert world.throttle.wait_s() == 0


def test_where_a_finished_model_is_is_remembered_for_a_minute_and_told_once(world: World) -> None:
    world.says(TaskPhase.SUCCEEDED, "a")
    world.says(TaskPhase.SUCCEEDED, "b")
    world.throttle.look_up(["a", "b"])

    assert world.throttle.take_finished("a") is not None
    assert world.throttle.take_finished("a") is None
    world.clock.advance(61)
    assert world.throttle.take_finished("b") is None


def test_what_is_wrong_with_it_is_told_until_it_is_mended(world: World) -> None:
    assert world.throttle.problem is None
    for call in (world.throttle.check_account, world.throttle.balance):
        world.generator.on_account = raising(AccountBlocked("the key is wrong"))
        with pytest.raises(AccountBlocked):
            call()
        assert world.throttle.problem == "the key is wrong"

        world.generator.on_account = lambda: None
        call()
        assert world.throttle.problem is None


def test_one_that_cannot_be_reached_is_told_until_it_answers_anything(world: World) -> None:
    world.generator.on_account = raising(LookupFailed("it cannot be reached"))
    with pytest.raises(LookupFailed):
        world.throttle.check_account()
    assert world.throttle.problem == "it cannot be reached"

    world.throttle.look_up(["t"])
    assert world.throttle.problem is None


def test_one_that_is_left_alone_for_a_while_is_told_and_a_single_lost_answer_is_not(world: World) -> None:
    world.generator.on_look_up = raising(LookupFailed("down"))
    told = []
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(LookupFailed):
            world.throttle.look_up(["t"])
        told.append(world.throttle.problem)

    assert told[:-1] == [None] * (FAILURES_TO_OPEN - 1)
    assert told[-1] == "Tripo has not answered for a while; it is asked again by itself."
