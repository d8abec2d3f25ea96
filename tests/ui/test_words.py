"""Ages, sizes and durations in plain words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.domain.status import Stage, Status
from core.ui import words

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ages_are_rounded_down_to_one_unit(seconds: float, text: str) -> None:
    assert words.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_sizes_durations_and_credits() -> None:
    assert (words.size(812_400), words.size(1_100_000)) == ("812 kB", "1.1 MB")
    assert (words.duration(4.4), words.duration(125)) == ("4 s", "2 min 5 s")
    assert (words.credits_text(Decimal("30.00")), words.credits_text(None)) == ("30 credits", "–")


def test_every_stage_and_every_end_has_words() -> None:
    assert set(words.STAGES) | {Stage.DONE} == set(Stage)
    assert set(words.EXPLAINED) == set(words.STAGES)
    assert set(words.ENDS) | {Status.RUNNING} == set(Status)
    assert set(words.COLOURS) == set(words.ICONS) == set(Status)
