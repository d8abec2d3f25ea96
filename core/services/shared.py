"""A value that many ask for: read once in a while for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Shared(Generic[Value]):
    """Args: fresh_s: how old an answer may be."""

    def __init__(
        self, read: Callable[[], Value], *, fresh_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._fresh_s = fresh_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._known: tuple[float, Value] | None = None

    def get(self) -> Value:
        """Whoever asks while it is read waits for that. Raises: as the reading does; nothing is kept then."""
        with self._lock:
            if self._known is None or self._clock_s() - self._known[0] > self._fresh_s:
                self._known = None
                self._known = (self._clock_s(), self._read())
            return self._known[1]
