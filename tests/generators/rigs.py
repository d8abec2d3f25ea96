"""Every generator before its fake, with the use cases around it, for one suite that all of them pass."""

from __future__ import annotations

import errno
import importlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.domain.claims import Slots
from core.domain.declaration import Evidence
from core.domain.job import Job
from core.domain.request import Kind, Slot, TextToModel, of_pictures
from core.domain.status import Stage
from core.generators.comfyui.files import load_workflow
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.offline import tasks
from core.generators.offline.generator import OfflineGenerator
from core.generators.tripo.client import TripoClient
from core.generators.tripo.generator import TripoGenerator
from core.ports.generator import Generator
from core.services.account_scan import AccountScan
from core.services.billing import Billing
from core.services.collect import Collect
from core.services.decide import Decide
from core.services.dispatch import Dispatch
from core.services.elsewhere import Elsewhere
from core.services.journal import Notes
from core.services.makers import Makers
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.sweep import Sweep
from core.services.throttle import Throttle
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests import pictures
from tests.builders import new_job, stored_image
from tests.clocks import FakeClock
from tests.fake_comfyui.service import Service as ComfyService
from tests.fake_generator import glb
from tests.fake_tripo.service import Service as TripoService
from tests.fake_tripo.transport import FakeTransport

LEASE_S, SETTLE_S = 60.0, 120.0
ROUNDS = 120
PICTURE = pictures.product_on_white()
QUESTIONS = ("hang before", "html", "drop before", "truncated")
COMMON = ("drop before", "drop after", "hang before", "hang after", "html", "html after", "truncated")


class Killed(BaseException):
    """The process is gone, with all it had in memory."""


class TripoRig:
    """Tripo. `runs`: what was made, by the number that tells attempts apart.

    `gone` as a fault of questions: whoever had the tasks has lost them.
    """

    kinds_of_faults: tuple[str, ...] = (*COMMON, "no id")
    faults_of_questions: tuple[str, ...] = QUESTIONS
    create, look = "create", "list"

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock = clock
        self.service = TripoService(clock_s=lambda: clock.now().timestamp(), task_s=20.0)

    def make(self, on_step: Callable[[str], None]) -> Generator:
        transport = FakeTransport(self.service, wait=self.clock.advance, on_step=on_step)
        return TripoGenerator(TripoClient("http://tripo.test", "tsk_1", transport=transport))

    def arm(self, route: str, kind: str, **more: Any) -> None:
        self.service.plan.arm(route, kind, **more)

    def runs(self) -> list[str]:
        return [task.id for task in self.service.ledger.tasks.values()]

    def take_long(self) -> None:
        """Tasks are not done before a test has ended them."""

    def is_stopped(self, task_id: str) -> bool:
        return False

    def work(self) -> None:
        """Nothing: it is done when its time is over."""


class ComfyRig(TripoRig):
    """ComfyUI."""

    kinds_of_faults = (*COMMON, "other id")
    faults_of_questions = (*QUESTIONS, "gone")
    create, look = "prompt", "jobs"

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock = clock
        self.service = ComfyService(clock_s=clock.boot_s)  # type: ignore[assignment]

    def make(self, on_step: Callable[[str], None]) -> Generator:
        transport = FakeTransport(self.service, wait=self.clock.advance, on_step=on_step)
        workflow = load_workflow("hunyuan3d-2.1")
        return ComfyGenerator("http://comfy.test", headers={}, workflow=workflow, transport=transport)

    def arm(self, route: str, kind: str, **more: Any) -> None:
        if kind == "gone":
            self.service.machine.restart()  # type: ignore[attr-defined]
        else:
            super().arm(route, kind, **more)

    def take_long(self) -> None:
        self.service.machine.step_s = 10.0  # type: ignore[attr-defined]

    def runs(self) -> list[str]:
        return [run.id for run in self.service.machine.runs]  # type: ignore[attr-defined]

    def is_stopped(self, task_id: str) -> bool:
        """It neither waits nor runs, and has not come to its end."""
        machine = self.service.machine  # type: ignore[attr-defined]
        machine.settle()
        ends = {run.status for run in machine.runs if run.id == task_id}
        return ends <= {"cancelled"} and all(item.id != task_id for item in machine.queue)


class OfflineRig(TripoRig):
    """The built-in engine; a test stands for its child process, and a disk for a network."""

    kinds_of_faults = ("full", "full after")
    create, look = "create", "look_up"
    faults_of_questions = ("gone", "cut")

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock, self.folder = clock, folder / "offline"
        self.faults: list[str] = []

    @property
    def tasks(self) -> Path:
        return self.folder / "tasks"

    def make(self, on_step: Callable[[str], None]) -> Generator:
        engine = OfflineGenerator(self.folder, environment={})
        engine._queue = lambda task_id: None  # type: ignore[method-assign]
        return Stepped(engine, on_step, self._faulty)  # type: ignore[return-value]

    def arm(self, route: str, kind: str, **more: Any) -> None:
        if kind == "gone":
            shutil.rmtree(self.tasks)
            self.tasks.mkdir()
        elif kind == "cut":
            for path in self.tasks.glob("*/request.json"):
                path.write_bytes(path.read_bytes()[:9])
        else:
            self.faults.append(kind)

    @contextmanager
    def _faulty(self, name: str) -> Iterator[None]:
        """The disk has no room for a task that is begun."""
        if name != self.create or not self.faults:
            yield
            return
        write, kind = tasks.write_durably, self.faults.pop()

        def no_room(path: Path, data: bytes) -> None:
            if kind == "full after":
                write(path, data)
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks, "write_durably", no_room)
            yield

    def runs(self) -> list[str]:
        return [path.name for path in self.tasks.iterdir()]

    def is_stopped(self, task_id: str) -> bool:
        return (self.tasks / task_id / "failed.txt").is_file()

    def work(self) -> None:
        for task in self.tasks.iterdir():
            if (task / "request.json").is_file() and not (task / "failed.txt").is_file():
                (task / "model.glb").write_bytes(glb())


class PotteryRig(TripoRig):
    """The further generator: its tasks are files, and it works when its model is fetched."""

    kinds_of_faults = ("full",)
    create, look = "create", "look_up"
    faults_of_questions = ("gone",)

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock, self.folder = clock, folder / "pottery"
        self.faults: list[str] = []

    def make(self, on_step: Callable[[str], None]) -> Generator:
        pottery = importlib.import_module("core.generators.pottery.generator").Pottery(self.folder)
        return Stepped(pottery, on_step, self._faulty)  # type: ignore[return-value]

    def arm(self, route: str, kind: str, **more: Any) -> None:
        if kind == "gone":
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.faults.append(kind)

    @contextmanager
    def _faulty(self, name: str) -> Iterator[None]:
        """A file lies where its folder should be."""
        if name != self.create or not self.faults:
            yield
            return
        self.faults.pop()
        self.folder.write_bytes(b"")
        try:
            yield
        finally:
            self.folder.unlink()

    def runs(self) -> list[str]:
        return [path.stem for path in self.folder.glob("*.json")]

    def is_stopped(self, task_id: str) -> bool:
        return task_id not in self.runs()


ASKS_NOBODY = frozenset({"category", "check", "estimate", "close"})


class Stepped:
    """A generator without a network: each call is a step before it and one after it, within `meanwhile` of its name."""

    def __init__(
        self, inner: Generator, on_step: Callable[[str], None], meanwhile: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self.inner, self._on_step, self._meanwhile = inner, on_step, meanwhile

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found) or name in ASKS_NOBODY:
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._on_step(f"before {name}")
            with self._meanwhile(name):
                answer = found(*args, **more)
            self._on_step(f"after {name}")
            return answer

        return call


RIGS = {"tripo": TripoRig, "comfyui": ComfyRig, "offline": OfflineRig, "pottery": PotteryRig}


@dataclass
class Life:
    """One server after another, on one table: a killed one is followed by a new one."""

    rig: TripoRig
    clock: FakeClock
    folder: Path
    steps: int = 0
    kill_at: int = 0  # 0: never
    kills: int = 0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = SqliteJobStore(self.folder / "jobs.sqlite3", self.clock)
        self.objects = LocalObjectStore(self.folder / "files")
        self.journal = LocalJournal(self.folder / "journal")
        for slot in Slot:
            self.objects.put(f"images/{slot.value}.png", PICTURE, media_type="image/png")
        self.begin()

    def begin(self) -> None:
        """A new process."""
        self.generator = Throttle(self.rig.make(self._step), jobs=self.jobs, clock=self.clock)
        self.scan = AccountScan(jobs=self.jobs, generator=self.generator)

    def _step(self, name: str) -> None:
        self.steps += 1
        self.told.append(name)
        if self.steps == self.kill_at:
            self.kills += 1
            raise Killed

    @property
    def makers(self) -> Makers:
        return Makers(connected={self.generator.name: self.generator}, default=self.generator)

    def add(self, kind: Kind = Kind.IMAGE) -> int:
        """A job of this kind, with the defaults of its generator."""
        offer = self.generator.declaration.offer(kind)
        assert offer is not None
        choices = offer.resolved({})
        views = {slot: stored_image(key=f"images/{slot.value}.png", media_type="image/png") for slot in offer.uses}
        request = TextToModel(prompt="a cup", choices=choices) if kind is Kind.TEXT else of_pictures(views, choices)
        new = new_job(
            request=request,
            generator=self.generator.name,
            category=self.generator.category(request),
            credits_estimate=self.generator.estimate(request),
        )
        return self.jobs.add(new).job.id

    def job(self, job_id: int) -> Job:
        return self.jobs.get(job_id)

    @property
    def decide(self) -> Decide:
        return Decide(
            jobs=self.jobs, objects=self.objects, makers=self.makers, max_credits_per_day=None, on_changed=lambda: None
        )

    def tick(self) -> None:
        """Each use case once; a kill ends the process, and a new one begins."""
        for act in self._acts():
            try:
                act()
            except Killed:
                self.begin()
                return

    @property
    def sweep(self) -> Sweep:
        notes = Notes(jobs=self.jobs, generator=self.generator, journal=self.journal, poll_in_s=2)
        return Sweep(
            jobs=self.jobs, generator=self.generator, notes=notes, owner="s", lease_s=LEASE_S, job_timeout_s=600
        )

    def _acts(self) -> tuple[Callable[[], object], ...]:
        own: dict[str, Any] = {"jobs": self.jobs, "generator": self.generator}
        own |= {"lease_s": LEASE_S, "owner": str(id(self))}
        notes = Notes(jobs=self.jobs, generator=self.generator, journal=self.journal, poll_in_s=2)
        elsewhere = Elsewhere(objects=self.objects, generator=self.generator, lease_s=LEASE_S)
        again = elsewhere if self.generator.declaration.can_begin_again else None
        slots = {self.generator.category(job.request): 5 for job in self._all() if job.request is not None}
        dispatch = Dispatch(
            **own,
            objects=self.objects,
            notes=notes,
            clock=self.clock,
            slots=Slots(limits=slots),
            send_by_s=20,
        )
        acts = [
            Sweep(**own, notes=notes, job_timeout_s=600).tick,
            dispatch.tick,
            Poll(**own, poll_first_s=2, elsewhere=again).tick,
            Collect(**own, objects=self.objects, elsewhere=again).tick,
        ]
        if self.generator.declaration.evidence is Evidence.ECHO:
            acts.append(Reconcile(**own, scan=self.scan, settle_s=SETTLE_S).tick)
            acts.append(Billing(jobs=self.jobs, generator=self.generator, scan=self.scan, clock=self.clock).tick)
        return tuple(acts)

    def _all(self) -> list[Job]:
        return self.jobs.changed_since(0, limit=1000)[0]

    def to_its_end(self, job_id: int, *, within: int = ROUNDS) -> Job:
        """Time goes by until the job has ended."""
        for _ in range(within):
            self.tick()
            self.rig.work()
            job = self.job(job_id)
            if job.is_ended:
                return job
            self.clock.advance(7.0)
        raise AssertionError(f"not at an end: {job.stage} {job.error_message} {self.told[-12:]}")

    def until(self, job_id: int, stage: Stage) -> Job:
        for _ in range(ROUNDS):
            if self.job(job_id).stage is stage:
                return self.job(job_id)
            self.tick()
            self.clock.advance(3.0)
        raise AssertionError(f"never {stage}: {self.job(job_id)}")
