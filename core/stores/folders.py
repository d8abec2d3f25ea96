"""Housekeeping in folders that several threads and processes write to at the same time."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

PART = ".part"  # how the names end under which files are written before they get their own
STALE_S = 3600.0  # no file takes that long to write, so whoever began it is gone


def make_room(folder: Path, *, most_bytes: int, newest: Path) -> None:
    """Remove the oldest files below a folder until no more than that is left; never the newest.

    What others are writing is neither counted nor removed; what they left behind long ago is.

    Raises: OSError, except for files that vanish meanwhile.
    """
    found = []
    for path, age_s, size in _files(folder):
        if path.name.endswith(PART):
            if age_s > STALE_S:
                remove(path, below=folder)
        else:
            found.append((age_s, size, path))
    too_much = sum(size for _, size, _ in found) - most_bytes
    for _, size, path in sorted(found, reverse=True):
        if too_much <= 0:
            return
        if path != newest:
            remove(path, below=folder)
            too_much -= size


def sweep(folder: Path) -> None:
    """Remove what dead processes left half written, and folders in which nothing is any more."""
    for path, age_s, _ in _files(folder):
        if path.name.endswith(PART) and age_s > STALE_S:
            remove(path, below=folder)
    for emptied, _, _ in os.walk(folder, topdown=False):
        if Path(emptied) != folder:
            with contextlib.suppress(OSError):  # something is in it, or it is gone already
                os.rmdir(emptied)


def remove(path: Path, *, below: Path) -> None:
    """Remove a file, and the folders above it that are empty then; no error when it is gone already."""
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == below or below not in parent.parents:
            return
        try:
            parent.rmdir()
        except OSError:  # something else is in it
            return


def _files(folder: Path) -> Iterator[tuple[Path, float, int]]:
    """Each file with its age in seconds and its size, except those that vanish while it is looked at."""
    now_s = time.time()
    for parent, _, names in os.walk(folder):  # unlike rglob it does not mind when a folder vanishes
        for path in (Path(parent, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                facts = path.lstat()
                yield path, now_s - facts.st_mtime, facts.st_size
