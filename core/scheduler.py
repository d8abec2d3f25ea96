"""The background scheduler: an interval for each service call, and nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from core.domain.errors import MaquetteError
from core.services.worker import Worker

log = logging.getLogger(__name__)
GRACE_S = 30  # APScheduler's default of one second silently drops ticks on a busy machine

# Seconds between two calls. A tick that finds nothing costs one indexed query.
DISPATCH_EVERY_S = 1.0
POLL_EVERY_S = 0.5
COLLECT_EVERY_S = 0.5
RECONCILE_EVERY_S = 5.0
PROBE_EVERY_S = 60.0  # a blocked engine is mended by a person: minutes do not matter
SETTLE_EVERY_S = 5.0  # each uncertain job is looked for every half minute
BOOKS_EVERY_S = 5.0  # they know themselves what is due
TELL_AGAIN_S = 60.0
SENDERS = 3  # jobs sent at once: one slow upload does not hold up the others
COLLECTORS = 3  # models fetched at once; each is held in memory while it is checked
BEAT_EVERY_S = 5.0


class Scheduler:
    """Starts and stops with the server; works with no browser open.

    Args:
        pace: how many times longer than usual the pauses are between ticks that look for work.
    """

    def __init__(self, *, workers: Sequence[Worker], beat: Callable[[], None], pace: float = 1.0) -> None:
        self._workers = tuple(workers)
        self._pace = pace
        self._told: dict[str, tuple[str, float]] = {}
        self._idle = threading.Condition()
        self._ticking = 0
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1 + (5 + SENDERS + COLLECTORS) * len(self._workers))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE_S},
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._every("beat", BEAT_EVERY_S, beat)
        for worker in self._workers:
            for number in range(SENDERS if worker.books is not None else 1):
                self._every(f"{worker.name} dispatch {number}", DISPATCH_EVERY_S, worker.dispatch.tick)
            self._every(f"{worker.name} poll", POLL_EVERY_S, worker.poll.tick)
            for number in range(COLLECTORS if worker.books is not None else 1):
                self._every(f"{worker.name} collect {number}", COLLECT_EVERY_S, worker.collect.tick)
            self._every(f"{worker.name} reconcile", RECONCILE_EVERY_S, worker.reconcile.tick)
            if worker.settle is not None and worker.books is not None:
                self._every(f"{worker.name} settle", SETTLE_EVERY_S, worker.settle.tick)
                self._every(f"{worker.name} books", BOOKS_EVERY_S, worker.books.tick)
            else:
                self._every(f"{worker.name} probe", PROBE_EVERY_S, worker.reconcile.probe_account)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self, *, patience_s: float) -> bool:
        """Start no further tick; whether those under way ended within `patience_s` seconds."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: self._ticking == 0, patience_s)

    def wake(self) -> None:
        """Send new jobs, and ask for tasks of which there is news, now rather than with the next tick."""
        if self._scheduler.running:
            for worker in self._workers:
                for what in ("dispatch", "poll"):
                    self._scheduler.modify_job(f"{worker.name} {what}", next_run_time=datetime.now(UTC))

    def _tell(self, name: str, message: str) -> None:
        """The same trouble of the same tick is told once a minute, not with every tick."""
        told, at_s = self._told.get(name, ("", 0.0))
        now_s = time.monotonic()
        if message != told or now_s - at_s > TELL_AGAIN_S:
            self._told[name] = (message, now_s)
            log.warning("%s: %s", name, message)

    def _every(self, name: str, seconds: float, call: Callable[[], object]) -> None:
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

        pause_s = seconds if name == "beat" else seconds * self._pace
        self._scheduler.add_job(tick, "interval", seconds=pause_s, id=name, name=name, next_run_time=datetime.now(UTC))


def _report(event: JobExecutionEvent) -> None:
    # A tick that takes longer than its interval is normal for dispatch and collect: the next one is left out.
    level = logging.DEBUG if event.code == EVENT_JOB_MAX_INSTANCES else logging.WARNING
    log.log(level, "tick %s: event %s", event.job_id, event.code)
