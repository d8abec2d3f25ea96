"""How long jobs of one category and kind took lately: what people are told, and what asking for tasks goes by."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

RECENT, LEAST_RECENT = 20, 3  # models that an estimate rests on


def usual_s(durations_s: Sequence[float]) -> float | None:
    """The median, of at most the RECENT newest; None after too few to say."""
    return statistics.median(durations_s) if len(durations_s) >= LEAST_RECENT else None
