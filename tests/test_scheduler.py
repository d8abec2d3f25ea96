"""The background scheduler itself: what wakes it, and what a clock that jumps does to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core import scheduler as module
from core.scheduler import Scheduler
from core.services.worker import Worker

PATIENCE_S = 10.0


class Ticks:
    """Stands for every use case of a worker; counts its ticks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    def tick(self) -> int:
        with self._changed:
            self._count += 1
            self._changed.notify_all()
        return 0

    probe_account = tick

    @property
    def count(self) -> int:
        return self._count

    def wait_for_more_than(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count > count, PATIENCE_S)


class Parts:
    """A worker's parts, each with its own count."""

    def __init__(self, *, is_paid: bool) -> None:
        self.dispatch, self.poll, self.collect, self.sweep = Ticks(), Ticks(), Ticks(), Ticks()
        self.reconcile, self.billing = (Ticks(), Ticks()) if is_paid else (None, None)

    def worker(self, name: str) -> Worker:
        return cast(Worker, SimpleNamespace(name=name, **vars(self)))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals so long that a second tick has another reason."""
    for name in ("DISPATCH_EVERY_S", "POLL_EVERY_S", "COLLECT_EVERY_S", "SWEEP_EVERY_S"):
        monkeypatch.setattr(module, name, 3600.0)


@pytest.fixture
def parts() -> list[Parts]:
    return [Parts(is_paid=False), Parts(is_paid=True)]


@pytest.fixture
def scheduler(slow: None, parts: list[Parts]) -> Iterator[Scheduler]:
    workers = [each.worker(f"maker {number}") for number, each in enumerate(parts)]
    scheduler = Scheduler(workers=workers, beat=lambda: None)
    yield scheduler
    assert scheduler.stop(patience_s=PATIENCE_S)


def settled(parts: list[Parts]) -> None:
    """Until the first tick of everything is over."""
    for each in parts:
        for name in ("dispatch", "poll"):
            ticks = getattr(each, name)
            assert ticks.wait_for_more_than(0)
    expected = [1, module.SENDERS]
    ends_s = time.monotonic() + PATIENCE_S
    while [each.dispatch.count for each in parts] != expected and time.monotonic() < ends_s:
        threading.Event().wait(0.01)
    assert [each.dispatch.count for each in parts] == expected


def test_a_new_job_wakes_dispatch_and_poll_of_every_worker(scheduler: Scheduler, parts: list[Parts]) -> None:
    scheduler.start()
    settled(parts)
    before = [(each.dispatch.count, each.poll.count) for each in parts]

    for each, (sent, asked) in zip(parts, before, strict=True):
        ends_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_s and (each.dispatch.count <= sent or each.poll.count <= asked):
            scheduler.wake()  # APScheduler drops it while it still takes down that the tick before is over
            threading.Event().wait(0.05)
        assert each.dispatch.count > sent
        assert each.poll.count > asked


def test_a_generator_is_asked_each_minute_whether_it_takes_jobs(parts: list[Parts]) -> None:
    workers = [each.worker(f"maker {number}") for number, each in enumerate(parts)]
    scheduler = Scheduler(workers=workers, beat=lambda: None)
    pauses_s = {job.id: job.trigger.interval.total_seconds() for job in scheduler._scheduler.get_jobs()}

    assert pauses_s["maker 0 probe"] == 60.0
    assert pauses_s["beat"] == module.BEAT_EVERY_S, "others count the beats"
    assert pauses_s["maker 0 poll"] == module.POLL_EVERY_S


def test_waking_one_that_does_not_run_does_nothing(scheduler: Scheduler) -> None:
    scheduler.wake()


@pytest.mark.parametrize("jump_s", [-7200.0, 7200.0, -5.0])
def test_ticks_go_on_though_the_clock_jumps(jump_s: float, monkeypatch: pytest.MonkeyPatch, parts: list[Parts]) -> None:
    """APScheduler plans by the wall clock: set back by two hours, it would tick again in two hours."""
    clock = JumpingClock(monkeypatch)
    monkeypatch.setattr(module, "CLOCK_LOOK_S", 0.05)
    for name in ("DISPATCH_EVERY_S", "POLL_EVERY_S", "COLLECT_EVERY_S"):
        monkeypatch.setattr(module, name, 0.1)
    scheduler = Scheduler(workers=[each.worker(f"maker {number}") for number, each in enumerate(parts)], beat=_nothing)
    scheduler.start()
    try:
        assert parts[0].poll.wait_for_more_than(1)
        clock.jump(jump_s)
        seen = [each.poll.count for each in parts]
        for each, count in zip(parts, seen, strict=True):
            assert each.poll.wait_for_more_than(count + 3)
    finally:
        assert scheduler.stop(patience_s=PATIENCE_S)


def _nothing() -> None:
    return None


class JumpingClock:
    """The wall clock of this module's scheduler and of APScheduler; the monotonic clock goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import datetime as real

        import apscheduler.executors.base
        import apscheduler.schedulers.base
        import apscheduler.triggers.interval

        offset = [0.0]
        self._offset = offset

        class Shifted(real.datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return real.datetime.now(tz) + real.timedelta(seconds=offset[0])

        true_time = time.time
        places = (apscheduler.executors.base, apscheduler.schedulers.base, apscheduler.triggers.interval, module)
        for place in places:
            monkeypatch.setattr(place, "datetime", Shifted)
        monkeypatch.setattr(module, "wall_s", lambda: true_time() + offset[0])

    def jump(self, seconds: float) -> None:
        self._offset[0] += seconds
