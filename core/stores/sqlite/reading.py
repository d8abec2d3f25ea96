"""The reading half of the job store."""

from __future__ import annotations

import functools
import json
import sqlite3
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosql

from core.domain.errors import JobNotFound
from core.domain.job import Category, Job, JobEvent
from core.ports.clock import Clock
from core.ports.job_store import Heartbeat, JobPage, JobQuery
from core.ports.journal import Installation
from core.stores import search
from core.stores.rows import needed_time
from core.stores.sqlite.clock_jumps import follow
from core.stores.sqlite.database import Database
from core.stores.sqlite.rows import to_event, to_job
from core.stores.sqlite.soundness import EMPTIED
from core.stores.sqlite.upgrade import newest_version


@functools.cache
def _queries() -> Any:
    """The named queries; parsed once."""
    return aiosql.from_path(Path(__file__).with_name("queries.sql"), "sqlite3", mandatory_parameters=False)


class JobReader:
    """See core.ports.job_store for what each verb promises."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._database = Database(path, on_write=lambda db: follow(db, clock))
        self._sql = _queries()
        self._newest_id = 0  # that was ever seen: rows are never removed

    def installation(self) -> Installation:
        with self._database.read() as db:
            row = self._sql.installation(db)
        if row is None:
            with self._database.write() as db:
                self._sql.name_installation(db, id=uuid.uuid4().hex)
                row = self._sql.installation(db)
        return Installation(id=row["id"])

    def now(self) -> datetime:
        return self._clock.now()

    def get(self, job_id: int) -> Job:
        with self._database.read() as db:
            return self._row(db, job_id)

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
            self._row(db, job_id)
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

    def job_of_intent(self, *, nonce: int | None, image_token: str | None) -> Job | None:
        with self._database.read() as db:
            row = self._sql.job_of_intent(db, nonce=nonce, image_token=image_token)
            return None if row is None else to_job(row)

    def last_change(self) -> int:
        with self._database.read() as db:
            return int(self._sql.last_change(db)[0])

    def queue_length_before(self, job_id: int) -> int:
        with self._database.read() as db:
            job = self._row(db, job_id)
            return int(self._sql.queued_before(db, category=job.category, id=job_id)[0])

    def recent_durations_s(self, category: Category, *, limit: int) -> list[float]:
        with self._database.read() as db:
            rows = list(self._sql.recent_durations(db, category=category, limit=limit))
        return [(needed_time(row["finished_at"]) - needed_time(row["started_at"])).total_seconds() for row in rows]

    def last_beat(self) -> Heartbeat | None:
        with self._database.read() as db:
            row = self._sql.last_beat(db)
        return None if row is None else Heartbeat(owner=row["owner"], at=datetime.fromisoformat(row["at"]))

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

    def _check_not_emptied(self, db: sqlite3.Connection) -> None:
        newest: int = self._sql.newest_id(db)[0]
        if newest < self._newest_id:
            raise self._database.distrust(EMPTIED)
        self._newest_id = newest

    def _row(self, db: sqlite3.Connection, job_id: int) -> Job:
        row = self._sql.job_by_id(db, id=job_id)
        if row is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return to_job(row)
