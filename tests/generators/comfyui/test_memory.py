"""A graphics card that ran out of memory: the server is asked to free it, and the job runs once more."""

from __future__ import annotations

import pytest

from core.domain.generation import TaskPhase, TaskState
from core.generators.comfyui.generator import ComfyGenerator
from tests.generators.comfyui.conftest import Lab, create, state

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


def test_the_memory_is_freed_and_the_job_runs_once_more_under_its_name(
    lab: Lab, comfy: ComfyGenerator, task_id: str
) -> None:
    lab.machine.heals = True
    first = told(comfy, task_id)
    lab.clock.advance(60)
    last = told(comfy, task_id)

    assert first.phase is TaskPhase.WAITING
    assert lab.machine.frees == [FREED]
    assert last.phase is TaskPhase.SUCCEEDED
    assert lab.machine.posts == [task_id, task_id]
    before, after = lab.machine.runs
    assert before.item.graph == after.item.graph
    assert comfy.fetch_model(last).data.startswith(b"glTF")


def test_it_is_tried_once_also_by_another_server_of_ours_after_a_restart(
    lab: Lab, comfy: ComfyGenerator, task_id: str
) -> None:
    told(comfy, task_id)
    lab.clock.advance(60)
    other = lab.generator()
    for generator in (other, comfy, other):
        failed = told(generator, task_id)
        assert (failed.phase, failed.error_code) == (TaskPhase.FAILED, "comfyui_out_of_memory")
        lab.clock.advance(60)

    assert "a second time" in str(failed.error_message)
    assert len(lab.machine.posts) == 2
    assert len(lab.machine.frees) == 1


def test_while_it_waits_or_runs_again_nothing_is_sent(lab: Lab, comfy: ComfyGenerator, task_id: str) -> None:
    told(comfy, task_id)
    phases = []
    for _ in range(4):
        lab.clock.advance(0.5)
        phases.append(told(comfy, task_id).phase)

    assert set(phases) == {TaskPhase.WORKING}
    assert len(lab.machine.posts) == 2


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
    told(comfy, task_id)
    lab.clock.advance(60)

    assert told(comfy, task_id).phase is TaskPhase.SUCCEEDED


@pytest.mark.parametrize("fault", ["drop before", "drop after", "html", "error", "error after", "truncated"])
def test_a_lost_answer_holds_up_no_other_task_and_is_settled_at_the_next_look(
    lab: Lab, comfy: ComfyGenerator, task_id: str, fault: str
) -> None:
    lab.machine.heals = True
    other = create(comfy, nonce=3)
    lab.plan.arm("prompt", fault)
    found = comfy.look_up([task_id, other]).found

    assert set(found) == {task_id, other}
    for _ in range(2):
        lab.clock.advance(60)
        last = told(comfy, task_id)
        lab.clock.advance(60)
    assert last.phase is TaskPhase.SUCCEEDED or told(comfy, task_id).phase is TaskPhase.SUCCEEDED
    assert lab.machine.posts.count(task_id) == 2


def test_a_server_that_refuses_it_now_ends_it(lab: Lab, comfy: ComfyGenerator, task_id: str) -> None:
    lab.machine.disk.files.clear()  # the picture is gone, too
    failed = told(comfy, task_id)

    assert (failed.phase, failed.error_code) == (TaskPhase.FAILED, "comfyui_out_of_memory")
    assert lab.machine.posts == [task_id]
