"""Move an installation from one store to the other: files, jobs, events, and what is known of the account."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from core.domain.errors import MigrationRefused
from core.ports.archive import TABLES, Archive, Record
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services.backoff import FOR_GOOD_S, is_for_good
from core.services.copy_files import Copied, CopyFiles, Place
from core.services.stored_files import batches, every_row, recorded_files

BATCH = 200  # rows read and written at once
LEFT = "moved away"  # in the place of a generator's name: nothing of this side may work again
AT_WORK = timedelta(seconds=30)  # a younger heartbeat means that somebody works there now


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One side of a move. `name` is for people."""

    name: str
    jobs: JobStore
    archive: Archive
    objects: ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a move did.

    Attributes:
        rows: rows of each table that are now on both sides, and equal.
        files, file_bytes: pictures and models that are there now, each with the size and hash of its row.
        missing: files that rows name and the old side does not have any more.
    """

    rows: dict[str, int]
    files: int
    file_bytes: int
    missing: tuple[str, ...]


class Progress(Protocol):
    """How far a move is; a progress bar."""

    def begin(self, what: str, total: int) -> None: ...

    def advance(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrate:
    """Copies, compares both sides, and only then stops the old one for good. Run again, it goes on where it was."""

    source: Installation
    target: Installation
    progress: Progress
    generators: Sequence[str]

    def run(self) -> Moved:
        """Raises: MigrationRefused with what to do; StoreUnavailable, StorageFull: run it again later.

        Nothing works on the new side before the old one has stopped for good: both have the same waiting jobs, and one
        that is ordered on both is paid twice.
        """
        for side in (self.source, self.target):
            _check_at_rest(side)
        if _has_left(self.source) and _has_left(self.target):
            raise MigrationRefused(
                f"Both {self.source.name} and {self.target.name} were moved elsewhere: nothing is moved between them. "
                "Else the same jobs would be ordered and paid twice. Move from where the jobs are now."
            )
        was_moved = _is_stopped(self.source, self.generators)
        if was_moved:
            self._check_moved_to_here()
        _check_none_elsewhere(self.source)
        for table in TABLES:
            self._check_free(table)
        _stop(self.target, self.generators)
        # notes of paid answers on the servers' disks name the installation, which is the same one at its new place
        self.target.archive.name_installation(self.source.jobs.installation().id)
        copied = self._move_files()
        for table in TABLES:
            self._move_rows(table)
        for side in (self.source, self.target):
            _check_at_rest(side)
        rows = {table: self._compare(table) for table in TABLES}
        _stop(self.source, (*self.generators, LEFT))
        try:
            _check_at_rest(self.source)
        except MigrationRefused:
            if not was_moved:
                _resume(self.source, (*self.generators, LEFT))
            raise
        _resume(self.target, (*self.generators, LEFT))
        return Moved(rows=rows, files=copied.files, file_bytes=copied.file_bytes, missing=copied.missing)

    def _check_moved_to_here(self) -> None:
        """An installation that was moved already: the same move may be run again, another one may not."""
        if any(_digest(self.source.archive, table) != _digest(self.target.archive, table) for table in TABLES):
            why = (
                "was moved already, and its jobs went on elsewhere since"
                if _has_left(self.source)
                else "was moved already, or a move to it was cut off and is not complete"
            )
            raise MigrationRefused(
                f"{self.source.name} {why}. Moving it again would order and pay waiting jobs twice. Move from where "
                "the jobs are now, or finish the move that was cut off."
            )

    def _check_free(self, table: str) -> None:
        """What is on the target already must be an earlier part of this same move."""
        key = TABLES[table].key
        theirs = {record[key]: _hash(record) for record in every_row(self.target.archive, table)}
        if not theirs:
            return
        for record in every_row(self.source.archive, table):
            if theirs.pop(record[key], None) not in (None, _hash(record)):
                raise MigrationRefused(
                    f"{key} {record[key]} of {table} is in {self.target.name} too, with other content. Nothing was "
                    "written. Move into an empty place, or empty it first (docs/migration.md)."
                )
        if theirs:
            raise MigrationRefused(
                f"{self.target.name} has {len(theirs)} rows in {table} that {self.source.name} does not have, the "
                f"first one with {key} {next(iter(theirs))}. Nothing was written. Two installations cannot be put "
                "together: their jobs have the same numbers. Move into an empty place."
            )

    def _move_files(self) -> Copied:
        files = list(recorded_files(self.source.archive))
        self.progress.begin("files", len(files))
        copying = CopyFiles(
            source=Place(name=self.source.name, objects=self.source.objects),
            target=Place(name=self.target.name, objects=self.target.objects),
        )
        return copying.run(files, advance=self.progress.advance)

    def _move_rows(self, table: str) -> None:
        self.progress.begin(table, self.source.archive.count(table))
        for batch in batches(self.source.archive, table, size=BATCH):
            self.target.archive.restore(table, batch)
            self.progress.advance(len(batch))

    def _compare(self, table: str) -> int:
        """How many rows; both sides are read again."""
        (ours, our_sum), (theirs, their_sum) = _digest(self.source.archive, table), _digest(self.target.archive, table)
        if (ours, our_sum) != (theirs, their_sum):
            raise MigrationRefused(
                f"After the move {table} has {ours} rows in {self.source.name} and {theirs} in {self.target.name}, "
                "or their contents differ. Somebody worked on the old side meanwhile: stop all its servers and "
                "workers, empty the new place, which takes no work before the move is complete, and run this again."
            )
        return ours


def _check_at_rest(side: Installation) -> None:
    beat = side.jobs.last_beat()
    if beat is not None and side.jobs.now() - beat.at < AT_WORK:
        raise MigrationRefused(
            f"{side.name} is at work: {beat.owner} was seen less than {AT_WORK.seconds} s ago. Stop all its servers "
            "and workers, wait half a minute, and run this again."
        )


def _is_stopped(side: Installation, generators: Sequence[str]) -> bool:
    return any(is_for_good(side.jobs.accounts.account_wait_s(generator=generator)) for generator in generators)


def _has_left(side: Installation) -> bool:
    return _is_stopped(side, (LEFT,))


def _check_none_elsewhere(side: Installation) -> None:
    """What another program has under way stays in its own hands."""
    open_ones = [
        record["id"]
        for record in every_row(side.archive, "generated_images")
        if record["stage"] == "done" and record["status"] == "running"
    ]
    if open_ones:
        raise MigrationRefused(
            f"{len(open_ones)} jobs in {side.name} are under way in another program that writes into its table, the "
            f"first one with id {open_ones[0]}. Stop that program; an hour later run database_schema_update.sql again, "
            "which ends them, and then run this again."
        )


def _stop(side: Installation, generators: Sequence[str]) -> None:
    for generator in generators:
        side.jobs.accounts.pause_account(generator=generator, wait_s=FOR_GOOD_S)


def _resume(side: Installation, generators: Sequence[str]) -> None:
    for generator in generators:
        side.archive.resume(generator)


def _digest(archive: Archive, table: str) -> tuple[int, int]:
    """How many rows, and a sum of their hashes: the same in any order, and stores sort texts differently."""
    count, total = 0, 0
    for record in every_row(archive, table):
        count += 1
        total = (total + int.from_bytes(_hash(record))) % 2**256
    return count, total


def _hash(record: Record) -> bytes:
    return hashlib.sha256(json.dumps(record, sort_keys=True, ensure_ascii=False).encode()).digest()
