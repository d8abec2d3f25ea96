"""How a verb becomes one transaction: read the row, check the claim and the transition, write row and event."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from core.domain.change import Change, Changed, check_held, claimed, dated
from core.domain.claims import Claim, Claimed
from core.domain.job import Job
from core.domain.status import Stage
from core.stores.rows import from_job, to_text
from core.stores.single_job import SingleJobVerbs
from core.stores.sqlite.reading import JobReader
from core.stores.sqlite.rows import parameters, to_job


class JobWriter(JobReader, SingleJobVerbs):
    """What every writing verb is made of."""

    def _change(self, job_id: int, change: Change, *, claim: Claim | None = None) -> Job:
        with self._database.write() as db:
            job = self._row(db, job_id)
            if claim is not None:
                check_held(claim, job)
            return self._apply(db, job, change(job, self.now()))

    def _apply(self, db: sqlite3.Connection, before: Job, changed: Changed) -> Job:
        after = dated(before, changed.job, self.now())
        if after != before:
            self._save(db, after)
        if changed.note is not None:
            self._log(db, changed.before, after, changed.note)
        return self._row(db, before.id)

    def _change_all(self, db: sqlite3.Connection, rows: Sequence[sqlite3.Row], change: Change) -> int:
        jobs = [to_job(row) for row in rows]
        for job in jobs:
            self._apply(db, job, change(job, self.now()))
        return len(jobs)

    def _claim_all(
        self, db: sqlite3.Connection, rows: Sequence[sqlite3.Row], owner: str, lease_s: float
    ) -> list[Claimed]:
        jobs = []
        for row in rows:
            job = claimed(to_job(row), self.now(), owner=owner, lease_s=lease_s)
            self._save(db, job)
            jobs.append(Claimed(job=job, claim=Claim(job_id=job.id, owner=owner, epoch=job.epoch)))
        return jobs

    def _save(self, db: sqlite3.Connection, job: Job) -> None:
        self._sql.save_job(db, **parameters(from_job(job)), id=job.id, updated_at=to_text(job.updated_at))

    def _log(self, db: sqlite3.Connection, before: Stage | None, job: Job, note: str) -> None:
        parameters: dict[str, Any] = {
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
        self._sql.insert_event(db, **parameters)
