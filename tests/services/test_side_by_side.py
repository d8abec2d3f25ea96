"""Several generators at once in one server, as it is wired: what one of them does delays none of the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import pytest

from core.bootstrap import Services, build_services
from core.domain.generation import GenerationRequest, TaskLookup, TaskPhase
from core.domain.request import JobRequest
from core.domain.status import Status
from core.ports.connection import Connection
from core.ports.job_store import JobQuery
from core.services.inspect import Inspect
from core.settings import Settings
from tests.builders import new_job
from tests.fake_generator import FakeGenerator

JOBS = 200
CATEGORIES = {"tripo": "standard", "comfyui": "comfyui", "offline": "offline"}
PATIENCE_S = 120.0


@dataclass
class Quick(FakeGenerator):
    """Each model is made at the first question."""

    def category(self, request: JobRequest) -> str:
        return CATEGORIES[self.name]

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        for task_id in task_ids:
            self.tasks[task_id] = replace(self.tasks[task_id], phase=TaskPhase.SUCCEEDED)
        return super().look_up(task_ids)


@dataclass
class Dead(Quick):
    """Takes what it is given, and then says nothing until it is let go."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    was_asked: threading.Event = field(default_factory=threading.Event)

    def create(self, request: GenerationRequest, **more: object) -> str:
        self.was_asked.set()
        self.may_answer.wait(PATIENCE_S)
        return super().create(request, **more)  # type: ignore[arg-type]

    def close(self) -> None:
        self.may_answer.set()


def maker(kind: type[Quick], name: str, *, is_paid: bool = False) -> Quick:
    return kind(name=name, label=name, is_paid=is_paid, account=name, prefix=name)


@pytest.fixture
def dead() -> Dead:
    made = maker(Dead, "comfyui")
    assert isinstance(made, Dead)
    return made


@pytest.fixture
def services(tmp_path: Path, dead: Dead) -> Iterator[Services]:
    makers = [maker(Quick, "tripo", is_paid=True), dead, maker(Quick, "offline")]
    connected = [Connection(generator=each, limits={CATEGORIES[each.name]: 5}) for each in makers]
    settings = Settings(data_dir=tmp_path, tripo_api_key=None, store="sqlite", poll_first_s=0.2, concurrency_comfyui=5)
    with (
        mock.patch("core.bootstrap.connections", return_value=connected),
        mock.patch.object(Inspect, "request", return_value=None),
    ):
        made = build_services(settings)
        yield made
        made.stop()


def ended(services: Services) -> Counter[str]:
    page = services.jobs.find(JobQuery(statuses=frozenset({Status.COMPLETED}), page_size=JOBS))
    return Counter(job.generator for job in page.jobs)


def wait_for(services: Services, wanted: Counter[str]) -> None:
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.1)):
        if ended(services) == wanted:
            return
        pause.wait(0.1)
    raise AssertionError(f"{ended(services)} of {wanted}")


@pytest.mark.slow
def test_of_two_hundred_jobs_over_three_generators_a_dead_ones_hold_up_nobody_elses(
    services: Services, dead: Dead
) -> None:
    services.objects.put("images/a/cup.jpg", b"picture", media_type="image/jpeg")
    names = [list(CATEGORIES)[number % 3] for number in range(JOBS)]
    for name in names:
        services.jobs.add(new_job(generator=name, category=CATEGORIES[name]))
    wanted = Counter(names)
    services.scheduler.start()

    others = Counter({name: count for name, count in wanted.items() if name != dead.name})
    wait_for(services, others)
    assert dead.was_asked.is_set()
    assert ended(services)[dead.name] == 0

    dead.may_answer.set()
    wait_for(services, wanted)
