"""What ComfyUI says of a job, as the state of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.domain.generation import TaskPhase, TaskState
from core.generators.comfyui.answers import PICTURE_REFUSED, said
from core.generators.comfyui.client import SECOND_RUN, ComfyFile

OPEN = {"pending": TaskPhase.WAITING, "in_progress": TaskPhase.WORKING}
MEMORY = ("OutOfMemoryError",)
PICTURE = ("UnidentifiedImageError",)
STOPPED = "It was cancelled at ComfyUI. It cost nothing. You can submit it again."
LOST = "The model was made, but its file is no longer on the ComfyUI server. It cost nothing. Submit it again."
HALF = "ComfyUI was stopped while it wrote the model, so the file is cut short. It cost nothing. Submit it again."
NOTHING = (
    "The ComfyUI workflow ended without a model. It cost nothing. Its operator should look at the node titled "
    "maquette_model."
)


def open_state(task_id: str, job: Mapping[str, Any], progress: int) -> TaskState:
    phase = OPEN.get(str(job.get("status")), TaskPhase.WORKING)
    return TaskState(task_id=task_id, phase=phase, progress=progress if phase is TaskPhase.WORKING else 0)


def made(task_id: str, file: ComfyFile) -> TaskState:
    address = f"{file.subfolder}/{file.filename}"
    return TaskState(task_id=task_id, phase=TaskPhase.SUCCEEDED, progress=100, model_url=address)


def stopped(task_id: str) -> TaskState:
    return _failed(task_id, "comfyui_cancelled", STOPPED)


def not_made(task_id: str, job: Mapping[str, Any], *, is_half: bool, was_listed: bool) -> TaskState:
    """A job that ended without a whole model."""
    status = job.get("status")
    if status == "cancelled":
        return stopped(task_id)
    if status == "failed":
        ended = _failed(task_id, *_failure(job))
        return replace(ended, may_go_again=is_out_of_memory(job) and not ran_again(job))
    if is_half:
        return _failed(task_id, "comfyui_cut_short", HALF)
    return _failed(task_id, "comfyui_file_lost", LOST) if was_listed else _failed(task_id, "comfyui_no_model", NOTHING)


def _failed(task_id: str, code: str, message: str) -> TaskState:
    return TaskState(task_id=task_id, phase=TaskPhase.FAILED, error_code=code, error_message=message)


def is_out_of_memory(job: Mapping[str, Any]) -> bool:
    return job.get("status") == "failed" and _kind(_error(job)).endswith(MEMORY)


def ran_again(job: Mapping[str, Any]) -> bool:
    """Whether it was sent a second time, after the first ran out of memory."""
    workflow = job.get("workflow")
    extra = workflow.get("extra_data") if isinstance(workflow, dict) else None
    return isinstance(extra, dict) and extra.get(SECOND_RUN) is True


def _error(job: Mapping[str, Any]) -> Mapping[str, Any]:
    error = job.get("execution_error")
    return error if isinstance(error, dict) else {}


def _kind(error: Mapping[str, Any]) -> str:
    return str(error.get("exception_type", ""))


def _failure(job: Mapping[str, Any]) -> tuple[str, str]:
    """Code and sentence. An error entry has stack traces, paths and printed tensors: none of it is repeated."""
    error = _error(job)
    kind = _kind(error)
    if kind.endswith(MEMORY):
        again = ", also when it ran a second time with the memory freed" if ran_again(job) else ""
        return "comfyui_out_of_memory", (
            f"The graphics card of the ComfyUI server ran out of memory{again}. It cost nothing. Try again when it is "
            "less busy, or ask its operator for a lighter workflow."
        )
    if kind.endswith(PICTURE):
        return PICTURE_REFUSED, "ComfyUI could not read the picture. It cost nothing. Submit another one."
    where = f" at node {said(error.get('node_id'))} ({said(error.get('node_type'))})" if error.get("node_type") else ""
    reason = said(error.get("exception_message"))
    return (
        "comfyui_failed",
        f"The ComfyUI workflow failed{where}. It cost nothing.{f' It says: {reason}' if reason else ''}",
    )
