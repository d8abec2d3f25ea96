"""What pages were shown, kept for as long as nothing changed: many viewers of the same cost the table no more than one.

An answer holds while the newest change of the job table is the one that it was read after. Numbers of changes are given
out before their transactions end, so shortly after a change a later one may be seen before an earlier one: an answer of
that time is kept for seconds only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from core.ports.clock import Clock

SETTLE_S = 10.0  # no transaction of ours takes so long
SOON_S = 2.0
MOST = 500  # answers
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    change: int
    until_s: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(Generic[Value]):
    """What was shown last. Attributes: at: when it was still so."""

    value: Value
    at: datetime


class ReadCache:
    """Args:
    last_change: the number of the newest change, which costs next to nothing to ask for.
    most_s: how long an answer holds at most; what is no part of the job table may change without a number.
    """

    def __init__(self, last_change: Callable[[], int], clock: Clock, *, most_s: float) -> None:
        self._last_change = last_change
        self._clock = clock
        self._most_s = most_s
        self._lock = threading.Lock()
        self._reading: dict[Hashable, threading.Lock] = {}
        self._kept: dict[Hashable, _Kept] = {}
        self._change, self._since_s = -1, 0.0

    def get(self, key: Hashable, read: Callable[[], Value], *, most_s: float | None = None) -> Value:
        """What was read last under this key, or what is read now. Whoever asks meanwhile waits for that.

        Raises: StoreUnavailable, and what `read` raises; nothing is kept then.
        """
        kept = self._find(key, self._known_change())
        if kept is not None:
            return kept.value  # type: ignore[no-any-return]
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        try:
            with reading:
                change = self._known_change()
                kept = self._find(key, change)
                if kept is not None:
                    return kept.value  # type: ignore[no-any-return]
                value = read()
                self._keep(key, value, change, self._most_s if most_s is None else most_s)
                return value
        finally:
            with self._lock:
                self._reading.pop(key, None)

    def last(self, key: Hashable) -> Known[Any] | None:
        """What was shown last under this key, however old; for while there is no reading."""
        with self._lock:
            kept = self._kept.get(key)
        return None if kept is None else Known(value=kept.value, at=kept.at)

    def _known_change(self) -> int:
        change = self._last_change()
        with self._lock:
            if change != self._change:
                self._change, self._since_s = change, self._clock.boot_s()
        return change

    def _find(self, key: Hashable, change: int) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.change != change or self._clock.boot_s() >= kept.until_s:
                return None
            self._kept[key] = replace(kept, at=self._clock.now())
            return kept

    def _keep(self, key: Hashable, value: Any, change: int, most_s: float) -> None:
        with self._lock:
            now_s = self._clock.boot_s()
            holds_s = most_s if now_s - self._since_s > SETTLE_S else min(SOON_S, most_s)
            self._kept.pop(key, None)
            self._kept[key] = _Kept(value, change, now_s + holds_s, self._clock.now())
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
