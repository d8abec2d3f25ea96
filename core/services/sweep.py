"""Settle what a crash or the clock left open."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from core.domain.claims import Claimed
from core.domain.declaration import Evidence
from core.domain.errors import AccountBlocked, AccountBusy, ClaimLost, LookupFailed
from core.domain.generation import TaskLookup
from core.ports.job_store import JobStore
from core.services.attempts import attempt_id
from core.services.journal import Notes
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
WATCH_LATE_S = 24 * 3600.0  # a late task may be paid for: it is watched for a day
BATCH = 20
IN_FLIGHT = timedelta(seconds=60)  # after the send window a request can no longer arrive; its call ends within 30 s
LOOK_EVERY_S = 10.0  # for the task of one lost answer


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
        if self.generator.declaration.evidence is Evidence.NAMED:
            changed += self._look_up_named_ones()
        elif self.generator.declaration.evidence is Evidence.FREE:
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
        claimed = self._uncertain()
        for each in claimed:
            self._again(each)
        return len(claimed)

    def _look_up_named_ones(self) -> int:
        """The task of a lost answer is called as we called it, so one question tells whether it is there."""
        claimed = self._uncertain()
        if not claimed:
            return 0
        home = self.jobs.installation()
        names = {each.job.id: attempt_id(each.job, home) for each in claimed}
        began = self.jobs.now()  # what arrives while the question is under way is not in its answer
        try:
            answer = self.generator.look_up(list(names.values()))
        except (AccountBlocked, AccountBusy, LookupFailed) as exc:
            log.info("%s cannot be asked for %s lost tasks: %s", self.generator.label, len(claimed), exc.message)
            answer = TaskLookup(found={}, missed=frozenset())
        for each in claimed:
            name = names[each.job.id]
            try:
                if name in answer.found:
                    self.jobs.bind_task(each.claim, name, poll_in_s=0.0)
                elif name not in answer.missed or each.job.send_by is None or began < each.job.send_by + IN_FLIGHT:
                    self.jobs.note_scan(each.claim, counts=False)
                else:
                    self._again(each)
            except ClaimLost as exc:
                log.info("job %s: %s", each.job.id, exc.message)
        return len(claimed)

    def _uncertain(self) -> list[Claimed]:
        return self.jobs.claim_uncertain(
            owner=self.owner,
            lease_s=self.lease_s,
            generator=self.generator.name,
            limit=BATCH,
            not_scanned_for_s=LOOK_EVERY_S,
        )

    def _again(self, uncertain: Claimed) -> None:
        try:
            self.jobs.return_to_queue(uncertain.claim, wait_s=0.0, note="It is started again; it costs nothing.")
        except ClaimLost as exc:
            log.info("job %s: %s", uncertain.job.id, exc.message)
