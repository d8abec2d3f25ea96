"""The object store, and how its newest write ended: health tells it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from core.domain.errors import StorageFull, StoreUnavailable
from core.ports.object_store import ObjectStore

TRY_AGAIN_S = 10.0
PROBE = "images/health-probe.txt"


class WatchedFiles:
    """An ObjectStore around an ObjectStore."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._problem: str | None = None
        self._tried_s = 0.0

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        try:
            self._objects.put(key, data, media_type=media_type)
        except (StorageFull, StoreUnavailable) as exc:
            with self._lock:
                self._problem, self._tried_s = exc.message, time.monotonic()
            raise
        with self._lock:
            self._problem = None

    def get(self, key: str) -> bytes:
        return self._objects.get(key)

    def exists(self, key: str) -> bool:
        return self._objects.exists(key)

    def local_path(self, key: str) -> Path | None:
        return self._objects.local_path(key)

    def drop_copy(self, key: str) -> None:
        self._objects.drop_copy(key)

    def delete(self, key: str) -> None:
        self._objects.delete(key)

    def problem(self) -> str | None:
        """Why the newest write failed; where it did, a small one is tried now and then, so that it passes."""
        with self._lock:
            is_due = self._problem is not None and time.monotonic() - self._tried_s > TRY_AGAIN_S
        if is_due:
            self._try()
        with self._lock:
            return self._problem

    def _try(self) -> None:
        try:
            self.put(PROBE, b"ok", media_type="text/plain")
            self._objects.delete(PROBE)
        except (StorageFull, StoreUnavailable):
            return  # noted by `put`; what could not be removed is written over the next time
