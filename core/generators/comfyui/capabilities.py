"""What a ComfyUI server lacks for a workflow, in sentences for its operator."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from core.generators.comfyui.answers import not_offered, said
from core.generators.comfyui.client import ComfyClient
from core.generators.comfyui.workflow import Workflow


def missing(client: ComfyClient, workflow: Workflow) -> list[str]:
    """Empty when every node, input and file of the workflow is there.

    Raises: AccountBlocked, when it is too old or no ComfyUI at all. LookupFailed, when it cannot be asked now.
    """
    too_old = _too_old(client.stats(), workflow)
    if too_old is not None:
        return [too_old]
    client.job(str(uuid.uuid4()))  # below 0.26, or behind a proxy that hides it, there is no such route
    kinds = {node["class_type"] for node in workflow.graph.values()}
    known = {kind: client.node(kind) for kind in sorted(kinds)}
    found = [
        f"ComfyUI has no node {said(kind)}. Install the pack that it belongs to, or update ComfyUI."
        for kind, definition in known.items()
        if definition is None
    ]
    for key, node in workflow.graph.items():
        definition = known[node["class_type"]]
        if definition is not None:
            found += _of_node(key, node, definition, workflow)
    return list(dict.fromkeys(found))


def _too_old(stats: Mapping[str, Any], workflow: Workflow) -> str | None:
    system = stats.get("system")
    version = said(system.get("comfyui_version")) if isinstance(system, dict) else ""
    numbers = _numbers(version)
    if not numbers or numbers >= _numbers(workflow.min_version):
        return None  # what calls itself by no number is known by what it answers
    return f"The ComfyUI server is version {version}, and {workflow.min_version} or newer is needed. Update it."


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(each) for each in found[0].split(".")) if found else ()


def _of_node(key: str, node: Mapping[str, Any], definition: Mapping[str, Any], workflow: Workflow) -> Iterator[str]:
    required, optional = _inputs(definition, "required"), _inputs(definition, "optional")
    inputs, kind = node["inputs"], node["class_type"]
    slots = {name for found in workflow.roles.values() for each, name in found if each == key}
    for name in required:
        if name not in inputs and not any(each.startswith(f"{name}.") for each in inputs):
            yield f"Node {key} ({kind}) of the workflow lacks {said(name)}, which ComfyUI asks for. Export it anew."
    for name in sorted(slots - required.keys() - optional.keys()):
        yield f"{kind} has no input {name} in this ComfyUI, for which node {key} is titled. Export the workflow anew."
    for name, value in inputs.items():
        options = _options({**optional, **required}.get(name))
        if name not in slots and isinstance(value, str) and options is not None and value not in options:
            yield not_offered(kind, name, value, workflow)


def _inputs(definition: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    offered = definition.get("input")
    found = offered.get(kind) if isinstance(offered, dict) else None
    return found if isinstance(found, dict) else {}


def _options(spec: object) -> list[object] | None:
    """The values that an input takes; None when they are not listed. Pictures are uploaded, so no list holds them."""
    if not isinstance(spec, list) or not spec:
        return None
    more = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    if any(key.endswith("_upload") for key in more):
        return None
    options = more.get("options") if spec[0] == "COMBO" else spec[0]
    return options if isinstance(options, list) else None
