"""A clock in a file, that all processes of a run share and any of them may advance: hours pass in milliseconds."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from datetime import UTC, datetime
from pathlib import Path

START_S = datetime(2026, 1, 1, 12, 0, tzinfo=UTC).timestamp()


class SharedClock:
    boot_id = "shared boot"

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("d", 0.0))
        self._handle = os.open(path, os.O_RDWR)
        self._map = mmap.mmap(self._handle, 8)

    def now(self) -> datetime:
        return datetime.fromtimestamp(START_S + self.passed_s(), UTC)

    def boot_s(self) -> float:
        return 1000.0 + self.passed_s()

    def seconds(self) -> float:
        """Unix seconds, for the fake Tripo."""
        return START_S + self.passed_s()

    def passed_s(self) -> float:
        return float(struct.unpack("d", self._map[:8])[0])

    def close(self) -> None:
        self._map.close()
        os.close(self._handle)

    def advance(self, seconds: float) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self._map[:8] = struct.pack("d", self.passed_s() + seconds)
        fcntl.flock(self._handle, fcntl.LOCK_UN)
