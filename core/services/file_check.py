"""Whether the files of an installation are those that its jobs have on record. Only reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core.domain.errors import ObjectMissing
from core.ports.archive import JOBS, Record, Rows
from core.ports.object_store import ListedStore
from core.services.model_files import ORIGINAL, PREVIEW, UNREADABLE
from core.services.stored_files import every_row, files_of, fits, is_described

SIDE_BY_SIDE = 8  # files that are read at once; each is held in memory
# What is made of a model and kept beside it: its figures and pictures; no row describes these.
MADE_HERE = re.compile(
    rf"models/(\d+)/(?:.+/)?(?:[0-9a-f]{{16}}\.v\d+\.(?:json|png)|{PREVIEW}|{ORIGINAL}|{UNREADABLE})"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """A file that is not as its job has it on record."""

    job_id: int
    key: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found.

    Attributes:
        jobs, files: rows of the table, and files that they describe.
        foreign: files that no job of the table names.
    """

    jobs: int
    files: int
    missing: tuple[Fault, ...]
    changed: tuple[Fault, ...]
    foreign: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """A foreign file does no harm."""
        return not self.missing and not self.changed


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """The use case."""

    rows: Rows
    objects: ListedStore

    def run(self, *, reads_all: bool, advance: Callable[[int], None] = lambda count: None) -> Checked:
        """By name and size; with `reads_all` by hash too. Raises: StoreUnavailable, StoreDamaged."""
        # the files first: one that is stored and named by a row meanwhile is then no fault
        there = dict(self.objects.sizes())
        owners: dict[str, tuple[int, Record]] = {}
        known, jobs = set[str](), set[int]()
        for record in every_row(self.rows, JOBS):
            jobs.add(record["id"])
            for file in files_of(record):
                known.add(file["key"])
                if is_described(file):
                    owners.setdefault(file["key"], (record["id"], file))
        missing, changed, same = [], [], []
        for key, (job_id, file) in owners.items():
            if key not in there and not self.objects.exists(key):
                missing.append(Fault(job_id=job_id, key=key))
            elif there.get(key, file["size_bytes"]) != file["size_bytes"]:
                changed.append(Fault(job_id=job_id, key=key, why=_sizes(file, there[key])))
            else:
                same.append((job_id, file))
        if reads_all:
            self._read(same, missing, changed, advance)
        return Checked(
            jobs=len(jobs),
            files=len(owners),
            missing=tuple(sorted(missing)),
            changed=tuple(sorted(changed)),
            foreign=_foreign(there, known, jobs),
        )

    def _read(
        self,
        files: list[tuple[int, Record]],
        missing: list[Fault],
        changed: list[Fault],
        advance: Callable[[int], None],
    ) -> None:
        with ThreadPoolExecutor(SIDE_BY_SIDE, "check") as pool:
            for (job_id, file), is_same in zip(
                files, pool.map(self._is_same, [each for _, each in files]), strict=True
            ):
                if is_same is None:
                    missing.append(Fault(job_id=job_id, key=file["key"]))
                elif not is_same:
                    changed.append(Fault(job_id=job_id, key=file["key"], why="other bytes of the same size"))
                advance(1)

    def _is_same(self, file: Record) -> bool | None:
        """None: it is not there."""
        try:
            return fits(self.objects.get(str(file["key"])), file)
        except ObjectMissing:
            return None


def _sizes(file: Record, found: int) -> str:
    return f"{found} bytes instead of {file['size_bytes']}"


def _foreign(there: Mapping[str, int], known: set[str], jobs: set[int]) -> tuple[str, ...]:
    def is_ours(key: str) -> bool:
        made = MADE_HERE.fullmatch(key)
        return key in known or (made is not None and int(made[1]) in jobs)

    return tuple(sorted(key for key in there if not is_ours(key)))
