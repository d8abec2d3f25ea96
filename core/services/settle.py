"""Settle a paid call whose answer was lost: find its task by the echo of the request, or prove there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    IllegalTransition,
    LookupFailed,
    RequestRejected,
)
from core.domain.generation import Source, TaskState
from core.domain.job import Job
from core.domain.status import Stage
from core.ports.job_store import Claimed, JobStore
from core.services.account_scan import LOOKING, AccountScan, Found
from core.services.echo import MARGIN, echo_of, evidence, fits
from core.services.gate import Gate

log = logging.getLogger(__name__)
BATCH = 100
SCANS_TO_PROVE = 2
SCAN_AGAIN = timedelta(seconds=30)  # between two searches for the same task
LAG_FACTOR = 3  # the settle time is never shorter than this many times the lag that was measured
GIVE_UP_FACTOR = 3  # a search that could not be completed for this many settle times is handed to a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The use case, for one generator that is paid."""

    jobs: JobStore
    generator: Gate
    scan: AccountScan
    owner: str
    lease_s: float
    settle_s: float

    def tick(self) -> int:
        """Look for the tasks of uncertain jobs; returns how many jobs were looked for."""
        if self.generator.wait_s() > 0:
            return 0
        claimed = self.jobs.claim_uncertain(
            owner=self.owner,
            lease_s=self.lease_s,
            generator=self.generator.name,
            limit=BATCH,
            not_scanned_for_s=SCAN_AGAIN.total_seconds(),
        )
        if not claimed:
            return 0
        began = self.jobs.now()
        since = min(each.job.intent_at or each.job.updated_at for each in claimed) - MARGIN
        try:
            told = [task.task_id for task in self.jobs.seen_tasks() if task.source is Source.WEBHOOK]
            found = self.scan.read(since, also=told)
        except (AccountBlocked, AccountBusy, LookupFailed, RequestRejected) as exc:
            log.warning("looking for %s lost tasks: %s", len(claimed), exc.message)
            found = None
        for uncertain in claimed:
            try:
                self._settle(uncertain, found, began)
            except (ClaimLost, IllegalTransition) as exc:
                log.info("job %s: %s", uncertain.job.id, exc.message)
        if found is not None:
            self.scan.list_strangers(found)
        return len(claimed)

    def _settle(self, uncertain: Claimed, found: Found | None, began: datetime) -> None:
        job = uncertain.job
        if job.account not in (None, "", self.generator.account):
            self._keep_looking(uncertain, began, "It was sent with another key than the one that is set now.")
            return
        if found is None:
            self._keep_looking(uncertain, began, "Tripo could not be asked.")
            return
        sure = [task for task in found.strangers if fits(job, task) is True]
        doubtful = [task for task in found.strangers if fits(job, task) is None and not self._is_anothers(job, task)]
        if len(sure) == 1 and not doubtful:
            log.info("job %s: attempt %s: task %s was found", job.id, job.attempt, sure[0].task_id)
            self.jobs.bind_task(uncertain.claim, sure[0].task_id, poll_in_s=0.0)
        elif sure or doubtful:
            self._ask_a_person(uncertain, found, [*sure, *doubtful])
        elif not found.is_complete:
            self._keep_looking(uncertain, began, "Tripo's list could not be read to its end.")
        else:
            self._nothing_found(uncertain, began)

    def _is_anothers(self, job: Job, task: TaskState) -> bool:
        """Whether it is just what another conversion of the same model asked for."""
        if job.converted_from is None:
            return False
        others = [each for each in self.jobs.conversions(job.converted_from) if each.id != job.id]
        return any(each.task_id == task.task_id or (each.stage in LOOKING and fits(each, task)) for each in others)

    def _nothing_found(self, uncertain: Claimed, began: datetime) -> None:
        """Absence counts only late, twice, and where an echo was seen at all."""
        job = uncertain.job
        if job.stage is Stage.ATTENTION:
            self.jobs.note_scan(uncertain.claim, counts=False)
            return
        facts = self.jobs.account_facts(self.generator.account)
        settle_s = max(self.settle_s, LAG_FACTOR * (facts.usage_lag_s or 0.0))
        counts = job.send_by is not None and began >= job.send_by + timedelta(seconds=settle_s)
        if not counts or job.settle_scans + 1 < SCANS_TO_PROVE:
            self.jobs.note_scan(uncertain.claim, counts=counts)
        elif self.jobs.account_facts(echo_of(self.generator.account, job)).echo_seen_at is None:
            note = (
                "We found no trace of this job at Tripo, but cannot be sure: on this account we have not yet seen a "
                "task that names its request. Nothing is sent again before a person decides."
            )
            self.jobs.mark_attention(uncertain.claim, [], note=note)
        else:
            log.info("job %s: attempt %s: proven not made", job.id, job.attempt)
            note = "Tripo has not made it and nothing was charged: two searches found no trace. It is sent again."
            self.jobs.return_to_queue(uncertain.claim, wait_s=0.0, note=note)

    def _keep_looking(self, uncertain: Claimed, began: datetime, reason: str) -> None:
        job = uncertain.job
        give_up = timedelta(seconds=GIVE_UP_FACTOR * self.settle_s)
        if job.stage is Stage.ATTENTION or job.send_by is None or began < job.send_by + give_up:
            self.jobs.note_scan(uncertain.claim, counts=False)
            return
        note = (
            f"We could not find out whether Tripo took this job. {reason} "
            "Nothing is sent or charged again before a person decides."
        )
        self.jobs.mark_attention(uncertain.claim, [], note=note)

    def _ask_a_person(self, uncertain: Claimed, found: Found, candidates: Sequence[TaskState]) -> None:
        job = uncertain.job
        seen = [
            found.seen(self.generator.account, task, job_id=job.id, evidence=evidence(job, task)) for task in candidates
        ]
        what = (
            f"{len(seen)} tasks at Tripo could be this job's."
            if len(seen) > 1
            else "One task at Tripo fits this job only in part."
        )
        note = f"{what} Nothing is sent or charged again before a person decides."
        self.jobs.mark_attention(uncertain.claim, seen, note=note)
