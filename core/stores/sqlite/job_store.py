"""The JobStore port on SQLite: every verb is one `begin immediate` transaction that reads, checks and writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from core.domain import transitions
from core.domain.change import holds
from core.domain.claims import Budget, Claimed, PollNote, Slots
from core.domain.job import NewJob
from core.domain.refusals import key_taken, over_budget
from core.domain.status import Stage
from core.ports.job_store import Added
from core.stores.rows import FIRST_NOTE, from_new, needed_time, to_text
from core.stores.sqlite.rows import parameters, to_job
from core.stores.sqlite.settling import Settling

FUTURE_BEAT = timedelta(seconds=5)  # left by a clock that has been set back since
OLD_BEAT = timedelta(days=1)  # heartbeats of processes long gone are swept with the next beat


class SqliteJobStore(Settling):
    """See core.ports.job_store for what each verb promises."""

    # -- writing

    def add(self, new: NewJob, *, budget: Budget | None = None) -> Added:
        with self._database.write() as db:
            self._check_not_emptied(db)
            if new.idempotency_key is not None:
                row = self._sql.job_by_idempotency_key(db, key=new.idempotency_key)
                if row is not None:
                    known = to_job(row)
                    if known.request_hash != new.request_hash:
                        raise key_taken(known)
                    return Added(job=known, created=False)
            if budget is not None:
                self._check_budget(db, new, budget)
            job_id = self._sql.insert_job(db, **parameters(from_new(new)), now=to_text(self.now()))
            job = self._row(db, job_id)
            self._log(db, None, job, FIRST_NOTE)
            return Added(job=job, created=True)

    def claim_queued(self, *, owner: str, lease_s: float, slots: Slots, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            self._check_not_emptied(db)
            now = to_text(self.now())
            taken = {row["category"]: row["taken"] for row in self._sql.slots_taken(db, now=now)}
            rows: list[sqlite3.Row] = []
            for category, most in slots.limits.items():
                free = min(most - taken.get(category, 0), limit)
                if free > 0:
                    rows += self._sql.queued_of_category(db, now=now, category=category, limit=free)
            oldest = sorted(rows, key=lambda row: int(row["id"]))[:limit]
            return self._claim_all(db, oldest, owner, lease_s)

    def claim_due(
        self, *, owner: str, lease_s: float, generator: str, limit: int, ahead_s: float = 0.0
    ) -> list[Claimed]:
        with self._database.write() as db:
            now = self.now()
            soon = to_text(now + timedelta(seconds=ahead_s))
            rows = list(self._sql.due_for_poll(db, now=to_text(now), soon=soon, generator=generator, limit=limit))
            if not rows or needed_time(rows[0]["next_poll_at"]) > now:
                return []
            claimed = self._claim_all(db, rows, owner, lease_s)
            for each in claimed:
                self._save(db, replace(each.job, hint_at=None))
            return [replace(each, job=replace(each.job, hint_at=None)) for each in claimed]

    def note_polls(self, notes: Sequence[PollNote]) -> int:
        with self._database.write() as db:
            now, held = self.now(), 0
            for note in notes:
                row = self._sql.job_by_id(db, id=note.claim.job_id)
                if row is not None and holds(note.claim, job := to_job(row)):
                    held += 1
                    self._apply(db, job, transitions.polled(note)(job, now))
            return held

    def claim_saving(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            rows = self._sql.due_for_saving(db, now=to_text(self.now()), generator=generator, limit=limit)
            return self._claim_all(db, list(rows), owner, lease_s)

    def expire_submitting(self) -> int:
        with self._database.write() as db:
            rows = list(self._sql.submitting_without_lease(db, now=to_text(self.now())))
            return self._change_all(db, rows, transitions.expired)

    def mark_late(self, *, timeout_s: float) -> int:
        with self._database.write() as db:
            return self._change_all(db, self._started_before(db, Stage.GENERATING, timeout_s), transitions.late)

    def give_up_late(self, *, watch_s: float) -> int:
        with self._database.write() as db:
            rows = self._started_before(db, Stage.LATE, watch_s)
            asked = [row for row in rows if transitions.may_give_up(to_job(row), self.now())]
            return self._change_all(db, asked, transitions.given_up)

    def unblock(self, *, generator: str, available: Decimal | None = None) -> int:
        with self._database.write() as db:
            rows = list(self._sql.blocked_of_generator(db, generator=generator))
            ready = [row for row in rows if transitions.may_unblock(to_job(row), available)]
            return self._change_all(db, ready, transitions.unblocked)

    def _started_before(self, db: sqlite3.Connection, stage: Stage, age_s: float) -> list[sqlite3.Row]:
        before = to_text(self.now() - timedelta(seconds=age_s))
        return list(self._sql.started_before(db, stage=stage.value, before=before))

    def fold_names(self, *, limit: int) -> int:
        return 0  # all of them were folded when the file was opened

    def beat(self, *, owner: str) -> None:
        with self._database.write() as db:
            now = self.now()
            self._sql.beat(db, owner=owner, at=to_text(now))
            self._sql.forget_old_beats(db, before=to_text(now - OLD_BEAT), after=to_text(now + FUTURE_BEAT))

    def _check_budget(self, db: sqlite3.Connection, new: NewJob, budget: Budget) -> None:
        """Inside the transaction that adds the job, so that two at once cannot both take the last credits."""
        used, wanted = self._credits(db, budget.since), new.credits_estimate or Decimal(0)
        if wanted and used + wanted > budget.most:
            raise over_budget(new, budget, used)
