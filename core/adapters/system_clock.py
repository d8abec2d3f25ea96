"""The machine's own clocks."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The Clock port on the real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_s(self) -> float:
        # CLOCK_BOOTTIME counts suspended time; monotonic does not on Linux. macOS has no BOOTTIME, its monotonic does.
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()
