"""Stored files as their jobs have them on record, or not at all: other bytes are never shown under a known name."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from core.domain.errors import ObjectChanged, ObjectMissing
from core.domain.job import StoredModel
from core.domain.request import StoredImage
from core.ports.object_store import ObjectStore
from core.services.bounded import RecentlyUsed

log = logging.getLogger(__name__)
MOST_REMEMBERED = 10_000
WHAT_NOW = (
    "Ask the operator to put it back from a backup (`python -m core.doctor` names every such file), or make the job "
    "again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueFiles:
    """Reads files of jobs and compares their hashes; on this machine's disk once for each change of the file."""

    objects: ObjectStore
    _seen: RecentlyUsed[str, tuple[int, int, int]] = field(default_factory=lambda: RecentlyUsed(MOST_REMEMBERED))

    def path(self, file: StoredModel) -> Path | None:
        """The file on this machine's disk; None when it is not kept on one.

        Raises: ObjectMissing, ObjectChanged, StoreUnavailable.
        """
        path = self.objects.local_path(file.key)
        if path is None:
            return None
        try:
            found = path.stat()
            mark = (found.st_ino, found.st_size, found.st_mtime_ns)
            name = f"{file.sha256} {path}"
            if self._seen.get(name) != mark:
                with path.open("rb") as opened:
                    self._check(file, found.st_size, hashlib.file_digest(opened, "sha256").hexdigest())
                self._seen.put(name, mark)
        except FileNotFoundError as exc:
            raise _missing(file) from exc
        return path

    def read(self, file: StoredModel | StoredImage) -> bytes:
        """The whole file. Raises: ObjectMissing, ObjectChanged, StoreUnavailable."""
        try:
            data = self.objects.get(file.key)
        except ObjectMissing as exc:
            raise _missing(file) from exc
        self._check(file, len(data), hashlib.sha256(data).hexdigest())
        return data

    def _check(self, file: StoredModel | StoredImage, size_bytes: int, sha256: str) -> None:
        if (size_bytes, sha256) == (file.size_bytes, file.sha256):
            return
        log.error("%s is not the file that was stored: %s bytes, %s", file.key, size_bytes, sha256)
        self.objects.drop_copy(file.key)  # so that it is fetched anew once it was put back
        raise ObjectChanged(f"The stored file {file.key} is not the one that was stored. {WHAT_NOW}")


def _missing(file: StoredModel | StoredImage) -> ObjectMissing:
    log.error("%s is missing", file.key)
    return ObjectMissing(f"The stored file {file.key} is not there any more: somebody removed it. {WHAT_NOW}")
