"""How a change is written: computed from the row as it was read, and written only if it still is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from core.domain.change import Change, Changed, check_held
from core.domain.claims import Claim, Claimed
from core.domain.errors import JobNotFound, StoreUnavailable
from core.domain.job import Job
from core.domain.status import Stage
from core.stores.rows import from_job, needed_time
from core.stores.supabase.agenda import Agenda, Group
from core.stores.supabase.connection import Connection
from core.stores.supabase.each_time import EachTime
from core.stores.supabase.rows import Row, to_job

BATCH = 500  # rows of one call; a hosted project cuts answers of more than a thousand
NO_SLOTS: Mapping[str, int] = MappingProxyType({})
ROUNDS = 8  # another replica wrote in between: read and compute again


class JobRows:
    """What every writing verb is made of. Times are the database's."""

    def __init__(self, connection: Connection, agenda: Agenda | EachTime) -> None:
        self._db = connection
        self._agenda = agenda  # hears of every row that was written

    def change(self, job_id: int, change: Change, *, claim: Claim | None = None, asks_about: Sequence[Row] = ()) -> Job:
        """Raises: JobNotFound, ClaimLost, IllegalTransition, StoreUnavailable."""
        for _ in range(ROUNDS):
            row, now = self.one(job_id)
            job = to_job(row)
            if claim is not None:
                check_held(claim, job)
            changed = change(job, now)
            if changed.job == job and changed.note is None:
                return job
            written = self.write([as_write(row, changed)], asks_about=asks_about)
            if written:
                return to_job(written[job_id])
        raise StoreUnavailable(f"Job {job_id} is being written by others all the time; it is tried again.")

    def sweep(
        self,
        stage: Stage,
        change: Change,
        is_meant: Callable[[Job, datetime], bool] = lambda job, now: True,
        *,
        age_s: float = 0.0,
        generator: str = "",
    ) -> int:
        """Two calls for each batch: its rows, and all their changes in one transaction."""
        if not self._agenda.has_stuck(stage, age_s=age_s, generator=generator):
            return 0
        moved, after = 0, 0
        while True:
            answer = self._db.call(
                "stuck_after", p_kind=stage.value, p_age_s=age_s, p_generator=generator, p_after=after, p_limit=BATCH
            )
            now, rows = needed_time(answer["now"]), answer["rows"]
            meant = [(row, to_job(row)) for row in rows if is_meant(to_job(row), now)]
            moved += len(self.write([as_write(row, change(job, now)) for row, job in meant]))
            if len(rows) < BATCH:
                return moved
            after = rows[-1]["id"]

    def claim(
        self,
        kind: str,
        open_: Sequence[Group],
        *,
        owner: str,
        lease_s: float,
        limit: int,
        generator: str = "",
        seconds: float = 0.0,
        slots: Mapping[str, int] = NO_SLOTS,
    ) -> list[Claimed]:
        """Jobs of a kind that nobody holds, in one call of the database; in none when no group has any open."""
        if not open_:
            return []
        rows = self._db.call(
            "claim",
            p_kind=kind,
            p_owner=owner,
            p_lease_s=lease_s,
            p_generator=generator,
            p_limit=limit,
            p_seconds=seconds,
            p_slots=json.dumps(dict(slots)),
            p_write_id=str(uuid.uuid4()),
        )
        self._agenda.note(rows)
        if rows:
            self._agenda.again(open_)
        jobs = sorted(map(to_job, rows), key=lambda job: job.id)
        if kind in ("due_any", "saving"):
            jobs.sort(key=lambda job: job.next_poll_at or job.created_at)
        return [Claimed(job=job, claim=Claim(job_id=job.id, owner=owner, epoch=job.epoch)) for job in jobs]

    def write(self, writes: Sequence[Row], *, asks_about: Sequence[Row] = ()) -> dict[int, Row]:
        """All in one transaction; the rows that were written, by number. What others wrote meanwhile is left.

        `asks_about`: tasks that are remembered with the write, or neither is.
        """
        if not writes:
            return {}
        if asks_about:
            tasks = json.dumps(list(asks_about))
            rows = self._db.call("write_seen", p_writes=json.dumps(list(writes)), p_tasks=tasks)
        else:
            rows = self._db.call("write", p_writes=json.dumps(list(writes)))
        self._agenda.note(rows)
        return {row["id"]: row for row in rows}

    def one(self, job_id: int) -> tuple[Row, datetime]:
        """The row and the database's time. Raises: JobNotFound."""
        rows, now = self.read([job_id])
        if not rows:
            raise JobNotFound(f"There is no job {job_id}.")
        return rows[0], now

    def read(self, job_ids: Sequence[int]) -> tuple[list[Row], datetime]:
        answer = self._db.call("jobs", p_ids=list(job_ids))
        return answer["rows"], needed_time(answer["now"])


def as_write(row: Row, changed: Changed) -> Row:
    """For the function that writes: with a number of its own, so that a repeated write is one."""
    event = None
    if changed.note is not None:
        event = {"before": changed.before.value, "note": changed.note}
    return {
        "id": row["id"],
        "version": row["change_number"],
        "write_id": str(uuid.uuid4()),
        "needs_lease": changed.needs_lease,
        "row": from_job(changed.job),
        "event": event,
    }
