"""The background scheduler: an interval for each service call, and nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.background import BackgroundScheduler

from core.domain.errors import MaquetteError
from core.services.worker import Worker

log = logging.getLogger(__name__)
GRACE_S = 30  # APScheduler's default of one second silently drops ticks on a busy machine

# Seconds between two calls. A tick that finds nothing costs one indexed query.
DISPATCH_EVERY_S = 1.0
POLL_EVERY_S = 0.5
COLLECT_EVERY_S = 0.5
SWEEP_EVERY_S = 5.0
PROBE_EVERY_S = 60.0  # a blocked engine is mended by a person: minutes do not matter
RECONCILE_EVERY_S = 5.0  # each uncertain job is looked for every half minute
BILLING_EVERY_S = 5.0  # they know themselves what is due
TELL_AGAIN_S = 60.0
SENDERS = 3  # jobs sent at once: one slow upload does not hold up the others
COLLECTORS = 3  # models fetched at once; each is held in memory while it is checked
BEAT_EVERY_S = 5.0
CHECK_EVERY_S = 60.0  # a table of 100,000 jobs is read in under a second
SPOOL_EVERY_S = 60.0
NAMES_EVERY_S = 5.0
CLOCK_LOOK_S = 1.0
CLOCK_JUMP_S = 2.0  # more than a clock is slewed by in a second, less than anybody waits for

wall_s = time.time


class Scheduler:
    """Starts and stops with the server; works with no browser open.

    Args:
        check: looks whether the job table is whole.
        fold_names: goes through names of before an update.
        sweep_spool: removes models on this machine's disk that are stored.
    """

    def __init__(
        self,
        *,
        workers: Sequence[Worker],
        beat: Callable[[], None],
        check: Callable[[], None] | None = None,
        fold_names: Callable[[], object] | None = None,
        sweep_spool: Callable[[], object] | None = None,
    ) -> None:
        self._workers = tuple(workers)
        self._logged: dict[str, tuple[str, float]] = {}
        self._names: list[str] = []
        self._woken: list[str] = []  # the ticks that look for new jobs, for news, and for models that are made
        self._is_stopped = threading.Event()
        self._idle = threading.Condition()
        self._ticking = 0
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(3 + (5 + SENDERS + COLLECTORS) * len(self._workers))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE_S},
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._every("beat", BEAT_EVERY_S, beat)
        if check is not None:
            self._every("check", CHECK_EVERY_S, check)
        if fold_names is not None:
            self._every("names", NAMES_EVERY_S, fold_names)
        if sweep_spool is not None:
            self._every("spool", SPOOL_EVERY_S, sweep_spool)
        for worker in self._workers:
            for number in range(SENDERS if worker.billing is not None else 1):
                self._every(f"{worker.name} dispatch {number}", DISPATCH_EVERY_S, worker.dispatch.tick, is_woken=True)
            self._every(f"{worker.name} poll", POLL_EVERY_S, worker.poll.tick, is_woken=True)
            for number in range(COLLECTORS if worker.billing is not None else 1):
                self._every(f"{worker.name} collect {number}", COLLECT_EVERY_S, worker.collect.tick, is_woken=True)
            self._every(f"{worker.name} sweep", SWEEP_EVERY_S, worker.sweep.tick)
            if worker.reconcile is not None and worker.billing is not None:
                self._every(f"{worker.name} reconcile", RECONCILE_EVERY_S, worker.reconcile.tick)
                self._every(f"{worker.name} billing", BILLING_EVERY_S, worker.billing.tick)
            else:
                self._every(f"{worker.name} probe", PROBE_EVERY_S, worker.sweep.probe_account)

    def start(self) -> None:
        self._scheduler.start()
        threading.Thread(target=self._watch_clock, name="clock watch", daemon=True).start()

    def stop(self, *, patience_s: float) -> bool:
        """Start no further tick; whether those under way ended within `patience_s` seconds."""
        self._is_stopped.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: self._ticking == 0, patience_s)

    def wake(self) -> None:
        """Send new jobs, and ask for tasks of which there is news, now rather than with the next tick."""
        self._tick_now(self._woken)

    def _tick_now(self, names: Sequence[str]) -> None:
        if not self._scheduler.running:
            return
        for name in names:
            try:
                self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))
            except (SchedulerNotRunningError, JobLookupError):
                if not self._is_stopped.is_set():
                    raise
                return

    def _watch_clock(self) -> None:
        """APScheduler plans by the wall clock: set back by two hours, it would stand still for two hours."""
        offset_s = wall_s() - time.monotonic()
        while not self._is_stopped.wait(CLOCK_LOOK_S):
            before_s, offset_s = offset_s, wall_s() - time.monotonic()
            if abs(offset_s - before_s) > CLOCK_JUMP_S:
                log.warning("the clock jumped by %.0f s; every tick is planned anew", offset_s - before_s)
                self._tick_now(self._names)

    def _tell(self, name: str, message: str) -> None:
        """The same trouble of the same tick is told once a minute, not with every tick."""
        logged, at_s = self._logged.get(name, ("", 0.0))
        now_s = time.monotonic()
        if message != logged or now_s - at_s > TELL_AGAIN_S:
            self._logged[name] = (message, now_s)
            log.warning("%s: %s", name, message)

    def _every(
        self,
        name: str,
        seconds: float,
        call: Callable[[], object],
        *,
        is_woken: bool = False,
    ) -> None:
        def tick() -> None:
            with self._idle:
                self._ticking += 1
            try:
                call()
            except MaquetteError as exc:
                self._tell(name, exc.message)
            except Exception:
                log.exception("%s: a fault of ours; the next tick goes on", name)
            finally:
                with self._idle:
                    self._ticking -= 1
                    self._idle.notify_all()

        self._scheduler.add_job(tick, "interval", seconds=seconds, id=name, name=name, next_run_time=datetime.now(UTC))
        self._names.append(name)
        if is_woken:
            self._woken.append(name)


def _report(event: JobExecutionEvent) -> None:
    # A tick that takes longer than its interval is normal for dispatch and collect: the next one is left out.
    level = logging.DEBUG if event.code == EVENT_JOB_MAX_INSTANCES else logging.WARNING
    log.log(level, "tick %s: event %s", event.job_id, event.code)
