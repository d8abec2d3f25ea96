"""The machine's own clocks."""

from __future__ import annotations

import functools
import os
import time
from datetime import UTC, datetime
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIME_NAMESPACE = Path("/proc/self/ns/time")  # a container may have a boot clock of its own


class SystemClock:
    """The Clock port on the real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_s(self) -> float:
        # CLOCK_BOOTTIME counts suspended time; monotonic does not on Linux. macOS has no BOOTTIME, its monotonic does.
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    @property
    def boot_id(self) -> str:
        return _boot_id()


@functools.cache
def _boot_id() -> str:
    """Known on Linux only. Elsewhere a clock that is set while jobs wait may make them wait longer."""
    try:
        namespace = os.readlink(TIME_NAMESPACE) if TIME_NAMESPACE.exists() else ""
        return f"{BOOT_ID.read_text(encoding='ascii').strip()} {namespace}"
    except OSError:
        return ""
