"""What a search looks for, the same in every job store."""

from __future__ import annotations

from core.domain.naming import folded
from core.ports.job_store import JobQuery

MOST_DIGITS = 18  # a longer number does not fit the column


def needle(query: JobQuery) -> str:
    """What a folded name has to contain; empty for all."""
    return folded(query.search)


def number(query: JobQuery) -> int:
    """The number of a job that was typed; -1, which no job has, when it is none."""
    is_number = query.search.isdecimal() and len(query.search) <= MOST_DIGITS
    return int(query.search) if is_number else -1
