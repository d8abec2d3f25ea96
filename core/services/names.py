"""Make the names of jobs from before an update findable like all others, a batch at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from core.ports.clock import Clock
from core.ports.job_store import JobStore

log = logging.getLogger(__name__)
BATCH = 1000  # names of one tick: some tens of milliseconds
LOOK_AGAIN_S = 600.0  # a process of an older version, or a person in the table, may leave more


@dataclass(slots=True)
class _Due:
    """When to look next, on the clock that never goes back."""

    at_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldNames:
    """The use case: batch after batch while there is something to fold, then seldom."""

    jobs: JobStore
    clock: Clock
    _due: _Due = field(default_factory=_Due, init=False)

    def tick(self) -> int:
        """How many names were folded."""
        now_s = self.clock.boot_s()
        if now_s < self._due.at_s:
            return 0
        count = self.jobs.fold_names(limit=BATCH)
        if count < BATCH:
            self._due.at_s = now_s + LOOK_AGAIN_S
        if count:
            log.info("%s names of older jobs can be searched for in full now", count)
        return count
