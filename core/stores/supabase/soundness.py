"""Whether the project's job table is the one this installation works with: its version, and that its jobs are there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from core.domain.errors import StoreDamaged
from core.stores.supabase.connection import SQL_FILE

log = logging.getLogger(__name__)
SCHEMA_VERSION = 5  # the number of the SQL file whose functions this server calls
UNNUMBERED = 1  # a file from before the numbers, which tells none
FRESH_S = 60.0  # an answer is relied on for so long
WHAT_NOW = (
    "Nothing is sent, so nothing new is charged. Put the table back from a backup of the Supabase project; "
    'docs/operations.md says how, under "When the job table is damaged".'
)
EMPTY = (
    "The job table in Supabase is empty, but this server still holds notes or models of jobs that were in it. "
    f"{WHAT_NOW} If you mean to begin anew, start once with START_EMPTY=on."
)
EMPTIED = f"Jobs have vanished from the job table in Supabase, or the project was exchanged. {WHAT_NOW}"
NEWER = (
    "The job table in Supabase was updated for a newer version of Maquette, which no longer serves one as old as this "
    "server. Nothing is sent until this server is updated, too."
)
OLDER = (
    f"The job table in Supabase is of an older version. Nothing is sent until {SQL_FILE} was run in the project's SQL "
    "editor; then it goes on by itself."
)


class Soundness:
    """Asked before a job is added or claimed; one request a minute.

    Args:
        state: asks for the table's version and its newest job.
        has_remains: whether this machine holds anything of earlier jobs, so that an empty table is a lost one.
    """

    def __init__(self, state: Callable[[], Mapping[str, int]], *, has_remains: Callable[[], bool]) -> None:
        self._state = state
        self._has_remains = has_remains
        self._lock = threading.Lock()
        self._newest = 0
        self._looked_s: float | None = None
        self.problem: str | None = None

    def check(self, *, is_forced: bool = False) -> None:
        """Raises: StoreDamaged, until a later look finds the table as it should be; StoreUnavailable."""
        with self._lock:
            now_s = time.monotonic()
            if is_forced or self.problem or self._looked_s is None or now_s - self._looked_s > FRESH_S:
                self.problem = self._judged(self._state())
                self._looked_s = now_s
            if self.problem is not None:
                raise StoreDamaged(self.problem)

    def _judged(self, state: Mapping[str, int]) -> str | None:
        """Servers are replaced one by one while the table is newer already, so a newer one is used if it serves us."""
        schema, newest, problem = state.get("schema", UNNUMBERED), state["newest"], None
        if schema < SCHEMA_VERSION:
            problem = OLDER
        elif state.get("serves", schema) > SCHEMA_VERSION:
            problem = NEWER
        elif newest < self._newest:
            problem = EMPTIED
        elif newest == 0 and self._has_remains():
            problem = EMPTY
        else:
            self._newest = newest
        if problem is not None and problem != self.problem:
            log.error("%s", problem)
        return problem
