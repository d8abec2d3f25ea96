"""Rows of the database: the columns of core.stores.rows, with objects as JSON values."""

from __future__ import annotations

from typing import Any

from core.domain.errors import StoreUnavailable
from core.domain.job import Job
from core.stores import rows
from core.stores.supabase.connection import UPDATE_NEEDED

Row = dict[str, Any]


def to_job(row: Row) -> Job:
    """Raises: StoreUnavailable for a row of a database that lacks the newest update."""
    try:
        return rows.to_job(row)
    except KeyError as exc:
        raise StoreUnavailable(UPDATE_NEEDED) from exc
