"""A job whose graphics card ran out of memory runs once more, after the server was asked to free it.

That it did is written into the job itself, so that any server of ours knows it, also after a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from core.domain.errors import AccountBlocked, GenerationError, NotSent, OutcomeUnknown, RequestRejected
from core.generators.comfyui.client import ComfyClient
from core.generators.comfyui.graph import Graph
from core.generators.comfyui.states import is_out_of_memory, ran_again
from core.generators.comfyui.workflow import Workflow

log = logging.getLogger(__name__)


def run_again(client: ComfyClient, workflow: Workflow, task_id: str, job: Mapping[str, Any]) -> bool:
    """Whether it waits once more; False where that makes no sense, or ComfyUI does not take it.

    A lost answer counts as waiting: the next look-up finds it in line, or as it was, and sends it again.
    """
    graph = _graph_of(job)
    if graph is None or not is_out_of_memory(job) or ran_again(job):
        return False
    try:
        client.free()
    except GenerationError as exc:  # it unloads its models after such a fault by itself, too
        log.info("ComfyUI was not asked to free its memory: %s", exc.message)
    mark = str(job["workflow"]["extra_data"].get("maquette", ""))
    try:
        client.create(task_id, graph, mark=mark, workflow=workflow, check_send_window=lambda: None, is_second_run=True)
    except (NotSent, OutcomeUnknown) as exc:
        log.info("task %s is sent to ComfyUI once more at the next look: %s", task_id, exc.message)
    except (AccountBlocked, RequestRejected) as exc:
        log.info("task %s was not taken by ComfyUI once more: %s", task_id, exc.message)
        return False
    return True


def _graph_of(job: Mapping[str, Any]) -> Graph | None:
    """What ran, as the server tells it; None where it does not."""
    record = job.get("workflow")
    if not isinstance(record, dict) or not isinstance(record.get("extra_data"), dict):
        return None
    graph = record.get("prompt")
    return graph if isinstance(graph, dict) and graph else None
