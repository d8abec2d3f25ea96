"""A graphics card that ran out of memory: the server is asked to free it, and the job runs once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import OutcomeUnknown, RequestRejected
from core.domain.generation import TaskPhase, TaskState
from core.domain.status import Status
from core.generators.comfyui.generator import ComfyGenerator
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import Category, new_job
from tests.generators.comfyui.conftest import PICTURE, Lab, create, request, state, upload
from tests.services.conftest import World

FULL = ("torch.OutOfMemoryError", "Allocation on device")
FREED = {"unload_models": True, "free_memory": True}


@pytest.fixture
def task_id(lab: Lab, comfy: ComfyGenerator) -> str:
    """Of a job that has just run out of memory."""
    lab.machine.breaks["KSampler"] = FULL
    made = create(comfy)
    lab.clock.advance(60)
    return made


def told(comfy: ComfyGenerator, task_id: str) -> TaskState:
    found = state(comfy, task_id)
    assert found is not None
    return found


def again(comfy: ComfyGenerator, task_id: str) -> None:
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)


def test_the_memory_is_freed_and_the_job_runs_once_more_under_its_name(
    lab: Lab, comfy: ComfyGenerator, task_id: str
) -> None:
    lab.machine.heals = True
    first = told(comfy, task_id)
    assert (first.phase, first.may_go_again) == (TaskPhase.FAILED, True)
    assert lab.machine.posts == [task_id], "a question sends nothing"
    again(comfy, task_id)
    lab.clock.advance(60)
    last = told(comfy, task_id)

    assert lab.machine.frees == [FREED]
    assert last.phase is TaskPhase.SUCCEEDED
    assert lab.machine.posts == [task_id, task_id]
    before, after = lab.machine.runs
    assert before.item.graph == after.item.graph
    assert comfy.fetch_model(last).data.startswith(b"glTF")


def test_it_is_tried_once_also_by_another_server_of_ours_after_a_restart(
    lab: Lab, comfy: ComfyGenerator, task_id: str
) -> None:
    again(comfy, task_id)
    lab.clock.advance(60)
    other = lab.generator()
    for generator in (other, comfy, other):
        failed = told(generator, task_id)
        assert (failed.phase, failed.error_code) == (TaskPhase.FAILED, "comfyui_out_of_memory")
        assert not failed.may_go_again
        again(generator, task_id)
        lab.clock.advance(60)

    assert "a second time" in str(failed.error_message)
    assert len(lab.machine.posts) == 2
    assert len(lab.machine.frees) == 1


def test_while_it_waits_or_runs_again_nothing_is_sent(lab: Lab, comfy: ComfyGenerator, task_id: str) -> None:
    """ComfyUI tells of the end of the first run meanwhile, to whoever asks for the one job."""
    create(comfy, nonce=3)  # before it in the line
    again(comfy, task_id)
    other, phases = lab.generator(), []
    for _ in range(20):
        again(other, task_id)
        phases.append(told(comfy, task_id).phase)
        lab.clock.advance(0.5)

    assert {TaskPhase.WAITING, TaskPhase.WORKING} <= set(phases)
    assert lab.machine.posts.count(task_id) == 2


def test_what_another_fault_ended_is_not_run_again(lab: Lab, comfy: ComfyGenerator) -> None:
    lab.machine.breaks["KSampler"] = ("RuntimeError", "no memory of it")
    task_id = create(comfy)
    lab.clock.advance(60)

    assert told(comfy, task_id).phase is TaskPhase.FAILED
    assert lab.machine.posts == [task_id]
    assert lab.machine.frees == []


def test_a_job_that_was_stopped_is_not_run_again(lab: Lab, comfy: ComfyGenerator) -> None:
    lab.machine.slow["VAEDecodeHunyuan3D"] = 30.0  # it hears of nothing meanwhile, and fails at its end
    lab.machine.breaks["VAEDecodeHunyuan3D"] = FULL
    task_id = create(comfy)
    lab.clock.advance(15)
    comfy.stop_task(task_id)
    lab.clock.advance(60)

    assert lab.machine.runs[0].status == "failed"
    assert told(comfy, task_id).phase is TaskPhase.FAILED
    assert lab.machine.posts == [task_id]


@pytest.mark.parametrize("fault", ["drop before", "drop after", "html", "error", "empty 404"])
def test_a_server_that_cannot_free_its_memory_is_given_the_job_all_the_same(
    lab: Lab, comfy: ComfyGenerator, task_id: str, fault: str
) -> None:
    """It unloads its models by itself after such a fault."""
    lab.machine.breaks.clear()
    lab.plan.arm("free", fault)
    again(comfy, task_id)
    lab.clock.advance(60)

    assert told(comfy, task_id).phase is TaskPhase.SUCCEEDED


def test_a_server_that_refuses_it_now_says_so(lab: Lab, comfy: ComfyGenerator, task_id: str) -> None:
    token = upload(comfy)
    lab.machine.disk.files.clear()
    with pytest.raises(RequestRejected):
        comfy.begin_again(task_id, request(token), check_send_window=lambda: None)
    assert lab.machine.posts == [task_id]


def test_a_lost_answer_is_not_known(lab: Lab, comfy: ComfyGenerator, task_id: str) -> None:
    lab.plan.arm("prompt", "drop after")
    with pytest.raises(OutcomeUnknown):
        again(comfy, task_id)


@dataclass
class Two:
    """Two servers of ours, one job table, one ComfyUI, and a job whose graphics card is full when it runs."""

    lab: Lab
    here: World
    there: World
    job_id: int

    def turn(self, seconds: float) -> None:
        self.lab.clock.advance(seconds)
        for world in (self.here, self.there):
            world.poll()
            world.collect()

    @property
    def posts(self) -> int:
        return len(self.lab.machine.posts)


@pytest.fixture
def two(lab: Lab, tmp_path: Path) -> Iterator[Two]:
    jobs = SqliteJobStore(tmp_path / "jobs.sqlite3", lab.clock)
    objects = LocalObjectStore(tmp_path / "files")
    worlds = [
        World(
            clock=lab.clock,
            jobs=jobs,
            objects=objects,
            generator=lab.generator(),  # type: ignore[arg-type]
            journal=LocalJournal(tmp_path / name),
        )
        for name in ("here", "there")
    ]
    picture = new_job(generator="comfyui", category=Category.COMFYUI, credits_estimate=Decimal(0))
    objects.put("images/a/cup.jpg", PICTURE, media_type="image/jpeg")
    lab.machine.breaks["KSampler"] = FULL
    made = Two(lab, *worlds, job_id=jobs.add(picture).job.id)
    worlds[0].dispatch()
    yield made
    jobs.close()


def test_two_servers_of_ours_send_it_once_more_and_bring_it_home(two: Two) -> None:
    two.lab.machine.heals = True
    for _ in range(60):
        two.turn(5)

    assert two.posts == 2
    assert two.here.job(two.job_id).status is Status.COMPLETED


@pytest.mark.parametrize("fault", ["late", "drop after", "hang after", "error after", "html after"])
def test_a_lost_answer_to_the_second_run_makes_neither_server_send_a_third_one(two: Two, fault: str) -> None:
    two.lab.machine.heals = True
    two.lab.plan.arm("prompt", fault, seconds=25.0)
    for _ in range(90):
        two.turn(3)

    assert two.lab.plan.taken["prompt", fault] == 1
    assert two.posts == 2
    assert two.here.job(two.job_id).status is Status.COMPLETED


def test_a_second_run_that_fails_in_the_same_way_ends_the_job(two: Two) -> None:
    for _ in range(60):
        two.turn(5)

    job = two.here.job(two.job_id)
    assert (job.status, job.error_code, two.posts) == (Status.FAILED, "comfyui_out_of_memory", 2)
    assert "a second time" in str(job.error_message)
