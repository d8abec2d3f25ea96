"""The ObjectStore port on a folder."""

from __future__ import annotations

import errno
import logging
import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.domain.errors import ObjectMissing, StorageFull, StoreUnavailable
from core.stores.folders import PART, make_room, remove, sweep

log = logging.getLogger(__name__)
MOST_VANISHED = 50  # times that a folder may be removed as empty just before the first file comes into it


class LocalObjectStore:
    """Files below one folder; each is written beside its place, synced, and renamed into it.

    Args:
        most_bytes: for a folder of files that can be made again: after a put the oldest go until this is kept.
    """

    def __init__(self, folder: Path, *, most_bytes: int | None = None) -> None:
        self._folder = folder.resolve()
        self._most_bytes = most_bytes
        self._making_room = threading.Lock()

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        target = self._path(key)
        partial = target.with_name(f".{uuid.uuid4().hex}{PART}")
        try:
            with _opened(partial) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            _sync_folder(target.parent)
        except OSError as exc:
            with suppress(OSError):
                remove(partial, below=self._folder)
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    "The disk is full, so the file could not be stored. Free some space; work goes on by itself."
                ) from exc
            raise _unavailable("written", key, exc) from exc
        self._make_room(target)

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError) as exc:
            raise ObjectMissing(f"The stored file {key} is not there any more.") from exc
        except OSError as exc:
            raise _unavailable("read", key, exc) from exc

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def local_path(self, key: str) -> Path | None:
        path = self._path(key)
        return path if path.is_file() else None

    def keys(self) -> Sequence[str]:
        """Every file that is whole."""
        found = (path for path in self._folder.rglob("*") if path.is_file() and path.suffix != ".part")
        return sorted(path.relative_to(self._folder).as_posix() for path in found)

    def sizes(self) -> Mapping[str, int]:
        """Bytes of every file that is whole, by its key."""
        found = {}
        for key in self.keys():
            with suppress(FileNotFoundError):  # it was removed meanwhile
                found[key] = self._path(key).stat().st_size
        return found

    def drop_copy(self, key: str) -> None:
        """The file itself lies here: there is no copy."""

    def delete(self, key: str) -> None:
        try:
            remove(self._path(key), below=self._folder)
        except OSError as exc:
            raise _unavailable("removed", key, exc) from exc

    def sweep(self) -> None:
        """Remove what dead processes left here, and empty folders. A convenience for after a start: never raises."""
        try:
            sweep(self._folder)
        except OSError as exc:
            log.warning("%s could not be swept: %s", self._folder, exc)

    def _make_room(self, newest: Path) -> None:
        """The new file is stored, whatever becomes of the old ones."""
        if self._most_bytes is None:
            return
        with self._making_room:
            try:
                make_room(self._folder, most_bytes=self._most_bytes, newest=newest)
            except OSError as exc:
                log.warning("no room could be made in %s: %s", self._folder, exc)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        unsafe = any(part in ("..", "/") or "\\" in part or "\0" in part for part in parts)
        if not parts or unsafe or key.startswith("/"):
            raise ValueError(f"Not a key of the object store: {key!r}.")
        return self._folder.joinpath(*parts)


def _unavailable(act: str, key: str, exc: OSError) -> StoreUnavailable:
    """People get a sentence; where the file lies on the server is for the log alone."""
    log.error("%s could not be %s: %s", key, act, exc)
    return StoreUnavailable(
        f"A file could not be {act} ({exc.strerror or type(exc).__name__}). The server's log says which one. "
        "Work goes on by itself."
    )


def _opened(partial: Path) -> BinaryIO:
    """A new file, in a folder that others may remove for as long as it is empty. Raises: OSError."""
    for _ in range(MOST_VANISHED):
        with suppress(FileNotFoundError, FileExistsError):  # mkdir says the latter of one that vanishes meanwhile
            partial.parent.mkdir(parents=True, exist_ok=True)
            return partial.open("wb")
    raise OSError(errno.EBUSY, "its folder is removed again and again", str(partial.parent))


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # the file was deleted meanwhile, and its folder with it
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
