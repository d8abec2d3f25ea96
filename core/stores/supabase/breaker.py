"""A circuit breaker: while nothing answers, whoever asks next is told so at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FAILURES = 2  # in a row: one alone may be a connection that was closed meanwhile
PAUSE_S = 5.0


class Breaker:
    """Shared by all threads of a process. Args: clock_s: seconds that never go back."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._failures, self._until_s = 0, 0.0

    def lets_pass(self) -> bool:
        """Whether to ask. After a pause one may, and the others are told no until it has found out."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if self._clock_s() < self._until_s:
                return False
            self._until_s = self._clock_s() + PAUSE_S
            return True

    def worked(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._until_s = self._clock_s() + PAUSE_S
