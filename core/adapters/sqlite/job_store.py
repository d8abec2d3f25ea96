"""The JobStore port on SQLite: every verb is one `begin immediate` transaction that reads, checks and writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.adapters.sqlite.changes import Change, as_it_is, holds, late, with_failure
from core.adapters.sqlite.reading import JobReader
from core.adapters.sqlite.rows import job_parameters, new_job_parameters, to_job, to_text
from core.domain.errors import ClaimLost, IdempotencyConflict, IllegalTransition
from core.domain.job import Job, NewJob, StoredModel
from core.domain.status import Stage, Status, check_transition, status_of
from core.ports.job_store import (
    Added,
    Claim,
    Claimed,
    Failure,
    Intent,
    PollNote,
    Slots,
)

OLD_BEAT = timedelta(days=1)  # heartbeats of processes long gone are swept with the next beat


class SqliteJobStore(JobReader):
    """See core.ports.job_store for what each verb promises."""

    # -- writing

    def add(self, new: NewJob) -> Added:
        with self._database.write() as db:
            if new.idempotency_key is not None:
                row = self._sql.job_by_idempotency_key(db, key=new.idempotency_key)
                if row is not None:
                    known = to_job(row)
                    if known.request_hash != new.request_hash:
                        raise IdempotencyConflict(
                            f"The Idempotency-Key {new.idempotency_key!r} was already used for job {known.id}, with "
                            "other data. Nothing was done. Use a new key for a new request."
                        )
                    return Added(job=known, created=False)
            job_id = self._sql.insert_job(db, **new_job_parameters(new, self.now()))
            job = self._row(db, job_id)
            self._log(db, None, job, "Waiting for a free place.")
            return Added(job=job, created=True)

    def claim_queued(self, *, owner: str, lease_s: float, slots: Slots, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            now = to_text(self.now())
            taken = {row["category"]: row["taken"] for row in self._sql.slots_taken(db, now=now)}
            claimed: list[Claimed] = []
            for category, most in slots.limits.items():
                free = min(most - taken.get(category.value, 0), limit - len(claimed))
                if free > 0:
                    rows = self._sql.queued_of_category(db, now=now, category=category.value, limit=free)
                    claimed += self._claim_all(db, list(rows), owner, lease_s)
            return claimed

    def mark_submitting(self, claim: Claim, intent: Intent) -> Job:
        def start(job: Job, now: datetime) -> Job:
            if job.lease_until is None or job.lease_until <= now:
                raise ClaimLost(f"The lease on job {job.id} ran out before it could be submitted; nothing was sent.")
            return replace(
                job,
                attempt=job.attempt + 1,
                nonce=intent.nonce,
                image_token=intent.image_token,
                send_by=now + timedelta(seconds=intent.send_within_s),
                not_before=None,
            )

        return self._move(claim, Stage.SUBMITTING, "Sending the picture.", start, keep_lease=True)

    def bind_task(self, claim: Claim, task_id: str, *, poll_in_s: float) -> Job:
        def bind(job: Job, now: datetime) -> Job:
            return replace(
                job,
                task_id=task_id,
                started_at=now,
                next_poll_at=now + timedelta(seconds=poll_in_s),
                progress=0,
                missed_count=0,
                missed_since=None,
            )

        with self._database.write() as db:
            job = self._held(db, claim)
            known = self._sql.job_of_task(db, task_id=task_id)
            if known is not None:
                raise IllegalTransition(
                    f"Task {task_id} already belongs to job {known['id']}; job {job.id} cannot have it."
                )
            return self._write_move(db, job, Stage.GENERATING, "The model is being made.", bind)

    def return_to_queue(self, claim: Claim, *, wait_s: float, note: str) -> Job:
        def wait(job: Job, now: datetime) -> Job:
            return replace(job, not_before=now + timedelta(seconds=wait_s))

        return self._move(claim, Stage.QUEUED, note, wait, may_stay=True)

    def mark_blocked(self, claim: Claim, failure: Failure) -> Job:
        return self._move(claim, Stage.BLOCKED, failure.message, with_failure(failure))

    def mark_uncertain(self, claim: Claim, *, note: str) -> Job:
        return self._move(claim, Stage.UNCERTAIN, note, as_it_is)

    def claim_uncertain(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            rows = self._sql.uncertain_of_generator(db, now=to_text(self.now()), generator=generator, limit=limit)
            return self._claim_all(db, list(rows), owner, lease_s)

    def claim_due(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            rows = self._sql.due_for_poll(db, now=to_text(self.now()), generator=generator, limit=limit)
            return self._claim_all(db, list(rows), owner, lease_s)

    def note_polls(self, notes: Sequence[PollNote]) -> int:
        with self._database.write() as db:
            now, held = self.now(), 0
            for note in notes:
                row = self._sql.job_by_id(db, id=note.claim.job_id)
                if row is None or not holds(note.claim, job := to_job(row)):
                    continue
                held += 1
                missed_count = job.missed_count + 1 if note.is_missed else 0
                missed_since = (job.missed_since or now) if note.is_missed else None
                polled = replace(
                    job,
                    progress=max(job.progress, note.progress),
                    next_poll_at=now + timedelta(seconds=note.poll_again_in_s),
                    missed_count=missed_count,
                    missed_since=missed_since,
                    owner=None,
                    lease_until=None,
                )
                self._save(db, replace(polled, updated_at=now))
            return held

    def mark_saving(self, claim: Claim, *, credits_used: Decimal | None) -> Job:
        def save(job: Job, now: datetime) -> Job:
            return replace(job, progress=100, credits_used=credits_used, next_poll_at=now, owner=None)

        return self._move(claim, Stage.SAVING, "The model is made; it is being stored.", save)

    def claim_saving(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        with self._database.write() as db:
            rows = self._sql.due_for_saving(db, now=to_text(self.now()), generator=generator, limit=limit)
            return self._claim_all(db, list(rows), owner, lease_s)

    def postpone_saving(self, claim: Claim, *, wait_s: float, note: str) -> Job:
        def wait(job: Job, now: datetime) -> Job:
            return replace(job, next_poll_at=now + timedelta(seconds=wait_s), error_message=note)

        return self._move(claim, Stage.SAVING, note, wait, may_stay=True)

    def complete(self, claim: Claim, model: StoredModel) -> Job:
        def finish(job: Job, now: datetime) -> Job:
            return replace(job, model=model, progress=100, error_code=None, error_message=None)

        return self._move(claim, Stage.DONE, "The model is ready.", finish, ended_as=Status.COMPLETED)

    def fail(self, claim: Claim, failure: Failure) -> Job:
        return self._move(claim, Stage.DONE, failure.message, with_failure(failure), ended_as=Status.FAILED)

    def cancel_waiting(self, job_id: int) -> Job:
        with self._database.write() as db:
            job = self._row(db, job_id)
            held = job.lease_until is not None and job.lease_until > self.now()
            if job.stage not in (Stage.QUEUED, Stage.BLOCKED) or held:
                raise IllegalTransition(
                    f"Job {job_id} has already been handed over, so it can no longer be cancelled for certain."
                )
            note = "Cancelled before it was sent; nothing was charged."
            return self._write_move(db, job, Stage.DONE, note, as_it_is, ended_as=Status.CANCELLED)

    def expire_submitting(self) -> int:
        note = "The worker that was sending it stopped before it heard the answer."
        with self._database.write() as db:
            rows = self._sql.submitting_without_lease(db, now=to_text(self.now()))
            return self._move_all(db, rows, Stage.UNCERTAIN, note)

    def mark_late(self, *, timeout_s: float) -> int:
        note = "It takes longer than the time limit; it is still being watched."
        with self._database.write() as db:
            before = to_text(self.now() - timedelta(seconds=timeout_s))
            rows = self._sql.started_before(db, stage=Stage.GENERATING.value, before=before)
            return self._move_all(db, rows, Stage.LATE, note, late)

    def give_up_late(self, *, watch_s: float) -> int:
        note = "No model came within the time it was watched."
        with self._database.write() as db:
            before = to_text(self.now() - timedelta(seconds=watch_s))
            rows = self._sql.started_before(db, stage=Stage.LATE.value, before=before)
            return self._move_all(db, rows, Stage.DONE, note, late, ended_as=Status.TIMEOUT)

    def unblock(self, *, generator: str) -> int:
        with self._database.write() as db:
            rows = self._sql.blocked_of_generator(db, generator=generator)
            return self._move_all(
                db,
                rows,
                Stage.QUEUED,
                "The account answers again; waiting for a free place.",
                lambda job, now: replace(job, error_code=None, error_message=None),
            )

    def renew(self, claim: Claim, *, lease_s: float) -> None:
        with self._database.write() as db:
            job = self._held(db, claim)
            self._save(db, replace(job, lease_until=self.now() + timedelta(seconds=lease_s)))

    def release(self, claim: Claim) -> None:
        with self._database.write() as db:
            self._save(db, replace(self._held(db, claim), owner=None, lease_until=None))

    # -- the account

    def pause_account(self, *, generator: str, wait_s: float) -> None:
        with self._database.write() as db:
            until = to_text(self.now() + timedelta(seconds=wait_s))
            self._sql.pause_account(db, generator=generator, until=until)

    def beat(self, *, owner: str) -> None:
        with self._database.write() as db:
            now = self.now()
            self._sql.beat(db, owner=owner, at=to_text(now))
            self._sql.forget_old_beats(db, before=to_text(now - OLD_BEAT))

    # -- how a change is written

    def _held(self, db: sqlite3.Connection, claim: Claim) -> Job:
        job = self._row(db, claim.job_id)
        if not holds(claim, job):
            raise ClaimLost(f"Job {job.id} was taken over by another worker; this result was dropped.")
        return job

    def _claim_all(self, db: sqlite3.Connection, rows: list[sqlite3.Row], owner: str, lease_s: float) -> list[Claimed]:
        lease_until = self.now() + timedelta(seconds=lease_s)
        claimed = []
        for row in rows:
            job = to_job(row)
            job = replace(job, owner=owner, epoch=job.epoch + 1, lease_until=lease_until)
            self._save(db, job)
            claimed.append(Claimed(job=job, claim=Claim(job_id=job.id, owner=owner, epoch=job.epoch)))
        return claimed

    def _move(
        self,
        claim: Claim,
        after: Stage,
        note: str,
        change: Change,
        *,
        ended_as: Status | None = None,
        keep_lease: bool = False,
        may_stay: bool = False,
    ) -> Job:
        with self._database.write() as db:
            job = self._held(db, claim)
            return self._write_move(
                db, job, after, note, change, ended_as=ended_as, keep_lease=keep_lease, may_stay=may_stay
            )

    def _move_all(
        self,
        db: sqlite3.Connection,
        rows: Sequence[sqlite3.Row],
        after: Stage,
        note: str,
        change: Change | None = None,
        *,
        ended_as: Status | None = None,
    ) -> int:
        jobs = [to_job(row) for row in rows]
        for job in jobs:
            self._write_move(db, job, after, note, change or as_it_is, ended_as=ended_as)
        return len(jobs)

    def _write_move(
        self,
        db: sqlite3.Connection,
        job: Job,
        after: Stage,
        note: str,
        change: Change,
        *,
        ended_as: Status | None = None,
        keep_lease: bool = False,
        may_stay: bool = False,
    ) -> Job:
        stays = may_stay and job.stage is after
        if not stays:
            check_transition(job.stage, after)
        now = self.now()
        moved = replace(
            change(job, now),
            stage=after,
            status=status_of(after, ended_as),
            updated_at=now,
            finished_at=now if after is Stage.DONE else None,
        )
        if not keep_lease:
            moved = replace(moved, lease_until=None)
        self._save(db, moved)
        if not stays:
            self._log(db, job.stage, moved, note)
        return self._row(db, job.id)

    def _save(self, db: sqlite3.Connection, job: Job) -> None:
        self._sql.save_job(db, **job_parameters(job))

    def _log(self, db: sqlite3.Connection, before: Stage | None, job: Job, note: str) -> None:
        self._sql.insert_event(
            db,
            job_id=job.id,
            at=to_text(job.updated_at),
            before=before,
            after=job.stage.value,
            status=job.status.value,
            attempt=job.attempt,
            task_id=job.task_id,
            error_code=job.error_code,
            note=note,
        )
