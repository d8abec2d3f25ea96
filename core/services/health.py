"""Whether each part does its work: asked often, answered from what is known, and never held up by work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta

from core.domain.errors import MaquetteError
from core.ports.disk import DiskState
from core.ports.job_store import JobStore
from core.services.backoff import is_for_good
from core.services.throttle import Throttle
from core.services.watched_files import WatchedFiles

log = logging.getLogger(__name__)
STALE_BEAT = timedelta(seconds=30)  # six missed heartbeats: the scheduler hangs or is gone
CLOCK_TOLERANCE = timedelta(seconds=5)  # two looks at the clock are never quite at one moment
UNKNOWN = "Nobody knows: the job table cannot be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether each part does its work.

    Attributes:
        store_problem, scheduler_problem, files_problem: a sentence, or None when all is well.
        heartbeat_age_s: seconds since any scheduler last ticked; None when none ever did.
    """

    generator: str
    store_problem: str | None = None
    scheduler_problem: str | None = None
    files_problem: str | None = None
    heartbeat_age_s: float | None = None
    disk: DiskState = field(default_factory=DiskState)

    @property
    def is_well(self) -> bool:
        return not any((self.store_problem, self.scheduler_problem, self.files_problem, self.disk.problem))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The use case.

    Attributes:
        reads: the same jobs, and gives up within seconds.
        generator: who makes new jobs' models.
        disk: looks at the folder of this machine; quick, and does not look anew with each call.
    """

    jobs: JobStore
    reads: JobStore
    files: WatchedFiles
    generator: Throttle
    disk: Callable[[], DiskState]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _looks: list[tuple[float, Future[Health]]] = field(default_factory=list, init=False)  # the newest alone

    def begin(self) -> Future[Health]:
        """The look that is under way, or a new one, on a thread that nothing else waits for."""
        with self._lock:
            if self._looks and not self._looks[0][1].done():
                return self._looks[0][1]
            future: Future[Health] = Future()
            self._looks[:] = [(time.monotonic(), future)]
        threading.Thread(target=self._run, args=(future,), name="health", daemon=True).start()
        return future

    def overdue(self) -> Health:
        """What can be said while a look does not come back."""
        with self._lock:
            waited_s = time.monotonic() - self._looks[0][0] if self._looks else 0.0
        problem = f"The job table or the disk has not answered for {waited_s:.0f} s. Look at the database and the disk."
        return Health(generator=self.generator.label, store_problem=problem, scheduler_problem=UNKNOWN)

    def look(self, *, patience_s: float) -> Health:
        """As `begin`, for those who may wait."""
        try:
            return self.begin().result(timeout=patience_s)
        except TimeoutError:
            return self.overdue()

    def _run(self, future: Future[Health]) -> None:
        try:
            future.set_result(self._now())
        except Exception:
            log.exception("a fault of ours while health was looked at")
            problem = "Health could not be told because of a fault of ours; it is in the server's log."
            future.set_result(Health(generator=self.generator.label, store_problem=problem))

    def _now(self) -> Health:
        problem: str | None = None
        scheduler: str | None = None
        age: timedelta | None = None
        try:
            if is_for_good(self.reads.accounts.account_wait_s(generator=self.generator.name)):
                scheduler = (
                    "These jobs were moved to another store, so nothing is made here any more. Set STORE to where they "
                    "are now (docs/migration.md)."
                )
            else:
                beat = self.reads.last_beat()
                age = None if beat is None else self.reads.now() - beat.at
                scheduler = _scheduler_problem(age)
            problem = self._write_problem()
        except MaquetteError as exc:
            problem, scheduler = exc.message, UNKNOWN
        return Health(
            generator=self.generator.label,
            store_problem=self.jobs.damage() or problem,
            scheduler_problem=scheduler,
            files_problem=self.files.problem(),
            heartbeat_age_s=None if age is None else age.total_seconds(),
            disk=self.disk(),
        )

    def _write_problem(self) -> str | None:
        """Of the newest write to the job table; where it failed, another is tried first."""
        if self.jobs.failed_write() is not None:
            self.jobs.try_write()
        return self.jobs.failed_write()


def _scheduler_problem(age: timedelta | None) -> str | None:
    if age is None:
        return "No scheduler has run yet, so no job moves on."
    if age < -CLOCK_TOLERANCE:
        return (
            f"The scheduler was last seen {int(-age.total_seconds())} s in the future: the clock was set back. It "
            "passes by itself with the scheduler's next sign of life; if it stays, set the clock and restart."
        )
    if age > STALE_BEAT:
        return f"The scheduler was last seen {int(age.total_seconds())} s ago, so no job moves on."
    return None
