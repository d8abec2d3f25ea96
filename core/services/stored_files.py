"""Which files the rows of a job table name, and whether bytes are the ones a row describes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from core.ports.archive import JOBS, TABLES, Key, Record, Rows
from core.services.model_files import KEPT_CODE, ORIGINAL, beside, folder_of, old_original_key

BATCH = 200  # rows read at once


def recorded_files(rows: Rows) -> Iterator[Record]:
    """Each stored file once: retried jobs share a picture. See `files_of`."""
    seen: set[str] = set()
    for record in every_row(rows, JOBS):
        for file in files_of(record):
            if file["key"] not in seen:
                seen.add(file["key"])
                yield file


def files_of(record: Record) -> Iterator[Record]:
    """The files of one job. A picture or model has its size and hash; what no row describes has only a key, and may
    not be there.
    """
    inputs = (record["request"] or {}).get("inputs", {}).values()
    for file in (record["image"], record["model"], record["options"].get("back"), *inputs):
        if file is not None:
            yield file
    if record["error_code"] == KEPT_CODE:
        yield {"key": f"{folder_of(record['id'], record['task_id'])}/{ORIGINAL}"}
        yield {"key": old_original_key(record["id"])}
    if record["model"] is not None:
        yield {"key": beside(record["model"]["key"])}


def is_described(file: Record) -> bool:
    """Whether a row tells its size and hash."""
    return "sha256" in file


def fits(data: bytes, file: Record) -> bool:
    """Whether these are the bytes that the row describes."""
    return len(data) == int(file["size_bytes"]) and hashlib.sha256(data).hexdigest() == str(file["sha256"])


def every_row(rows: Rows, table: str) -> Iterator[Record]:
    for batch in batches(rows, table):
        yield from batch


def batches(rows: Rows, table: str, *, size: int = BATCH) -> Iterator[list[Record]]:
    after: Key = TABLES[table].first_key
    while batch := rows.read(table, after=after, limit=size):
        yield batch
        after = batch[-1][TABLES[table].key]
