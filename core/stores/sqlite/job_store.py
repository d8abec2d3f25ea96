"""The JobStore port on SQLite: every verb is one `begin immediate` transaction that reads, checks and writes."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from core.domain import transitions
from core.domain.change import check_held, holds
from core.domain.claims import Affordable, Budget, Claim, Claimed, PollNote, Slots
from core.domain.generation import OrphanedTask
from core.domain.job import Category, Job, JobEvent, NewJob
from core.domain.patience import is_older
from core.domain.refusals import key_taken, over_budget, task_taken
from core.domain.request import Kind
from core.domain.status import Stage
from core.ports.clock import Clock
from core.ports.job_store import Added, Heartbeat, JobPage, JobQuery
from core.ports.journal import Installation
from core.stores import search
from core.stores.rows import FIRST_NOTE, from_new, from_orphaned, needed_time, to_text
from core.stores.single_job import SingleJobVerbs
from core.stores.sqlite.account_store import SqliteAccountStore
from core.stores.sqlite.clock_jumps import follow
from core.stores.sqlite.database import Database
from core.stores.sqlite.queries import queries
from core.stores.sqlite.rows import parameters, to_event, to_job
from core.stores.sqlite.soundness import EMPTIED
from core.stores.sqlite.upgrade import newest_version
from core.stores.sqlite.writing import JobRows

FUTURE_BEAT = timedelta(seconds=5)  # left by a clock that has been set back since
OLD_BEAT = timedelta(days=1)  # heartbeats of processes long gone are swept with the next beat


class SqliteJobStore(SingleJobVerbs):
    """See core.ports.job_store for what each verb promises."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._database = Database(path, on_write=lambda db: follow(db, clock))
        self._sql = queries()
        self._rows = JobRows(self._database, clock)
        self._newest_id = 0  # that was ever seen: rows are never removed
        super().__init__(self._rows.change)
        self.accounts = SqliteAccountStore(self._database, self._rows, clock)

    # -- writing

    def add(self, new: NewJob, *, budget: Budget | None = None) -> Added:
        with self._database.write() as db:
            self._check_not_emptied(db)
            known = self._known(db, new)
            if known is None and budget is not None:
                self._check_budget(db, new, budget)
            job = known or self._inserted(db, new)
            if new.caller_key is not None:
                self._sql.keep_request_key(db, key=new.caller_key, job_id=job.id, request_hash=new.caller_hash)
            return Added(job=job, created=known is None)

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
            return self._rows.claim_all(db, oldest, owner=owner, lease_s=lease_s)

    def bind_task(self, claim: Claim, task_id: str, *, poll_in_s: float) -> Job:
        with self._database.write() as db:
            job = self._rows.read(db, claim.job_id)
            check_held(claim, job)
            wait_s = self._first_look_s(db, task_id, poll_in_s)
            changed = transitions.bound(task_id, poll_in_s=wait_s)(job, self.now())
            known = self._sql.job_of_task(db, task_id=task_id)
            if known is not None:
                raise task_taken(task_id, owner_id=known["id"], job_id=job.id)
            return self._rows.apply(db, job, changed)

    def adopt_task(self, job_id: int, attempt: int, task_id: str, *, nonce: int | None, poll_in_s: float) -> Job | None:
        with self._database.write() as db:
            job = self._rows.read(db, job_id)
            wait_s = self._first_look_s(db, task_id, poll_in_s)
            changed = transitions.adopted(attempt, task_id, nonce=nonce, poll_in_s=wait_s)(job, self.now())
            known = self._sql.job_of_task(db, task_id=task_id)
            if changed is None or (known is not None and known["id"] != job_id):
                return None
            return self._rows.apply(db, job, changed)

    def claim_uncertain(
        self, *, owner: str, lease_s: float, generator: str, limit: int, not_scanned_for_s: float = 0.0
    ) -> list[Claimed]:
        with self._database.write() as db:
            now = self.now()
            before = to_text(now - timedelta(seconds=not_scanned_for_s))
            rows = self._sql.uncertain_of_generator(
                db, now=to_text(now), scanned_before=before, generator=generator, limit=limit
            )
            return self._rows.claim_all(db, rows, owner=owner, lease_s=lease_s)

    def mark_attention(self, claim: Claim, candidates: Sequence[OrphanedTask], *, note: str) -> Job:
        with self._database.write() as db:
            job = self._rows.read(db, claim.job_id)
            check_held(claim, job)
            for candidate in candidates:
                row = from_orphaned(replace(candidate, job_id=job.id))
                self._sql.keep_orphaned(db, **row, now=to_text(self.now()))
            return self._rows.apply(db, job, transitions.attention(note)(job, self.now()))

    def claim_due(
        self, *, owner: str, lease_s: float, generator: str, limit: int, ahead_s: float = 0.0
    ) -> list[Claimed]:
        with self._database.write() as db:
            now = self.now()
            soon = to_text(now + timedelta(seconds=ahead_s))
            rows = list(self._sql.due_for_poll(db, now=to_text(now), soon=soon, generator=generator, limit=limit))
            if not rows or needed_time(rows[0]["next_poll_at"]) > now:
                return []
            return self._rows.claim_all(db, rows, owner=owner, lease_s=lease_s, is_asked_for=True)

    def note_polls(self, notes: Sequence[PollNote]) -> int:
        with self._database.write() as db:
            now, held = self.now(), 0
            for note in notes:
                row = self._sql.job_by_id(db, id=note.claim.job_id)
                if row is not None and holds(note.claim, job := to_job(row)):
                    held += 1
                    self._rows.write(db, job, transitions.polled(note)(job, now))
            return held

    def claim_saving(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            rows = self._sql.due_for_saving(db, now=to_text(self.now()), generator=generator, limit=limit)
            return self._rows.claim_all(db, rows, owner=owner, lease_s=lease_s)

    def expire_submitting(self) -> int:
        with self._database.write() as db:
            stuck = self._sql.submitting_without_lease(db, now=to_text(self.now()))
            return self._rows.change_all(db, stuck, transitions.expired)

    def mark_late(self, *, timeout_s: float) -> int:
        with self._database.write() as db:
            rows = self._started_before(db, Stage.GENERATING, timeout_s)
            return self._rows.change_all(db, rows, transitions.late)

    def give_up_late(self, *, watch_s: float) -> int:
        with self._database.write() as db:
            rows = self._started_before(db, Stage.LATE, watch_s)
            asked = [row for row in rows if transitions.may_give_up(to_job(row), self.now())]
            return self._rows.change_all(db, asked, transitions.given_up)

    def unblock(self, *, generator: str, balance: Affordable | None = None) -> int:
        with self._database.write() as db:
            rows = self._sql.blocked_of_generator(db, generator=generator)
            ready = [row for row in rows if transitions.may_unblock(to_job(row), balance)]
            return self._rows.change_all(db, ready, transitions.unblocked)

    def fold_names(self, *, limit: int) -> int:
        return 0  # all of them were folded when the file was opened

    def beat(self, *, owner: str) -> None:
        with self._database.write() as db:
            now = self.now()
            self._sql.beat(db, owner=owner, at=to_text(now))
            self._sql.forget_old_beats(db, before=to_text(now - OLD_BEAT), after=to_text(now + FUTURE_BEAT))

    # -- reading

    def now(self) -> datetime:
        return self._clock.now()

    def get(self, job_id: int) -> Job:
        with self._database.read() as db:
            return self._rows.read(db, job_id)

    def find(self, query: JobQuery) -> JobPage:
        parts = {
            "needle": search.needle(query),
            "number": search.number(query),
            "statuses": json.dumps(sorted(status.value for status in query.statuses)),
        }
        page = {"limit": query.page_size, "offset": query.page * query.page_size}
        with self._database.read() as db:
            if query.search or query.statuses:
                rows = self._sql.find_jobs(db, **parts, **page)
                total = self._sql.count_found(db, **parts)[0]
            else:
                rows = self._sql.newest_jobs(db, **page)
                total = self._sql.count_jobs(db)[0]
            jobs = tuple(to_job(row) for row in rows)
            return JobPage(jobs=jobs, total=total, running=self._sql.count_open(db)[0])

    def events(self, job_id: int) -> list[JobEvent]:
        with self._database.read() as db:
            self._rows.read(db, job_id)
            return [to_event(row) for row in self._sql.events_of_job(db, job_id=job_id)]

    def conversions(self, job_id: int) -> list[Job]:
        with self._database.read() as db:
            return [to_job(row) for row in self._sql.conversions(db, job_id=job_id)]

    def changed_since(self, cursor: int, *, limit: int) -> tuple[list[Job], int]:
        with self._database.read() as db:
            rows = list(self._sql.changed_after(db, cursor=cursor, limit=limit))
            return [to_job(row) for row in rows], rows[-1]["change_number"] if rows else cursor

    def job_of_key(self, key: str) -> Job | None:
        with self._database.read() as db:
            row = self._sql.job_by_idempotency_key(db, key=key)
        return None if row is None else to_job(row)

    def job_of_task(self, task_id: str) -> Job | None:
        with self._database.read() as db:
            row = self._sql.job_of_task(db, task_id=task_id)
            return None if row is None else self._rows.read(db, row["id"])

    def job_of_intent(self, *, nonce: int | None, image_token: str | None) -> Job | None:
        with self._database.read() as db:
            row = self._sql.job_of_intent(db, nonce=nonce, image_token=image_token)
            return None if row is None else to_job(row)

    def last_change(self) -> int:
        with self._database.read() as db:
            return int(self._sql.last_change(db)[0])

    def queue_length_before(self, job_id: int) -> int:
        with self._database.read() as db:
            job = self._rows.read(db, job_id)
            return int(self._sql.queued_before(db, category=job.category, id=job_id)[0])

    def recent_durations_s(self, category: Category, kind: Kind, *, limit: int) -> list[float]:
        with self._database.read() as db:
            rows = list(self._sql.recent_durations(db, category=category, kind=kind.value, limit=limit))
        return [(needed_time(row["finished_at"]) - needed_time(row["started_at"])).total_seconds() for row in rows]

    def last_beat(self) -> Heartbeat | None:
        with self._database.read() as db:
            row = self._sql.last_beat(db)
        return None if row is None else Heartbeat(owner=row["owner"], at=datetime.fromisoformat(row["at"]))

    # -- whether the table can be relied on

    def installation(self) -> Installation:
        with self._database.read() as db:
            row = self._sql.installation(db)
        if row is None:
            with self._database.write() as db:
                self._sql.name_installation(db, id=uuid.uuid4().hex)
                row = self._sql.installation(db)
        return Installation(id=row["id"])

    def damage(self) -> str | None:
        return self._database.damage

    def failed_write(self) -> str | None:
        return self._database.failed_write

    def try_write(self) -> None:
        with self._database.write() as db:
            db.execute(f"pragma user_version = {newest_version()}")

    def check(self) -> None:
        self._database.look()
        with self._database.read() as db:
            self._check_not_emptied(db)

    def close(self) -> None:
        self._database.close()

    def _known(self, db: sqlite3.Connection, new: NewJob) -> Job | None:
        """The job that this same request made before. Raises: IdempotencyConflict."""
        if new.caller_key is not None:
            kept = self._sql.request_key(db, key=new.caller_key)
            row = self._sql.job_by_idempotency_key(db, key=new.caller_key)
            if row is not None and (kept is None or kept["request_hash"] != new.caller_hash):
                raise key_taken(to_job(row), new.caller_key)
            if row is not None:
                return to_job(row)
        if new.idempotency_key is None:
            return None
        row = self._sql.job_by_idempotency_key(db, key=new.idempotency_key)
        if row is not None and row["request_hash"] != new.request_hash:
            raise key_taken(to_job(row), new.idempotency_key)
        return None if row is None else to_job(row)

    def _inserted(self, db: sqlite3.Connection, new: NewJob) -> Job:
        job = self._rows.read(db, self._sql.insert_job(db, **parameters(from_new(new)), now=to_text(self.now())))
        self._rows.log(db, None, job, FIRST_NOTE)
        return job

    def _check_not_emptied(self, db: sqlite3.Connection) -> None:
        newest: int = self._sql.newest_id(db)[0]
        if newest < self._newest_id:
            raise self._database.distrust(EMPTIED)
        self._newest_id = newest

    def _check_budget(self, db: sqlite3.Connection, new: NewJob, budget: Budget) -> None:
        """Inside the transaction that adds the job, so that two at once cannot both take the last credits."""
        used, wanted = self.accounts.credits_in(db, budget.since), new.credits_estimate or Decimal(0)
        if wanted and used + wanted > budget.most:
            raise over_budget(new, budget, used)

    def _started_before(self, db: sqlite3.Connection, stage: Stage, age_s: float) -> list[sqlite3.Row]:
        now = self.now()
        rows = self._sql.started_before(db, stage=stage.value, before=to_text(now - timedelta(seconds=age_s)))
        return [row for row in rows if is_older(to_job(row), now, age_s)]

    def _first_look_s(self, db: sqlite3.Connection, task_id: str, poll_in_s: float) -> float:
        """At once for a task that a webhook named before we knew whose it is: it may have ended already."""
        return poll_in_s if self._sql.is_seen(db, task_id=task_id) is None else 0.0
