"""Move an installation from one store to the other: files, jobs, events, and what is known of the account."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from core.domain.errors import MigrationRefused, ObjectMissing
from core.domain.job import MEDIA_TYPES
from core.ports.archive import TABLES, Archive, Key, Record
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services.backoff import FOR_GOOD_S, is_for_good
from core.services.model_files import KEPT_CODE, ORIGINAL, beside, folder_of, old_original_key

BATCH = 200  # rows read and written at once
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
        was_moved = _is_stopped(self.source, self.generators)
        if was_moved:
            self._check_moved_to_here()
        for table in TABLES:
            self._check_free(table)
        _stop(self.target, self.generators)
        # notes of paid answers on the servers' disks name the installation, which is the same one at its new place
        self.target.archive.name_installation(self.source.jobs.installation().id)
        files, size, missing = self._move_files()
        for table in TABLES:
            self._move_rows(table)
        for side in (self.source, self.target):
            _check_at_rest(side)
        rows = {table: self._compare(table) for table in TABLES}
        _stop(self.source, self.generators)
        try:
            _check_at_rest(self.source)
        except MigrationRefused:
            if not was_moved:
                _resume(self.source, self.generators)
            raise
        _resume(self.target, self.generators)
        return Moved(rows=rows, files=files, file_bytes=size, missing=tuple(missing))

    def _check_moved_to_here(self) -> None:
        """An installation that was moved already: the same move may be run again, another one may not."""
        if any(_digest(self.source.archive, table) != _digest(self.target.archive, table) for table in TABLES):
            raise MigrationRefused(
                f"{self.source.name} was moved already, and its jobs went on elsewhere since. Moving it again would "
                "order and pay waiting jobs twice. Move from where they are now."
            )

    def _check_free(self, table: str) -> None:
        """What is on the target already must be an earlier part of this same move."""
        key = TABLES[table].key
        theirs = {record[key]: _hash(record) for record in _all(self.target.archive, table)}
        if not theirs:
            return
        for record in _all(self.source.archive, table):
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

    def _move_files(self) -> tuple[int, int, list[str]]:
        files = list(_files(self.source.archive))
        self.progress.begin("files", len(files))
        moved, size, missing = 0, 0, []
        for file in files:
            found = self._move_file(file) if "sha256" in file else self._move_unlisted(str(file["key"]))
            if found is not None:
                moved, size = moved + 1, size + found
            elif "sha256" in file:
                missing.append(str(file["key"]))
            self.progress.advance(1)
        return moved, size, missing

    def _move_unlisted(self, key: str) -> int | None:
        """A file that no row describes: its bytes are compared with what comes back. None when there is none."""
        try:
            data = self.source.objects.get(key)
        except ObjectMissing:
            return None
        self.target.objects.put(key, data, media_type=_kind_of(data))
        if self.target.objects.get(key) != data:
            raise MigrationRefused(f"{self.target.name} does not give {key} back as it was stored. Run this again.")
        return len(data)

    def _move_file(self, file: Record) -> int | None:
        """Its size; None when the old side does not have it any more."""
        key = str(file["key"])
        if _is_there(self.target.objects, file):
            return int(file["size_bytes"])
        try:
            data = self.source.objects.get(key)
        except ObjectMissing:
            return None
        if not _fits(data, file):
            raise MigrationRefused(
                f"The file {key} in {self.source.name} is not the one its job has on record: other size or hash. "
                "Restore it from a backup, or remove the file to go on without it, and run this again."
            )
        media_type = file.get("media_type") or MEDIA_TYPES[str(file.get("kind", "glb"))]
        self.target.objects.put(key, data, media_type=str(media_type))
        if not _is_there(self.target.objects, file):
            raise MigrationRefused(f"{self.target.name} does not give {key} back as it was stored. Run this again.")
        return len(data)

    def _move_rows(self, table: str) -> None:
        self.progress.begin(table, self.source.archive.count(table))
        for batch in _batches(self.source.archive, table):
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


def _stop(side: Installation, generators: Sequence[str]) -> None:
    for generator in generators:
        side.jobs.accounts.pause_account(generator=generator, wait_s=FOR_GOOD_S)


def _resume(side: Installation, generators: Sequence[str]) -> None:
    for generator in generators:
        side.archive.resume(generator)


def _kind_of(data: bytes) -> str:
    if data.startswith(b"\x89PNG"):
        return "image/png"
    return "image/jpeg" if data.startswith(b"\xff\xd8") else "application/octet-stream"


def _files(archive: Archive) -> Iterator[Record]:
    """Each stored file once: retried jobs share a picture. Those that no row describes have only a key."""
    seen: set[str] = set()
    for record in _all(archive, "generated_images"):
        inputs = (record["request"] or {}).get("inputs", {}).values()
        for file in (record["image"], record["model"], record["options"].get("back"), *inputs):
            if file is not None and file["key"] not in seen:
                seen.add(file["key"])
                yield file
        if record["error_code"] == KEPT_CODE:
            yield {"key": f"{folder_of(record['id'], record['task_id'])}/{ORIGINAL}"}
            yield {"key": old_original_key(record["id"])}
        if record["model"] is not None:
            yield {"key": beside(record["model"]["key"])}


def _is_there(objects: ObjectStore, file: Record) -> bool:
    try:
        return _fits(objects.get(str(file["key"])), file)
    except ObjectMissing:
        return False


def _fits(data: bytes, file: Record) -> bool:
    return len(data) == int(file["size_bytes"]) and hashlib.sha256(data).hexdigest() == str(file["sha256"])


def _batches(archive: Archive, table: str) -> Iterator[list[Record]]:
    after: Key = TABLES[table].first_key
    while batch := archive.read(table, after=after, limit=BATCH):
        yield batch
        after = batch[-1][TABLES[table].key]


def _all(archive: Archive, table: str) -> Iterator[Record]:
    for batch in _batches(archive, table):
        yield from batch


def _digest(archive: Archive, table: str) -> tuple[int, int]:
    """How many rows, and a sum of their hashes: the same in any order, and stores sort texts differently."""
    count, total = 0, 0
    for record in _all(archive, table):
        count += 1
        total = (total + int.from_bytes(_hash(record))) % 2**256
    return count, total


def _hash(record: Record) -> bytes:
    return hashlib.sha256(json.dumps(record, sort_keys=True, ensure_ascii=False).encode()).digest()
