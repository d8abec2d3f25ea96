"""The use cases on a real SQLite store, real files, a fake generator and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.generation import TaskPhase, TaskState
from core.domain.job import Job
from core.ports.job_store import JobStore, Slots
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
from tests.builders import EVERY_SLOT, new_job
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator


@dataclass
class World:
    """Everything a test moves."""

    clock: FakeClock
    jobs: JobStore
    objects: LocalObjectStore
    generator: FakeGenerator
    journal: LocalJournal
    slots: Slots = EVERY_SLOT

    def __post_init__(self) -> None:
        self.generator.created_at = self.clock.now
        self.throttle = Throttle(self.generator, jobs=self.jobs, clock=self.clock)
        self.scan = AccountScan(jobs=self.jobs, generator=self.throttle)
        self.billing = Billing(jobs=self.jobs, generator=self.throttle, scan=self.scan, clock=self.clock)

    @property
    def notes(self) -> Notes:
        return Notes(jobs=self.jobs, generator=self.throttle, journal=self.journal, poll_in_s=2)

    @property
    def makers(self) -> Makers:
        return Makers(connected={self.throttle.name: self.throttle}, default=self.throttle)

    @property
    def elsewhere(self) -> Elsewhere | None:
        found = Elsewhere(objects=self.objects, generator=self.throttle, lease_s=60)
        return None if self.throttle.is_paid else found

    def add(self, **changes: Any) -> int:
        self.objects.put("images/a/cup.jpg", b"picture", media_type="image/jpeg")
        return self.jobs.add(new_job(**changes)).job.id

    def job(self, job_id: int) -> Job:
        return self.jobs.get(job_id)

    def dispatch(self, owner: str = "a", lease_s: float = 60) -> int:
        return Dispatch(
            jobs=self.jobs,
            objects=self.objects,
            generator=self.throttle,
            notes=self.notes,
            clock=self.clock,
            owner=owner,
            slots=self.slots,
            lease_s=lease_s,
            send_by_s=20,
        ).tick()

    def poll(self, owner: str = "a") -> int:
        return Poll(
            jobs=self.jobs,
            generator=self.throttle,
            owner=owner,
            lease_s=60,
            poll_first_s=2,
            elsewhere=self.elsewhere,
        ).tick()

    def collect(self, owner: str = "a") -> int:
        return Collect(
            jobs=self.jobs,
            objects=self.objects,
            generator=self.throttle,
            owner=owner,
            lease_s=60,
            elsewhere=self.elsewhere,
        ).tick()

    def sweep(self) -> Sweep:
        return Sweep(
            jobs=self.jobs,
            generator=self.throttle,
            notes=self.notes,
            owner="a",
            lease_s=60,
            job_timeout_s=600,
        )

    def reconcile(self, owner: str = "s", settle_s: float = 1800) -> int:
        return Reconcile(
            jobs=self.jobs, generator=self.throttle, scan=self.scan, owner=owner, lease_s=60, settle_s=settle_s
        ).tick()

    def decide(self, most: Decimal | None = None) -> Decide:
        return Decide(
            jobs=self.jobs,
            objects=self.objects,
            makers=self.makers,
            max_credits_per_day=most,
            on_changed=lambda: None,
        )

    def says(self, phase: TaskPhase, task_id: str = "task-1", **more: Any) -> None:
        """What the generator says of the task from now on."""
        self.generator.tasks[task_id] = TaskState(task_id=task_id, phase=phase, **more)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock()
    jobs = SqliteJobStore(tmp_path / "jobs.sqlite3", clock)
    yield World(
        clock=clock,
        jobs=jobs,
        objects=LocalObjectStore(tmp_path / "files"),
        generator=FakeGenerator(),
        journal=LocalJournal(tmp_path / "journal"),
    )
    jobs.close()


def raising(error: Exception) -> Any:
    """A call that raises."""

    def call() -> None:
        raise error

    return call
