"""Folders that a killed process left behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

OLD_S = 86_400.0  # another process that shares the folder may be at work on younger ones


def remove_old(folder: Path) -> None:
    """What was begun below this folder more than a day ago. Never raises."""
    for path in folder.glob("*"):
        try:
            is_old = time.time() - path.stat().st_mtime > OLD_S
        except OSError:
            continue
        if is_old:
            shutil.rmtree(path, ignore_errors=True)
