"""Ages, sizes and durations in plain words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.domain.status import Stage, Status
from core.ui import labels

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
    assert labels.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_sizes_durations_and_credits() -> None:
    assert (labels.size(812_400), labels.size(1_100_000)) == ("812 kB", "1.1 MB")
    assert (labels.duration(4.4), labels.duration(125)) == ("4 s", "2 min 5 s")
    assert (labels.credits_text(Decimal("30.00")), labels.credits_text(None)) == ("30 credits", "–")


def test_every_stage_and_every_end_has_words() -> None:
    assert set(labels.STAGES) | {Stage.DONE} == set(Stage)
    assert set(labels.EXPLAINED) == set(labels.STAGES)
    assert set(labels.ENDS) | {Status.RUNNING} == set(Status)
    assert set(labels.COLOURS) == set(labels.ICONS) == set(Status)
