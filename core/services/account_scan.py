"""Read the account's usage back to a time, and learn whose the tasks are that no job has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from core.domain.generation import OrphanedTask, Source, TaskState, UsageRow
from core.domain.job import Job
from core.domain.status import Stage
from core.ports.job_store import JobStore
from core.services.fingerprint import fits
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
PAGE = 100  # rows in one question; at most 200. Source: Tripo v3, account/usage
BATCH = 100  # tasks in one question. Source: Tripo v3, tasks/list
OVERLAP = 10  # rows that two pages share: pages shift while they are read, and a gap between two would go unseen
MOST_PAGES = 60
ECHOES_KEPT = 20_000  # an echo never changes, so it is asked for once
LOOKING = frozenset({Stage.SUBMITTING, Stage.UNCERTAIN, Stage.ATTENTION})  # stages of jobs that look for their task


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one look at the account gave.

    Attributes:
        rows: of usage, back to the time that was asked for, and perhaps older.
        orphaned: echoes of tasks that belong to no job.
        is_complete: no row of the time asked for can have been left out.
    """

    rows: tuple[UsageRow, ...]
    orphaned: tuple[TaskState, ...]
    is_complete: bool

    def seen(self, account: str, task: TaskState, *, job_id: int | None, evidence: str = "") -> OrphanedTask:
        """An orphaned task as it is remembered."""
        row = next((row for row in self.rows if row.task_id == task.task_id), None)
        return OrphanedTask(
            task_id=task.task_id,
            account=account,
            source=Source.WEBHOOK if row is None else Source.USAGE,
            type="" if row is None else row.type,
            status=task.phase.value if row is None else row.status,
            created_at=None if row is None else row.created_at,
            credits_used=task.credits_used if row is None or row.credits_used is None else row.credits_used,
            job_id=job_id,
            evidence=evidence,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountScan:
    """Shared by everything that looks at the account, because it remembers echoes."""

    jobs: JobStore
    generator: Throttle
    _echoes: dict[str, TaskState] = field(default_factory=dict, init=False)

    def read(
        self, since: datetime, *, also: Collection[str] = (), before_each: Callable[[], None] = lambda: None
    ) -> Found:
        """Usage since a time, and the tasks among it (and among `also`) that belong to no job.

        `before_each`: called before each question to the service; what it raises ends the search.

        Raises: AccountBlocked, AccountBusy, LookupFailed, RequestRejected, StoreUnavailable.
        """
        rows, is_complete = self._usage(since, before_each)
        recent = {row.task_id for row in rows if row.created_at is None or row.created_at >= since}
        # asked after the rows were read: a task that was bound meanwhile is not orphaned
        unbound = self.jobs.accounts.unbound(recent | set(also))
        if len(self._echoes) > ECHOES_KEPT:
            self._echoes.clear()
        known = {task_id: self._echoes[task_id] for task_id in unbound if task_id in self._echoes}
        unknown = sorted(unbound - known.keys())
        if unknown:
            found: dict[str, TaskState] = {}
            for first in range(0, len(unknown), BATCH):
                before_each()
                found |= self.generator.look_up(unknown[first : first + BATCH]).found
            known |= found
            # what shows nothing yet may show whose it is later: it is not remembered, and proves nothing
            self._echoes.update({task_id: state for task_id, state in found.items() if not state.proves_nothing})
            open_ones = {each for each in unknown if each not in found or found[each].proves_nothing} & recent
            if open_ones:
                log.info("%s tasks of the usage list do not say now whose they are", len(open_ones))
                is_complete = False
        orphaned = tuple(known[task_id] for task_id in sorted(known))
        return Found(rows=rows, orphaned=orphaned, is_complete=is_complete)

    def list_orphaned(self, found: Found) -> None:
        """Show the operator the tasks that belong to no job; not those that a job is still looking for."""
        account, seen = self.generator.account, []
        for task in found.orphaned:
            job = self._meant(task)
            if job is not None and job.stage in LOOKING:
                continue
            evidence = "" if job is None else f"It has the marks of attempt {job.attempt} of job {job.id}."
            seen.append(found.seen(account, task, job_id=None if job is None else job.id, evidence=evidence))
        if seen:
            self.jobs.accounts.keep_orphaned(seen)

    def _meant(self, task: TaskState) -> Job | None:
        """The job whose intent a task has the marks of. All conversions of one model have the same token."""
        job = self.jobs.job_of_intent(nonce=task.input_nonce, image_token=task.input_token)
        if job is None or job.source is None:
            return job
        sent = [each for each in self.jobs.conversions(job.source) if each.image_token == task.input_token]
        looking = [each for each in sent if each.stage in LOOKING and fits(each, task) is not False]
        return next(iter(looking or [each for each in sent if fits(each, task)]), None)

    def _usage(self, since: datetime, before_each: Callable[[], None]) -> tuple[tuple[UsageRow, ...], bool]:
        """Page until the rows are older than `since`. Rows that come while we read move later ones to later pages."""
        rows: dict[str, UsageRow] = {}
        first: int | None = None
        for _ in range(MOST_PAGES):
            offset = max(0, len(rows) - OVERLAP)
            before_each()
            page = self.generator.usage(limit=PAGE, offset=offset)
            new = [row for row in page if row.task_id not in rows]
            if rows and len(new) == len(page):
                return tuple(rows.values()), False  # not even an overlap: the pages slid apart under us
            rows |= {row.task_id: row for row in page}
            first = len(page) if first is None else first
            if not new and len(page) > OVERLAP and len(page) == first:
                return tuple(rows.values()), False  # a whole page of known ones is no end: the offset was not obeyed
            if not new or (new[-1].created_at is not None and new[-1].created_at < since):
                return tuple(rows.values()), True
        log.warning("the usage list is longer than %s rows", MOST_PAGES * (PAGE - OVERLAP))
        return tuple(rows.values()), False
