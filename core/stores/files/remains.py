"""Whether a folder holds anything of earlier jobs: an empty job table beside it is then a lost one, not a new one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PASSING = ".part"  # a file on its way, of a process that was ended


def has_models(folders: Sequence[Path]) -> bool:
    """A finished file, however deep."""
    return any(path.is_file() and path.suffix != PASSING for folder in folders for path in folder.rglob("*"))


def has_notes(journal: Path) -> bool:
    """A note of a paid task that no job table has yet."""
    return any(True for _ in journal.glob("*/*.json"))
