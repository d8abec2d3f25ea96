"""The JobStore port on Supabase: a change is computed from the row as it was read, and written only if it still is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from postgrest.exceptions import APIError

from core.domain import transitions
from core.domain.change import Changed, holds
from core.domain.claims import Affordable, Budget, Claim, Claimed, PollNote, Slots
from core.domain.errors import JobNotFound, StoreUnavailable
from core.domain.generation import OrphanedTask
from core.domain.job import Category, Job, JobEvent, NewJob
from core.domain.naming import folded
from core.domain.patience import is_older
from core.domain.refusals import key_taken, over_budget, task_taken
from core.domain.request import Kind
from core.domain.status import Stage
from core.ports.job_store import Added, Heartbeat, JobPage, JobQuery
from core.ports.journal import Installation
from core.stores import search
from core.stores.rows import FIRST_NOTE, from_new, from_orphaned, needed_time, to_decimal, to_event, to_text
from core.stores.single_job import SingleJobVerbs
from core.stores.supabase.account_store import SupabaseAccountStore
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.connection import UNIQUE_VIOLATION, Connection
from core.stores.supabase.each_time import EachTime
from core.stores.supabase.rows import to_job
from core.stores.supabase.soundness import Soundness
from core.stores.supabase.writing import ROUNDS, JobRows, as_write

MOST_ROWS = 2**31 - 1  # no table of ours has so many


class SupabaseJobStore(SingleJobVerbs):
    """See core.ports.job_store for what each verb promises. Times are the database's.

    Args:
        has_remains: whether this machine holds anything of earlier jobs of this table.
        agenda: what there is to do, asked once for all ticks; None asks for each thing by itself.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        has_remains: Callable[[], bool] = lambda: False,
        agenda: Agenda | None = None,
    ) -> None:
        self._db = connection
        self._agenda = agenda or EachTime(connection)
        self._rows = JobRows(connection, self._agenda)
        super().__init__(self._rows.change)
        self.accounts = SupabaseAccountStore(connection, self._rows, self._agenda)
        self._soundness = Soundness(self._agenda.state, has_remains=has_remains)
        self._failed_write: str | None = None

    # -- writing

    def add(self, new: NewJob, *, budget: Budget | None = None) -> Added:
        self._soundness.check()
        answer = self._db.call(
            "add",
            p_new=json.dumps(
                from_new(new) | {"note": FIRST_NOTE, "caller_key": new.caller_key, "caller_hash": new.caller_hash}
            ),
            p_write_id=str(uuid.uuid4()),
            p_most=None if budget is None else str(budget.most),
            p_since=None if budget is None else to_text(budget.since),
        )
        if "used" in answer and budget is not None:
            raise over_budget(new, budget, to_decimal(answer["used"]) or Decimal(0))
        self._agenda.note([answer["row"]])
        job = to_job(answer["row"])
        if answer["of_key"] == "other":
            raise key_taken(job, new.caller_key)
        if answer["of_key"] == "new" and not answer["created"] and job.request_hash != new.request_hash:
            raise key_taken(job, new.idempotency_key)
        return Added(job=job, created=bool(answer["created"]))

    def claim_queued(self, *, owner: str, lease_s: float, slots: Slots, limit: int) -> list[Claimed]:
        self._soundness.check()
        open_ = self._agenda.queued(slots.limits)
        return self._rows.claim("queued_any", open_, owner=owner, lease_s=lease_s, limit=limit, slots=slots.limits)

    def bind_task(self, claim: Claim, task_id: str, *, poll_in_s: float) -> Job:
        wait_s = self._first_look_s(task_id, poll_in_s)
        try:
            return self._rows.change(claim.job_id, transitions.bound(task_id, poll_in_s=wait_s), claim=claim)
        except APIError as exc:
            if exc.code != UNIQUE_VIOLATION:
                raise
            owner = self._db.call("job_of_task", p_task=task_id)[0]["id"]
            raise task_taken(task_id, owner_id=owner, job_id=claim.job_id) from exc

    def adopt_task(self, job_id: int, attempt: int, task_id: str, *, nonce: int | None, poll_in_s: float) -> Job | None:
        wait_s = self._first_look_s(task_id, poll_in_s)
        adopted = transitions.adopted(attempt, task_id, nonce=nonce, poll_in_s=wait_s)

        def change(job: Job, now: datetime) -> Changed:
            changed = adopted(job, now)
            if changed is None:
                raise _GoneAnotherWay
            return changed

        try:
            return self._rows.change(job_id, change)
        except _GoneAnotherWay:
            return None
        except APIError as exc:
            if exc.code != UNIQUE_VIOLATION:
                raise
            return None

    def mark_attention(self, claim: Claim, candidates: Sequence[OrphanedTask], *, note: str) -> Job:
        tasks = [from_orphaned(replace(candidate, job_id=claim.job_id)) for candidate in candidates]
        return self._rows.change(claim.job_id, transitions.attention(note), claim=claim, asks_about=tasks)

    def claim_uncertain(
        self, *, owner: str, lease_s: float, generator: str, limit: int, not_scanned_for_s: float = 0.0
    ) -> list[Claimed]:
        open_ = self._agenda.uncertain(generator, not_scanned_for_s=not_scanned_for_s)
        return self._rows.claim(
            "uncertain_any",
            open_,
            owner=owner,
            lease_s=lease_s,
            generator=generator,
            limit=limit,
            seconds=not_scanned_for_s,
        )

    def claim_due(
        self, *, owner: str, lease_s: float, generator: str, limit: int, ahead_s: float = 0.0
    ) -> list[Claimed]:
        open_ = self._agenda.due(generator, Stage.GENERATING, Stage.LATE)
        return self._rows.claim(
            "due_any", open_, owner=owner, lease_s=lease_s, generator=generator, limit=limit, seconds=ahead_s
        )

    def claim_saving(self, *, owner: str, lease_s: float, generator: str, limit: int) -> list[Claimed]:
        open_ = self._agenda.due(generator, Stage.SAVING)
        return self._rows.claim("saving", open_, owner=owner, lease_s=lease_s, generator=generator, limit=limit)

    def note_polls(self, notes: Sequence[PollNote]) -> int:
        open_notes, written = list(notes), 0
        for _ in range(ROUNDS):
            if not open_notes:
                break
            rows, now = self._rows.read(sorted({note.claim.job_id for note in open_notes}))
            jobs = {row["id"]: to_job(row) for row in rows}
            held = {  # the first that holds: it releases the claim
                note.claim.job_id: note
                for note in reversed(open_notes)
                if note.claim.job_id in jobs and holds(note.claim, jobs[note.claim.job_id])
            }
            writes = [
                as_write(row, transitions.polled(held[row["id"]])(jobs[row["id"]], now))
                for row in rows
                if row["id"] in held
            ]
            done = self._rows.write(writes)
            written += len(done)
            open_notes = [note for job_id, note in held.items() if job_id not in done]
        return written

    def expire_submitting(self) -> int:
        return self._rows.sweep(Stage.SUBMITTING, transitions.expired)

    def mark_late(self, *, timeout_s: float) -> int:
        def is_late(job: Job, now: datetime) -> bool:
            return is_older(job, now, timeout_s)

        return self._rows.sweep(Stage.GENERATING, transitions.late, is_late, age_s=timeout_s)

    def give_up_late(self, *, watch_s: float) -> int:
        def is_meant(job: Job, now: datetime) -> bool:
            return is_older(job, now, watch_s) and transitions.may_give_up(job, now)

        return self._rows.sweep(Stage.LATE, transitions.given_up, is_meant, age_s=watch_s)

    def unblock(self, *, generator: str, balance: Affordable | None = None) -> int:
        def is_ready(job: Job, now: datetime) -> bool:
            return transitions.may_unblock(job, balance)

        return self._rows.sweep(Stage.BLOCKED, transitions.unblocked, is_ready, generator=generator)

    def fold_names(self, *, limit: int) -> int:
        if not self._agenda.has_unfolded():
            return 0
        rows = self._db.call("unfolded", p_limit=limit)
        if rows:
            names = [row | {"folded_name": folded(row["target_object"])} for row in rows]
            self._db.call("fold", p_names=json.dumps(names))
        return len(rows)

    def beat(self, *, owner: str) -> None:
        """The write that comes every few seconds, so it shows whether the project takes writes."""
        try:
            self._agenda.beat(owner)
        except StoreUnavailable as exc:
            self._failed_write = exc.message
            raise
        self._failed_write = None

    # -- reading

    def installation(self) -> Installation:
        return Installation(id=str(self._db.call("installation")), project=self._db.project)

    def now(self) -> datetime:
        return self._agenda.now()

    def get(self, job_id: int) -> Job:
        return to_job(self._rows.one(job_id)[0])

    def find(self, query: JobQuery) -> JobPage:
        answer = self._db.call(
            "page",
            p_needle=_like(search.needle(query)),
            p_number=search.number(query),
            p_statuses=sorted(status.value for status in query.statuses),
            p_limit=query.page_size,
            p_offset=min(query.page * query.page_size, MOST_ROWS),
        )
        jobs = tuple(to_job(row) for row in answer["rows"])
        return JobPage(jobs=jobs, total=answer["total"], running=answer["running"])

    def events(self, job_id: int) -> list[JobEvent]:
        rows = self._db.call("events", p_job=job_id)
        if rows is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return [to_event(row) for row in rows]

    def conversions(self, job_id: int) -> list[Job]:
        return [to_job(row) for row in self._db.call("conversions", p_job=job_id)]

    def changed_since(self, cursor: int, *, limit: int) -> tuple[list[Job], int]:
        rows = self._db.call("changed", p_cursor=cursor, p_limit=limit)
        return [to_job(row) for row in rows], rows[-1]["change_number"] if rows else cursor

    def last_change(self) -> int:
        return self._agenda.last_change()

    def job_of_key(self, key: str) -> Job | None:
        rows = self._db.call("job_of_key", p_key=key)
        return to_job(rows[0]) if rows else None

    def job_of_task(self, task_id: str) -> Job | None:
        rows = self._db.call("job_of_task", p_task=task_id)
        return to_job(rows[0]) if rows else None

    def job_of_intent(self, *, nonce: int | None, image_token: str | None) -> Job | None:
        rows = self._db.call("job_of_intent", p_nonce=nonce, p_token=image_token)
        return to_job(rows[0]) if rows else None

    def queue_length_before(self, job_id: int) -> int:
        self._rows.one(job_id)
        return int(self._db.call("queued_before", p_job=job_id))

    def recent_durations_s(self, category: Category, kind: Kind, *, limit: int) -> list[float]:
        answer = self._db.call("durations_of", p_category=category, p_kind=kind.value, p_limit=limit)
        return [float(each) for each in answer]

    def last_beat(self) -> Heartbeat | None:
        row = self._agenda.last_beat()
        return None if row is None else Heartbeat(owner=row["owner"], at=needed_time(row["at"]))

    def damage(self) -> str | None:
        return self._soundness.problem

    def check(self) -> None:
        self._soundness.check(is_forced=True)

    def try_write(self) -> None:
        """The scheduler's next beat is such a write, within seconds."""

    def failed_write(self) -> str | None:
        return self._failed_write

    def close(self) -> None:
        self._db.close()

    def _first_look_s(self, task_id: str, poll_in_s: float) -> float:
        """At once for a task that a webhook named before we knew whose it is: it may have ended already."""
        return 0.0 if self._db.call("is_seen", p_task=task_id) else poll_in_s


class _GoneAnotherWay(Exception):
    """The job of a proof is no longer where the proof is about."""


def _like(needle: str) -> str:
    """A LIKE pattern that matches the text literally, or an empty text."""
    if not needle:
        return ""
    literal = needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"
