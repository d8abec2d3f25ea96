"""Copy the files that a job table names from one store to another, several side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from core.domain.errors import MigrationRefused, ObjectMissing
from core.domain.job import MEDIA_TYPES
from core.ports.archive import Record
from core.ports.object_store import ObjectStore
from core.services.stored_files import fits, is_described

SIDE_BY_SIDE = 8  # each is held in memory; over a network most of the time is waited for answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A store of files. `name` is for people."""

    name: str
    objects: ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What is there now.

    Attributes:
        missing: files that rows describe and the source does not have.
    """

    files: int
    file_bytes: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFiles:
    """Each file is read back and compared. Run again, it goes on where it was."""

    source: Place
    target: Place

    def run(self, files: Iterable[Record], *, advance: Callable[[int], None] = lambda count: None) -> Copied:
        """`advance` is told of each file, on the calling thread.

        Raises: MigrationRefused for a file that is not what its row describes; StoreUnavailable, StorageFull.
        """
        left, under_way = iter(files), dict[Future[int | None], Record]()
        count, size, missing = 0, 0, []
        pool = ThreadPoolExecutor(SIDE_BY_SIDE, "copy")
        try:
            for file in islice(left, SIDE_BY_SIDE):
                under_way[pool.submit(self._copy, file)] = file
            while under_way:
                for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                    file, found = under_way.pop(done), done.result()
                    if found is not None:
                        count, size = count + 1, size + found
                    elif is_described(file):
                        missing.append(str(file["key"]))
                    advance(1)
                    for following in islice(left, 1):
                        under_way[pool.submit(self._copy, following)] = following
        finally:
            pool.shutdown(cancel_futures=True)
        return Copied(files=count, file_bytes=size, missing=tuple(sorted(missing)))

    def _copy(self, file: Record) -> int | None:
        """Its size; None when the source does not have it."""
        return self._described(file) if is_described(file) else self._undescribed(str(file["key"]))

    def _described(self, file: Record) -> int | None:
        key = str(file["key"])
        if self._is_there(file):
            return int(file["size_bytes"])
        try:
            data = self.source.objects.get(key)
        except ObjectMissing:
            return None
        if not fits(data, file):
            raise MigrationRefused(
                f"The file {key} in {self.source.name} is not the one its job has on record: other size or hash. "
                "Restore it from a backup, or remove the file to go on without it, and run this again."
            )
        media_type = file.get("media_type") or MEDIA_TYPES[str(file.get("kind", "glb"))]
        self.target.objects.put(key, data, media_type=str(media_type))
        if not self._is_there(file):
            raise self._not_as_stored(key)
        return len(data)

    def _undescribed(self, key: str) -> int | None:
        """A file that no row describes: its bytes are compared with what comes back."""
        try:
            data = self.source.objects.get(key)
        except ObjectMissing:
            return None
        self.target.objects.put(key, data, media_type=_kind_of(data))
        if self.target.objects.get(key) != data:
            raise self._not_as_stored(key)
        return len(data)

    def _is_there(self, file: Record) -> bool:
        try:
            return fits(self.target.objects.get(str(file["key"])), file)
        except ObjectMissing:
            return False

    def _not_as_stored(self, key: str) -> MigrationRefused:
        return MigrationRefused(f"{self.target.name} does not give {key} back as it was stored. Run this again.")


def _kind_of(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "image/png"
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "application/octet-stream"
