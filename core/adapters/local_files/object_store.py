"""The ObjectStore port on a folder."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from core.domain.errors import ObjectMissing, StorageFull, StoreUnavailable

PARTIAL = ".part"


class LocalObjectStore:
    """Files below one folder; each is written beside its place, synced, and renamed into it.

    Args:
        most_bytes: for a folder of files that can be made again: after a put the oldest go until this is kept.
    """

    def __init__(self, folder: Path, *, most_bytes: int | None = None) -> None:
        self._folder = folder.resolve()
        self._most_bytes = most_bytes

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        target = self._path(key)
        partial = target.with_name(f".{uuid.uuid4().hex}{PARTIAL}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            _sync_folder(target.parent)
            self._make_room(target, len(data))
        except OSError as exc:
            partial.unlink(missing_ok=True)
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    "The disk is full, so the file could not be stored. Free some space; work goes on by itself."
                ) from exc
            raise StoreUnavailable(f"The file {key} could not be written below {self._folder}: {exc}.") from exc

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as exc:
            raise ObjectMissing(f"The stored file {key} is not there any more.") from exc
        except OSError as exc:
            raise StoreUnavailable(f"The file {key} could not be read: {exc}.") from exc

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def local_path(self, key: str) -> Path | None:
        path = self._path(key)
        return path if path.is_file() else None

    def delete(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as exc:
            raise StoreUnavailable(f"The file {key} could not be removed: {exc}.") from exc

    def _make_room(self, newest: Path, size_bytes: int) -> None:
        if self._most_bytes is None:
            return
        found = sorted(_finished(self._folder, but=newest))
        too_much = sum(size for _, size, _ in found) + size_bytes - self._most_bytes
        for _, size, path in found:
            if too_much <= 0:
                return
            path.unlink(missing_ok=True)
            too_much -= size

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        unsafe = any(part in ("..", "/") or "\\" in part or "\0" in part for part in parts)
        if not parts or unsafe or key.startswith("/"):
            raise ValueError(f"Not a key of the object store: {key!r}.")
        return self._folder.joinpath(*parts)


def _finished(folder: Path, *, but: Path) -> Iterator[tuple[float, int, Path]]:
    """Time, size and path of each file but one. Others' unfinished files are theirs, and any may vanish meanwhile."""
    for path in folder.rglob("*"):
        if path.suffix == PARTIAL or path == but:
            continue
        with suppress(FileNotFoundError):
            found = path.stat()
            if stat.S_ISREG(found.st_mode):
                yield found.st_mtime, found.st_size, path


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
