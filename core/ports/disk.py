"""What is known of the disk below DATA_DIR."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskState:
    """One look at it.

    Attributes:
        free_bytes: None when it could not be told.
        problem: a sentence, or None when all is well.
    """

    free_bytes: int | None = None
    problem: str | None = None
