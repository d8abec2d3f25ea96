"""The background scheduler: an interval for each service call, and nothing else."""

from __future__ import annotations

import logging
import threading
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
PROBE_EVERY_S = 300.0  # a blocked account is mended by a person: minutes do not matter
BEAT_EVERY_S = 5.0


class Scheduler:
    """Starts and stops with the server; works with no browser open."""

    def __init__(self, *, workers: Sequence[Worker], beat: Callable[[], None]) -> None:
        self._workers = tuple(workers)
        self._idle = threading.Condition()
        self._ticking = 0
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1 + 5 * len(self._workers))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": GRACE_S},
        )
        self._scheduler.add_listener(_report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._every("beat", BEAT_EVERY_S, beat)
        for worker in self._workers:
            self._every(f"{worker.name} dispatch", DISPATCH_EVERY_S, worker.dispatch.tick)
            self._every(f"{worker.name} poll", POLL_EVERY_S, worker.poll.tick)
            self._every(f"{worker.name} collect", COLLECT_EVERY_S, worker.collect.tick)
            self._every(f"{worker.name} reconcile", RECONCILE_EVERY_S, worker.reconcile.tick)
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
        """Send new jobs now rather than with the next tick."""
        if self._scheduler.running:
            for worker in self._workers:
                self._scheduler.modify_job(f"{worker.name} dispatch", next_run_time=datetime.now(UTC))

    def _every(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        def tick() -> None:
            with self._idle:
                self._ticking += 1
            try:
                call()
            except MaquetteError as exc:
                log.warning("%s: %s", name, exc.message)
            except Exception:
                log.exception("%s: a fault of ours; the next tick goes on", name)
            finally:
                with self._idle:
                    self._ticking -= 1
                    self._idle.notify_all()

        self._scheduler.add_job(tick, "interval", seconds=seconds, id=name, name=name, next_run_time=datetime.now(UTC))


def _report(event: JobExecutionEvent) -> None:
    # A tick that takes longer than its interval is normal for dispatch and collect: the next one is left out.
    level = logging.DEBUG if event.code == EVENT_JOB_MAX_INSTANCES else logging.WARNING
    log.log(level, "tick %s: event %s", event.job_id, event.code)
