"""The disk below a folder: whether it can be written, and what is free; looked at every few seconds at most."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

from core.ports.disk import DiskState

LOOK_EVERY_S = 5.0
LEAST_FREE_BYTES = 200 * 2**20  # one large model, its copies, and the job table's own journal


class Disk:
    """Args: folder: made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._looked_s: float | None = None
        self._known = DiskState()

    def state(self) -> DiskState:
        """As it was a few seconds ago at most. Never raises."""
        with self._lock:
            now_s = time.monotonic()
            if self._looked_s is None or now_s - self._looked_s > LOOK_EVERY_S:
                self._known, self._looked_s = self._look(), now_s
            return self._known

    def _look(self) -> DiskState:
        probe = self._folder / f".health-{os.getpid()}"
        try:
            free = shutil.disk_usage(self._folder).free
            try:
                probe.write_bytes(b"ok")
            finally:
                probe.unlink(missing_ok=True)
        except OSError as exc:
            return DiskState(
                problem=f"Nothing can be written in DATA_DIR ({exc.strerror}), so no job can be taken and no model "
                "stored. Make the folder writable, or free some space; work goes on by itself."
            )
        if free < LEAST_FREE_BYTES:
            return DiskState(
                free_bytes=free,
                problem=f"The disk of DATA_DIR has {free // 2**20} MB left, too little for a large model. Free some "
                "space: finished models are fetched again until they are stored.",
            )
        return DiskState(free_bytes=free)
