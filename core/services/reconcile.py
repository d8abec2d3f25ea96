"""Settle a paid call whose answer was lost: find its task by the echo of the request, or prove there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.domain.claims import Claimed, Failure
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    IllegalTransition,
    LookupFailed,
    RequestRejected,
)
from core.domain.generation import OrphanedTask, Source, TaskState
from core.domain.job import Job
from core.domain.status import Stage
from core.domain.transitions import IN_VAIN, searched_since
from core.ports.job_store import JobStore
from core.services.account_scan import LOOKING, AccountScan, Found
from core.services.fingerprint import MARGIN, evidence, fingerprint_scope, fits
from core.services.leases import Keeper
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
BATCH = 100
SCANS_TO_PROVE = 2
SCAN_AGAIN = timedelta(seconds=30)  # between two searches for the same task
LAG_FACTOR = 3  # the settle time is never shorter than this many times the lag that was measured
GIVE_UP_FACTOR = 3  # a search that could not be completed for this many settle times is handed to a person
CANCELLED_FOR = timedelta(days=7)  # … and that for a cancelled job, about which nobody is asked, ends after this


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """The use case, for one generator that is paid."""

    jobs: JobStore
    generator: Throttle
    scan: AccountScan
    owner: str
    lease_s: float
    settle_s: float

    def tick(self) -> int:
        """Look for the tasks of uncertain jobs; returns how many jobs were looked for."""
        if self.generator.known_wait_s() > 0:
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
        keep = Keeper(self.jobs, [each.claim for each in claimed], lease_s=self.lease_s)  # a list may be long
        began = self.jobs.now()
        since = min(each.job.intent_at or each.job.updated_at for each in claimed) - MARGIN
        try:
            found = self.scan.read(since, also=self._told_of(), before_each=keep)
        except (AccountBlocked, AccountBusy, LookupFailed, RequestRejected) as exc:
            log.warning("looking for %s lost tasks: %s", len(claimed), exc.message)
            found = None
        for uncertain in claimed:
            keep()
            keep.drop(uncertain.claim)
            try:
                self._settle(uncertain, found, began)
            except (ClaimLost, IllegalTransition) as exc:
                log.info("job %s: %s", uncertain.job.id, exc.message)
        if found is not None:
            self.scan.list_orphaned(found)
        return len(claimed)

    def _told_of(self) -> list[str]:
        """Tasks of this account that its webhook named, and that belong to no job."""
        named = [task for task in self.jobs.accounts.orphaned_tasks() if task.source is Source.WEBHOOK]
        return [task.task_id for task in named if task.account == self.generator.account]

    def _settle(self, uncertain: Claimed, found: Found | None, began: datetime) -> None:
        job = uncertain.job
        if job.account not in (None, "", self.generator.account):
            self._keep_looking(uncertain, began, "It was sent with another key than the one that is set now.")
            return
        if found is None:
            self._keep_looking(uncertain, began, f"{self.generator.label} could not be asked.")
            return
        candidates = self._candidates(job, found)
        if len(candidates) == 1 and fits(job, candidates[0]) is True:
            log.info("job %s: attempt %s: task %s was found", job.id, job.attempt, candidates[0].task_id)
            self.jobs.bind_task(uncertain.claim, candidates[0].task_id, poll_in_s=0.0)
        elif job.cancelled_at is not None:
            self._end_when_known(uncertain, found, candidates, began)
        elif candidates:
            self._ask_a_person(uncertain, found, candidates)
        elif not found.is_complete:
            self._keep_looking(uncertain, began, self._list_is_cut())
        else:
            self._nothing_found(uncertain, began)

    def _candidates(self, job: Job, found: Found) -> list[TaskState]:
        """Tasks of nobody that are, or may be, this job's; the sure ones first."""
        sure = [task for task in found.orphaned if fits(job, task) is True]
        doubtful = [task for task in found.orphaned if fits(job, task) is None and not self._is_anothers(job, task)]
        return [*sure, *doubtful]

    def _is_anothers(self, job: Job, task: TaskState) -> bool:
        """Whether it is just what another conversion of the same model asked for."""
        if job.source is None:
            return False
        others = [each for each in self.jobs.conversions(job.source) if each.id != job.id]
        return any(each.task_id == task.task_id or (each.stage in LOOKING and fits(each, task)) for each in others)

    def _nothing_found(self, uncertain: Claimed, began: datetime) -> None:
        """Absence counts only late, twice, and where an echo was seen at all."""
        job = uncertain.job
        if job.stage is Stage.ATTENTION:
            self.jobs.note_scan(uncertain.claim, counts=False)
            return
        counts = self._counts(job, began)
        if not counts and self._is_behind(job, began):
            self._keep_looking(uncertain, began, self._list_is_behind())
        elif not counts or job.settle_scans + 1 < SCANS_TO_PROVE:
            self.jobs.note_scan(uncertain.claim, counts=counts)
        elif not self._has_echo(job):
            note = (
                f"We found no trace of this job at {self.generator.label}, but cannot be sure: on this account we have "
                "not yet seen a task that names its request. Nothing is sent again before a person decides."
            )
            self.jobs.mark_attention(uncertain.claim, [], note=note)
        else:
            self._proven_not_made(uncertain)

    def _end_when_known(
        self, uncertain: Claimed, found: Found, candidates: Sequence[TaskState], began: datetime
    ) -> None:
        """A cancelled job asks nobody: two complete searches tell what is there to be listed, and it ends."""
        job = uncertain.job
        self.jobs.accounts.keep_orphaned(self._seen(job, found, candidates))
        if not found.is_complete:
            self._keep_looking(uncertain, began, self._list_is_cut())
            return
        counts = self._counts(job, began)
        if not counts and self._is_behind(job, began):
            self._keep_looking(uncertain, began, self._list_is_behind())
        elif not counts or job.settle_scans + 1 < SCANS_TO_PROVE:
            self.jobs.note_scan(uncertain.claim, counts=counts)
        elif candidates:
            listed = "They are listed below the jobs table and may be charged; none was taken as this job's."
            self._end_cancelled(uncertain, f"Cancelled. {self._how_many(candidates)} {listed}")
        elif not self._has_echo(job):
            advice = f"Should {self.generator.label} have made it, its task is listed below the jobs table."
            self._end_cancelled(uncertain, f"Cancelled. Two searches found no trace of this job. {advice}")
        else:
            self._proven_not_made(uncertain)

    def _end_cancelled(self, uncertain: Claimed, message: str) -> None:
        self.jobs.fail(uncertain.claim, Failure(code="cancelled", message=message))

    def _counts(self, job: Job, began: datetime) -> bool:
        """Whether a complete search that began then is late enough to prove something."""
        facts = self.jobs.accounts.account_facts(self.generator.account)
        late_s = max(facts.usage_lag_s or 0.0, facts.usage_missing_s or 0.0)
        settle_s = max(self.settle_s, LAG_FACTOR * late_s)
        return job.send_by is not None and began >= job.send_by + timedelta(seconds=settle_s)

    def _is_behind(self, job: Job, began: datetime) -> bool:
        """Whether it would count by now, but rows of other tasks, which are known, have not come for so long."""
        facts = self.jobs.accounts.account_facts(self.generator.account)
        settle_s = max(self.settle_s, LAG_FACTOR * (facts.usage_lag_s or 0.0))
        return job.send_by is not None and began >= job.send_by + timedelta(seconds=settle_s)

    def _has_echo(self, job: Job) -> bool:
        return self.jobs.accounts.account_facts(fingerprint_scope(self.generator.account, job)).echo_seen_at is not None

    def _proven_not_made(self, uncertain: Claimed) -> None:
        log.info("job %s: attempt %s: proven not made", uncertain.job.id, uncertain.job.attempt)
        why = "it was not made and nothing was charged. It is sent again."
        note = f"Two searches found no trace of it at {self.generator.label}: {why}"
        self.jobs.return_to_queue(uncertain.claim, wait_s=0.0, note=note)

    def _keep_looking(self, uncertain: Claimed, began: datetime, reason: str) -> None:
        job = uncertain.job
        is_cancelled = job.cancelled_at is not None
        is_old = job.send_by is not None and began >= job.send_by + CANCELLED_FOR
        if is_cancelled and is_old and began - searched_since(job, began) > IN_VAIN:
            advice = f"Look at the usage page of your {self.generator.label} account."
            message = f"Cancelled. We could not find out whether it was made and charged. {reason} {advice}"
            self._end_cancelled(uncertain, message)
            return
        give_up = timedelta(seconds=GIVE_UP_FACTOR * self.settle_s)
        if is_cancelled or job.stage is Stage.ATTENTION or job.send_by is None or began < job.send_by + give_up:
            self.jobs.note_scan(uncertain.claim, counts=False)
            return
        note = (
            f"We could not find out whether {self.generator.label} took this job. {reason} "
            "Nothing is sent or charged again before a person decides."
        )
        self.jobs.mark_attention(uncertain.claim, [], note=note)

    def _ask_a_person(self, uncertain: Claimed, found: Found, candidates: Sequence[TaskState]) -> None:
        job = uncertain.job
        note = f"{self._how_many(candidates)} Nothing is sent or charged again before a person decides."
        self.jobs.mark_attention(uncertain.claim, self._seen(job, found, candidates), note=note)

    def _seen(self, job: Job, found: Found, candidates: Sequence[TaskState]) -> list[OrphanedTask]:
        account = self.generator.account
        return [found.seen(account, task, job_id=job.id, evidence=evidence(job, task)) for task in candidates]

    def _how_many(self, candidates: Sequence[TaskState]) -> str:
        if len(candidates) > 1:
            return f"{len(candidates)} tasks at {self.generator.label} could be this job's."
        return f"One task at {self.generator.label} fits this job only in part."

    def _list_is_behind(self) -> str:
        return f"The list of {self.generator.label} does not have other tasks yet, either, that are known to be made."

    def _list_is_cut(self) -> str:
        return f"The list of {self.generator.label} could not be read to its end."
