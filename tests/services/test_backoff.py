"""How long it takes until a task is asked for again."""

from __future__ import annotations

import pytest

from core.services.backoff import in_line_wait_s, poll_wait_s, remaining_s


@pytest.mark.parametrize(("age_s", "wait_s"), [(0, 2), (29, 2), (31, 5), (181, 15), (901, 60)])
def test_without_an_estimate_the_age_decides(age_s: float, wait_s: float) -> None:
    assert poll_wait_s(age_s, first_s=2, factor=1) == wait_s


def test_the_nearer_the_end_the_sooner_it_is_asked_for_and_never_at_once() -> None:
    waits = [poll_wait_s(100, first_s=2, factor=1, remaining_s=left_s) for left_s in (600, 10, 4, 1, 0, -5)]

    assert waits == [10.0, 7.0, 2.8, 1.2, 1.2, 1.2]
    assert waits == sorted(waits, reverse=True)


def test_its_own_progress_tells_more_than_how_long_others_took() -> None:
    others = [60.0, 80.0, 100.0, 120.0]

    assert remaining_s(30, 25, others) == 90
    assert remaining_s(30, 0, others) == 50, "the early ones of the others"
    assert remaining_s(30, 100, []) is None


@pytest.mark.parametrize("others", [[], [60.0, 60.0, 60.0]])
def test_a_few_others_tell_nothing(others: list[float]) -> None:
    assert remaining_s(30, 3, others) is None
    assert remaining_s(200, 3, [60.0] * 9) is None, "it takes longer than others did: nobody knows"


@pytest.mark.parametrize(("age_s", "wait_s"), [(0, 2), (29, 2), (31, 5), (181, 5), (86_400, 5)])
def test_what_only_waits_in_a_line_is_never_asked_for_seldom(age_s: float, wait_s: float) -> None:
    assert in_line_wait_s(age_s, first_s=2, factor=1) == wait_s


def test_what_waits_in_a_line_is_not_asked_for_sooner_than_the_first_pause_that_is_set() -> None:
    assert in_line_wait_s(10, first_s=30, factor=1) == 30
