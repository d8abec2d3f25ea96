"""Names from before an update are folded batch after batch, and then looked for seldom."""

from __future__ import annotations

from typing import cast

from core.ports.job_store import JobStore
from core.services.names import BATCH, LOOK_AGAIN_S, FoldNames
from tests.clocks import FakeClock


class OldNames:
    def __init__(self, count: int) -> None:
        self.left, self.calls = count, 0

    def fold_names(self, *, limit: int) -> int:
        self.calls += 1
        done = min(limit, self.left)
        self.left -= done
        return done


def test_every_name_is_folded_tick_by_tick_and_then_nobody_asks_for_a_while() -> None:
    names, clock = OldNames(2 * BATCH + 1), FakeClock()
    fold = FoldNames(jobs=cast(JobStore, names), clock=clock)

    assert [fold.tick() for _ in range(5)] == [BATCH, BATCH, 1, 0, 0]
    assert (names.left, names.calls) == (0, 3)
    names.left = 1
    clock.advance(LOOK_AGAIN_S)
    assert (fold.tick(), names.calls) == (1, 4)
