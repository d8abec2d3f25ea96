"""How a verb becomes one transaction: read the row, check the claim and the transition, write row and event."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from core.domain.change import Change, Changed, check_held, claimed, dated
from core.domain.claims import Claim, Claimed
from core.domain.errors import JobNotFound
from core.domain.job import Job
from core.domain.status import Stage
from core.ports.clock import Clock
from core.stores.rows import from_job, to_text
from core.stores.sqlite.database import Database
from core.stores.sqlite.queries import queries
from core.stores.sqlite.rows import parameters, to_job


class JobRows:
    """What every writing verb is made of. All but `change` work inside the caller's transaction, `db`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._sql = queries()

    def change(self, job_id: int, change: Change, *, claim: Claim | None = None) -> Job:
        """A transaction of its own. Raises: JobNotFound, ClaimLost, IllegalTransition."""
        with self._database.write() as db:
            job = self.read(db, job_id)
            if claim is not None:
                check_held(claim, job)
            return self.apply(db, job, change(job, self._clock.now()))

    def read(self, db: sqlite3.Connection, job_id: int) -> Job:
        row = self._sql.job_by_id(db, id=job_id)
        if row is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return to_job(row)

    def apply(self, db: sqlite3.Connection, before: Job, changed: Changed) -> Job:
        """Write what is different, and the event; returns the row read back."""
        self.write(db, before, changed)
        return self.read(db, before.id)

    def write(self, db: sqlite3.Connection, before: Job, changed: Changed) -> None:
        """As `apply`, for whoever needs no row."""
        after = dated(before, changed.job, self._clock.now())
        if after != before:
            self.save(db, after)
        if changed.note is not None:
            self.log(db, changed.before, after, changed.note)

    def change_all(self, db: sqlite3.Connection, rows: Iterable[sqlite3.Row], change: Change) -> int:
        jobs = [to_job(row) for row in rows]
        for job in jobs:
            self.write(db, job, change(job, self._clock.now()))
        return len(jobs)

    def claim_all(
        self,
        db: sqlite3.Connection,
        rows: Iterable[sqlite3.Row],
        *,
        owner: str,
        lease_s: float,
        is_asked_for: bool = False,
    ) -> list[Claimed]:
        jobs = []
        for row in list(rows):
            job = claimed(to_job(row), self._clock.now(), owner=owner, lease_s=lease_s, is_asked_for=is_asked_for)
            self.save(db, job)
            jobs.append(Claimed(job=job, claim=Claim(job_id=job.id, owner=owner, epoch=job.epoch)))
        return jobs

    def save(self, db: sqlite3.Connection, job: Job) -> None:
        """The row without an event."""
        self._sql.save_job(db, **parameters(from_job(job)), id=job.id, updated_at=to_text(job.updated_at))

    def log(self, db: sqlite3.Connection, before: Stage | None, job: Job, note: str) -> None:
        """The event alone: a new job has its first one."""
        event: dict[str, Any] = {
            "job_id": job.id,
            "at": to_text(job.updated_at),
            "before": before,
            "after": job.stage.value,
            "status": job.status.value,
            "attempt": job.attempt,
            "task_id": job.task_id,
            "error_code": job.error_code,
            "note": note,
        }
        self._sql.insert_event(db, **event)
