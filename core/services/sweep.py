"""Settle what a crash or the clock left open."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from core.domain.errors import AccountBlocked, AccountBusy, ClaimLost, LookupFailed
from core.ports.job_store import JobStore
from core.services.journal import Notes
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
WATCH_LATE_S = 24 * 3600.0  # a late task may be paid for: it is watched for a day
BATCH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The use case; one tick looks at everything that may be stuck."""

    jobs: JobStore
    generator: Throttle
    notes: Notes
    owner: str
    lease_s: float
    job_timeout_s: float

    def tick(self) -> int:
        """Move on what can be moved on; returns how many jobs changed."""
        # tasks that were heard of and not written into the table: the process died, or the table was away
        self.notes.bind_all()
        changed = self.jobs.expire_submitting()
        changed += self.jobs.mark_late(timeout_s=self.job_timeout_s)
        changed += self.jobs.give_up_late(watch_s=WATCH_LATE_S)
        if not self.generator.is_paid:
            changed += self._repeat_free_ones()
        return changed

    def probe_account(self) -> int:
        """Let blocked jobs go on once the account answers; returns how many."""
        try:
            self.generator.check_account()
        except (AccountBlocked, AccountBusy, LookupFailed) as exc:
            log.info("%s does not take jobs yet: %s", self.generator.label, exc.message)
            return 0
        return self.jobs.unblock(generator=self.generator.name)

    def _repeat_free_ones(self) -> int:
        """A generator that costs nothing is simply asked again: whatever the lost request made is of no account."""
        claimed = self.jobs.claim_uncertain(
            owner=self.owner, lease_s=self.lease_s, generator=self.generator.name, limit=BATCH
        )
        for uncertain in claimed:
            try:
                self.jobs.return_to_queue(uncertain.claim, wait_s=0.0, note="It is started again; it costs nothing.")
            except ClaimLost as exc:
                log.info("job %s: %s", uncertain.job.id, exc.message)
        return len(claimed)
