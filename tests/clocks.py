"""A clock that only moves when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class FakeClock:
    boot_id = "fake boot"

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
        self._boot_s = 1000.0
        self.followers: list[Callable[[datetime], None]] = []

    def now(self) -> datetime:
        return self._now

    def boot_s(self) -> float:
        return self._boot_s

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._boot_s += seconds
        for follow in self.followers:
            follow(self._now)

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock; no time passes."""
        self._now += timedelta(seconds=seconds)
        for follow in self.followers:
            follow(self._now)
