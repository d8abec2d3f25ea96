"""The named queries of queries.sql."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import aiosql


@functools.cache
def queries() -> Any:
    """Each is a function of a connection and its parameters; parsed once."""
    return aiosql.from_path(Path(__file__).with_name("queries.sql"), "sqlite3", mandatory_parameters=False)
