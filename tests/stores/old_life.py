"""What the servers of today do with the jobs of an old table, until each of them has come to its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from core.domain.generation import FetchedModel, TaskPhase, TaskState
from core.domain.job import Job
from core.domain.request import JobRequest
from core.domain.status import Stage
from core.generators.offline import declaration as offline
from core.generators.tripo import declaration as tripo
from core.generators.tripo import prices
from core.ports.job_store import JobQuery, JobStore, Slots
from core.services.convert import Convert
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from tests.builders import Category
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator, usage_row
from tests.fake_tripo.fbx import sample_fbx
from tests.services.conftest import World
from tests.stores.old_versions import ACCOUNT

PICTURE, MODEL = b"picture", b"model"
PICTURES = tuple(f"images/{name}.jpg" for name in ("cup", "left", "back", "right"))
OLD_TASKS = ("old-stopped", "old-vase", "old-parcel", "old-bell", "old-quads", "old-two-1", "old-two-2", "old-boat")
ROUNDS = 12


class OldAccount(FakeGenerator):
    """The account that the old servers used, with their tasks."""

    declaration = tripo.DECLARATION  # type: ignore[assignment]

    def category(self, request: JobRequest) -> str:
        return prices.category(request)

    def fetch_model(self, task: TaskState) -> FetchedModel:
        return super().fetch_model(task) if task.input_conversion is None else FetchedModel(data=sample_fbx())


class Engine(FakeGenerator):
    """The built-in one."""

    declaration = offline.DECLARATION  # type: ignore[assignment]

    def category(self, request: JobRequest) -> str:
        return offline.NAME


@dataclass
class Life:
    """Two workers on an old table: one with Tripo, one with the built-in engine."""

    jobs: JobStore
    clock: FakeClock
    paid: World
    free: World
    began: list[Job] = field(default_factory=list)

    @classmethod
    def begin(cls, jobs: JobStore, clock: FakeClock, folder: Path) -> Self:
        objects, journal = LocalObjectStore(folder / "files"), LocalJournal(folder / "journal")
        for key in PICTURES:
            objects.put(key, PICTURE, media_type="image/jpeg")
        engine = Engine(name="offline", label="Built-in engine", is_paid=False, account="offline", prefix="free")
        worlds = [
            World(
                clock=clock,
                jobs=jobs,  # type: ignore[arg-type]
                objects=objects,
                generator=generator,
                journal=journal,
                slots=Slots(limits=dict.fromkeys(categories, 10)),
            )
            for generator, categories in (
                (OldAccount(account=ACCOUNT, prefix="new"), set(Category) - {Category.OFFLINE}),
                (engine, {Category.OFFLINE}),
            )
        ]
        life = cls(jobs=jobs, clock=clock, paid=worlds[0], free=worlds[1])
        life.began = life.every()
        life._remember()
        return life

    def every(self) -> list[Job]:
        return sorted(self.jobs.find(JobQuery(page_size=100)).jobs, key=lambda job: job.id)

    def named(self, name: str) -> Job:
        """The oldest of this name."""
        return next(job for job in self.every() if job.target_object == name)

    def sent(self) -> list[str]:
        """Names of the jobs whose tasks were made anew, once for each."""
        names = {job.id: job.target_object for job in self.every()}
        requests = self.paid.generator.requests + self.free.generator.requests
        return sorted(names[request.job_id] for request in requests)

    def go_on(self) -> None:
        for _ in range(ROUNDS):
            self.clock.advance(31)
            for world in (self.paid, self.free):
                world.sweep().tick()
                world.sweep().probe_account()
                world.dispatch()
                self._finish(world.generator)
                self.clock.advance(5)
                world.poll()
                world.collect()
            self.paid.reconcile(settle_s=60)
            self._decide()

    def convert(self) -> Convert:
        return Convert(jobs=self.jobs, makers=self.paid.makers, max_credits_per_day=None, on_queued=lambda: None)

    def _remember(self) -> None:
        """The generators have the tasks that the old servers had ordered, also the one whose answer was lost."""
        told = {job.task_id: job for job in self.began if job.task_id is not None}
        for task in OLD_TASKS:
            job = told.get(task)
            asked = None if job is None else job.conversion
            self._add(TaskState(task_id=task, phase=TaskPhase.WORKING, input_conversion=asked))
        lost = self.named("Lost letter")
        self._add(
            TaskState(
                task_id="old-lost",
                phase=TaskPhase.WORKING,
                input_token=lost.image_token,
                input_nonce=lost.nonce,
            )
        )
        self.free.says(TaskPhase.WORKING, "old-owl")

    def _add(self, task: TaskState) -> None:
        self.paid.generator.tasks[task.task_id] = task
        self.paid.generator.usage_rows.append(usage_row(task.task_id, self.named("Lost letter").updated_at))

    @staticmethod
    def _finish(generator: FakeGenerator) -> None:
        for task_id, task in generator.tasks.items():
            generator.tasks[task_id] = replace(task, phase=TaskPhase.SUCCEEDED)

    def _decide(self) -> None:
        """A person takes the first task that may be the job's, or says that there is none."""
        decide = self.paid.decide()
        for job in self.every():
            if job.stage is Stage.ATTENTION:
                found = sorted(task.task_id for task in decide.candidates(job.id))
                decide.take(job.id, found[0]) if found else decide.send_again(job.id)
