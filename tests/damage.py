"""Ways in which the file of a job table is spoilt, as disks and people do it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import new_job
from tests.clocks import FakeClock

PAGE = 4096
NOISE = random.Random(9)
Spoil = Callable[[Path], None]


def filled(path: Path, *, jobs: int = 200) -> int:
    """A table of that many jobs that have ended; its newest number."""
    store = SqliteJobStore(path, FakeClock())
    for number in range(jobs):
        store.cancel(store.add(new_job(target_object=f"Cup {number}")).job.id, maker="Tripo")
    store.close()
    return jobs


def overwrite(path: Path, first: int, count: int) -> None:
    """Pages from `first` on, counted from 0, with noise; the file keeps its size."""
    with path.open("r+b") as file:
        file.seek(first * PAGE)
        file.write(NOISE.randbytes(count * PAGE))


def pages(path: Path) -> int:
    return path.stat().st_size // PAGE


def first_pages(path: Path) -> None:
    overwrite(path, 0, 3)


def middle(path: Path) -> None:
    overwrite(path, pages(path) // 2, 4)


def quarter(path: Path) -> None:
    overwrite(path, pages(path) // 4, pages(path) // 4)


def indexes(path: Path) -> None:
    """The root of every index."""
    with closing(sqlite3.connect(path)) as database:
        roots = [row[0] for row in database.execute("select rootpage from sqlite_master where type = 'index'")]
    for root in roots:
        overwrite(path, root - 1, 1)


def cut_off(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE * PAGE)


def no_database(path: Path) -> None:
    path.write_bytes(b"<html>" + bytes(PAGE))


WAYS: dict[str, Spoil] = {each.__name__: each for each in (first_pages, middle, quarter, indexes, cut_off, no_database)}
