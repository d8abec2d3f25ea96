"""Rows of the SQLite file: the columns of core.stores.rows, with objects as texts."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core.domain.errors import StoreDamaged
from core.domain.job import Job
from core.stores import rows
from core.stores.sqlite.soundness import DAMAGED

Value = TypeVar("Value")


def _sound(read: Callable[[sqlite3.Row], Value]) -> Callable[[sqlite3.Row], Value]:
    """What nobody of ours wrote shows that the file is damaged, though SQLite could read it."""

    @functools.wraps(read)
    def checked(row: sqlite3.Row) -> Value:
        try:
            return read(row)
        except (ValueError, TypeError, LookupError, ArithmeticError) as exc:
            raise StoreDamaged(DAMAGED) from exc

    return checked


def parameters(row: Mapping[str, Any]) -> dict[str, Any]:
    """For a query: objects become texts."""
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}


@_sound
def to_job(row: sqlite3.Row) -> Job:
    """A row of SQLite looks its columns up one after the other; a job has fifty."""
    return rows.to_job(dict(zip(row.keys(), row, strict=True)))


to_event = _sound(rows.to_event)  # type: ignore[arg-type]  # sqlite3.Row is a mapping in all that is asked of it
to_orphaned = _sound(rows.to_orphaned)  # type: ignore[arg-type]
