"""Three generators in one server, as it is wired, and a scheduler that counts ticks instead of waiting for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from unittest import mock

from core.bootstrap import Services, build_services
from core.domain.errors import LookupFailed, ModelUnavailable, NotSent
from core.domain.generation import (
    Balance,
    FetchedModel,
    GenerationRequest,
    TaskLookup,
    TaskPhase,
    TaskState,
    UsageRow,
)
from core.domain.request import JobRequest, StoredImage
from core.ports.connection import Connection
from core.services.inspect import Inspect
from core.settings import Settings
from tests.builders import new_job
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator

JOBS = 200
CATEGORIES = {"tripo": "standard", "comfyui": "comfyui", "offline": "offline"}
SETTLE_S = 120.0
OPEN_S = 3.0  # that a breaker is open
PATIENCE_S = 60.0  # a tick that neither ended nor is kept waiting by the dead one by then never will


class Place(StrEnum):
    """Where a generator is dead."""

    ACCOUNT = "account"
    UPLOAD = "upload"
    CREATE = "create"
    LOOK_UP = "look_up"
    FETCH = "fetch"
    EVERYWHERE = "everywhere"


class Way(StrEnum):
    """How: it says nothing as long as it is dead, or refuses each connection."""

    MUTE = "mute"
    REFUSES = "refuses"


@dataclass
class Quick(FakeGenerator):
    """Each model is made at the first question."""

    def category(self, request: JobRequest) -> str:
        return CATEGORIES[self.name]

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        for task_id in task_ids:
            if task_id in self.tasks:
                self.tasks[task_id] = replace(self.tasks[task_id], phase=TaskPhase.SUCCEEDED)
        return super().look_up(task_ids)


@dataclass
class Dead(Quick):
    """Dead in one place, or in each, for as long as a test says.

    Attributes:
        place: None while it is well.
        asked: where it was asked while it was dead there.
        waiting: how many calls it keeps waiting now.
    """

    way: Way = Way.MUTE
    place: Place | None = Place.CREATE
    asked: set[Place] = field(default_factory=set)
    waiting: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def upload(self, image: StoredImage, data: bytes) -> str:
        self._be_dead(Place.UPLOAD, LookupFailed)
        return super().upload(image, data)

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        self._be_dead(Place.CREATE, NotSent)
        return super().create(request, check_send_window=check_send_window)

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        self._be_dead(Place.LOOK_UP, LookupFailed)
        return super().look_up(task_ids)

    def fetch_model(self, task: TaskState) -> FetchedModel:
        self._be_dead(Place.FETCH, ModelUnavailable)
        return super().fetch_model(task)

    def check_account(self) -> None:
        self._be_dead(Place.ACCOUNT, LookupFailed)

    def balance(self) -> Balance:
        self._be_dead(Place.ACCOUNT, LookupFailed)
        return super().balance()

    def usage(self, *, limit: int, offset: int) -> list[UsageRow]:
        self._be_dead(Place.ACCOUNT, LookupFailed)
        return super().usage(limit=limit, offset=offset)

    def die_at(self, place: Place | None) -> None:
        """Here and nowhere else from now on; whom it kept waiting elsewhere is answered."""
        with self.changed:
            self.place = place
            self.changed.notify_all()

    def close(self) -> None:
        self.die_at(None)

    def _is_dead(self, place: Place) -> bool:
        return self.place in (place, Place.EVERYWHERE)

    def _be_dead(self, place: Place, error: type[LookupFailed | NotSent | ModelUnavailable]) -> None:
        with self.changed:
            if not self._is_dead(place):
                return
            self.asked |= {place} if self.place is place else {place, Place.EVERYWHERE}
            if self.way is Way.REFUSES:
                raise error("nobody answers there")
            self.waiting += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self._is_dead(place), PATIENCE_S)
            self.waiting -= 1


def maker(kind: type[Quick], name: str, **more: Any) -> Quick:
    return kind(name=name, label=name, is_paid=name == "tripo", account=name, prefix=name, **more)


def job_of(name: str) -> Any:
    return new_job(generator=name, category=CATEGORIES[name])


@dataclass
class Tick:
    call: Callable[[], None]
    every_s: float
    due_s: float
    running: Future[None] | None = None


class CountedScheduler:
    """In place of APScheduler's, with its rules: a tick is not begun again while it runs, and threads are few.

    Ticks that are due are begun one after the other; the next once this one has ended, or the dead one keeps it.
    """

    running = True

    def __init__(self, clock: FakeClock, *, executors: dict[str, Any], **rules: Any) -> None:
        assert rules["job_defaults"]["max_instances"] == 1
        self._clock = clock
        self._pool = executors["default"]._pool
        self._changed = threading.Condition()
        self._waiting: Callable[[], int] = lambda: 0
        self._ticks: dict[str, Tick] = {}

    def heed(self, dead: Dead) -> None:
        """It may keep ticks waiting."""
        self._changed, self._waiting = dead.changed, lambda: dead.waiting

    def add_listener(self, *args: object) -> None:
        """Nothing is told."""

    def add_job(self, call: Callable[[], None], trigger: str, *, seconds: float, id: str, **more: object) -> None:
        self._ticks[id] = Tick(call, seconds, due_s=self._clock.boot_s())

    def modify_job(self, name: str, **more: object) -> None:
        self._ticks[name].due_s = self._clock.boot_s()

    def shutdown(self, *, wait: bool) -> None:
        self._pool.shutdown(wait=wait)

    def now_s(self) -> float:
        return self._clock.boot_s()

    def pass_time(self, seconds: float) -> None:
        """Each tick is begun when it is due."""
        ends_s = self._clock.boot_s() + seconds
        self._settle("what was kept waiting")
        while (due_s := min(tick.due_s for tick in self._ticks.values())) <= ends_s:
            self._clock.advance(max(0.0, due_s - self._clock.boot_s()))
            for name, tick in self._ticks.items():
                if tick.due_s <= self._clock.boot_s():
                    tick.due_s = self._clock.boot_s() + tick.every_s
                    self._begin(name, tick)
        self._clock.advance(max(0.0, ends_s - self._clock.boot_s()))

    def _begin(self, name: str, tick: Tick) -> None:
        if tick.running is not None and not tick.running.done():
            return  # as `max_instances` has it
        tick.running = self._pool.submit(tick.call)
        tick.running.add_done_callback(self._notify)
        self._settle(f"the tick {name!r}")

    def _settle(self, what: str) -> None:
        """Until each tick has ended, or the dead one keeps it waiting."""
        running = [tick.running for tick in self._ticks.values() if tick.running is not None]
        with self._changed:
            is_still = self._changed.wait_for(
                lambda: sum(not future.done() for future in running) == self._waiting(), PATIENCE_S
            )
        assert is_still, f"{what} found no thread, or waits for what a tick of the dead one holds"

    def _notify(self, future: Future[None]) -> None:
        with self._changed:
            self._changed.notify_all()


@contextmanager
def serving(folder: Path, clock: FakeClock, makers: Sequence[Quick]) -> Iterator[tuple[Services, CountedScheduler]]:
    """A server with these generators, of which each job is asked for after the same pauses."""
    made: list[CountedScheduler] = []

    def scheduler(**more: Any) -> CountedScheduler:
        made.append(CountedScheduler(clock, **more))
        return made[0]

    # the dead one has room for more, so that as many of its ticks as can be are kept waiting at once
    slots = {each.name: 20 if isinstance(each, Dead) else 5 for each in makers}
    connected = [Connection(generator=each, limits={CATEGORIES[each.name]: slots[each.name]}) for each in makers]
    settings = Settings(data_dir=folder, tripo_api_key=None, store="sqlite", settle_s=SETTLE_S)
    with (
        mock.patch("core.bootstrap.connections", return_value=connected),
        mock.patch("core.bootstrap.SystemClock", return_value=clock),
        mock.patch("core.scheduler.BackgroundScheduler", scheduler),
        mock.patch("core.services.poll.spread", return_value=1.0),
        mock.patch("core.services.collect.spread", return_value=1.0),
        mock.patch("core.services.backoff.OPEN_FIRST_S", OPEN_S),
        mock.patch.object(Inspect, "request", return_value=None),
    ):
        services = build_services(settings)
        services.objects.put("images/a/cup.jpg", b"picture", media_type="image/jpeg")
        try:
            yield services, made[0]
        finally:
            services.stop()
