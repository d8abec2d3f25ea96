"""What pages were shown is read once for all viewers, and never shown after it changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.domain.errors import StoreUnavailable
from core.services.read_cache import MOST, SETTLE_S, SOON_S, ReadCache
from tests.clocks import FakeClock


class Table:
    """A value with a number of changes, and how often it was read."""

    def __init__(self) -> None:
        self.change, self.value, self.reads = 1, "a", 0

    def read(self) -> str:
        self.reads += 1
        return self.value


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def seen(table: Table, clock: FakeClock) -> ReadCache:
    made = ReadCache(lambda: table.change, clock, most_s=300.0)
    made.get("warm", lambda: 0)
    clock.advance(SETTLE_S + 1)  # nothing has changed for a while
    return made


def test_many_viewers_cost_one_reading_until_something_changes(seen: ReadCache, table: Table, clock: FakeClock) -> None:
    for _ in range(20):
        assert seen.get("page", table.read) == "a"
        clock.advance(1)
    assert table.reads == 1

    table.change, table.value = 2, "b"
    assert seen.get("page", table.read) == "b"
    assert seen.get("other", table.read) == "b"
    assert table.reads == 3


def test_shortly_after_a_change_an_answer_holds_for_seconds_only(
    seen: ReadCache, table: Table, clock: FakeClock
) -> None:
    """A write with a lower number may end after one with a higher: the newest number does not move then."""
    table.change = 2
    assert seen.get("page", table.read) == "a"
    table.value = "written with a lower number"
    clock.advance(SOON_S + 0.1)
    assert seen.get("page", table.read) == "written with a lower number"


def test_an_answer_holds_no_longer_than_it_is_said_to(seen: ReadCache, table: Table, clock: FakeClock) -> None:
    seen.get("account", table.read, most_s=10.0)
    clock.advance(9)
    seen.get("account", table.read, most_s=10.0)
    assert table.reads == 1
    clock.advance(2)
    seen.get("account", table.read, most_s=10.0)
    assert table.reads == 2


def test_whoever_asks_while_it_is_read_waits_for_that(seen: ReadCache, table: Table) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def slowly() -> str:
        begun.set()
        goes_on.wait(10)
        return table.read()

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(seen.get, "page", slowly)
        begun.wait(10)
        others = [pool.submit(seen.get, "page", slowly) for _ in range(7)]
        goes_on.set()
        assert {each.result(10) for each in (first, *others)} == {"a"}
    assert table.reads == 1


def test_a_reading_that_failed_is_made_again_and_old_answers_go(seen: ReadCache, table: Table) -> None:
    def away() -> str:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        seen.get("page", away)
    assert seen.get("page", table.read) == "a"
    for number in range(2 * MOST):
        seen.get(number, table.read)
    assert len(seen._kept) == MOST
    assert seen._reading == {}


def test_what_was_shown_last_is_known_with_the_time_it_was_still_so(
    seen: ReadCache, table: Table, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise StoreUnavailable("away")

    assert seen.last("page") is None
    seen.get("page", table.read)
    clock.advance(40)
    seen.get("page", table.read)
    still_so = clock.now()
    clock.advance(900)
    monkeypatch.setattr(seen, "_last_change", away)
    with pytest.raises(StoreUnavailable):
        seen.get("page", table.read)

    known = seen.last("page")
    assert known is not None
    assert (known.value, known.at) == ("a", still_so)
