"""The verbs that bind a task to its job and settle a lost answer. See core.ports.job_store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from core.domain import transitions
from core.domain.change import check_held
from core.domain.claims import Claim, Claimed
from core.domain.generation import OrphanedTask
from core.domain.job import Job
from core.domain.refusals import task_taken
from core.stores.rows import from_orphaned, to_text
from core.stores.sqlite.account_books import AccountBooks


class Settling(AccountBooks):
    """See core.ports.job_store for what each verb promises."""

    def bind_task(self, claim: Claim, task_id: str, *, poll_in_s: float) -> Job:
        with self._database.write() as db:
            job = self._row(db, claim.job_id)
            check_held(claim, job)
            wait_s = self._first_look_s(db, task_id, poll_in_s)
            changed = transitions.bound(task_id, poll_in_s=wait_s)(job, self.now())
            known = self._sql.job_of_task(db, task_id=task_id)
            if known is not None:
                raise task_taken(task_id, owner_id=known["id"], job_id=job.id)
            return self._apply(db, job, changed)

    def adopt_task(self, job_id: int, attempt: int, task_id: str, *, nonce: int | None, poll_in_s: float) -> Job | None:
        with self._database.write() as db:
            job = self._row(db, job_id)
            wait_s = self._first_look_s(db, task_id, poll_in_s)
            changed = transitions.adopted(attempt, task_id, nonce=nonce, poll_in_s=wait_s)(job, self.now())
            known = self._sql.job_of_task(db, task_id=task_id)
            if changed is None or (known is not None and known["id"] != job_id):
                return None
            return self._apply(db, job, changed)

    def claim_uncertain(
        self, *, owner: str, lease_s: float, generator: str, limit: int, not_scanned_for_s: float = 0.0
    ) -> list[Claimed]:
        with self._database.write() as db:
            now = self.now()
            before = to_text(now - timedelta(seconds=not_scanned_for_s))
            rows = self._sql.uncertain_of_generator(
                db, now=to_text(now), scanned_before=before, generator=generator, limit=limit
            )
            return self._claim_all(db, list(rows), owner, lease_s)

    def mark_attention(self, claim: Claim, candidates: Sequence[OrphanedTask], *, note: str) -> Job:
        with self._database.write() as db:
            job = self._row(db, claim.job_id)
            check_held(claim, job)
            for candidate in candidates:
                row = from_orphaned(replace(candidate, job_id=job.id))
                self._sql.keep_orphaned(db, **row, now=to_text(self.now()))
            return self._apply(db, job, transitions.attention(note)(job, self.now()))

    def _first_look_s(self, db: sqlite3.Connection, task_id: str, poll_in_s: float) -> float:
        """At once for a task that a webhook named before we knew whose it is: it may have ended already."""
        return poll_in_s if self._sql.is_seen(db, task_id=task_id) is None else 0.0
