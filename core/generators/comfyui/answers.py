"""ComfyUI's answers: what worked, and our errors for what did not. It repeats no text of the server as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    GenerationError,
    LookupFailed,
    OutcomeUnknown,
    RequestRejected,
)
from core.generators.comfyui.workflow import IMAGE, VIEWS, Workflow

MOST_TEXT = 160
PICTURE_REFUSED = "comfyui_picture"
MAX_WAIT_S = 600.0
PATHS = re.compile(r"(?:[A-Za-z]:)?[\\/](?:[^\s'\"<>|\\/]+[\\/])+[^\s'\"<>|,;:]*")
FOLDERS = {  # of the loaders of ComfyUI itself: name of the input → folder below `models`
    "ckpt_name": "checkpoints",
    "unet_name": "diffusion_models",
    "vae_name": "vae",
    "lora_name": "loras",
    "bg_removal_name": "background_removal",
    "control_net_name": "controlnet",
}
WEIGHTS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")
OLD = "COMFYUI_URL leads to a ComfyUI that is too old, or to something else. ComfyUI 0.26 or newer is needed."


def parsed(response: httpx.Response) -> dict[str, Any] | None:
    """The JSON object in an answer; None when it is anything else, such as a proxy's page."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def question_failed(response: httpx.Response) -> GenerationError:
    """Our error for a free call that was not answered as it should be."""
    status = response.status_code
    if status in (401, 403, 407) or 300 <= status < 400:
        return AccountBlocked(
            f"Access to ComfyUI was refused ({status}). If a proxy stands before it, look at COMFYUI_HEADERS.",
            code="comfyui_refused",
        )
    if status in (404, 405) and "json" not in response.headers.get("Content-Type", ""):
        return AccountBlocked(OLD, code="comfyui_too_old")
    if status == 429:
        after = response.headers.get("Retry-After", "")
        wait_s = min(MAX_WAIT_S, float(after)) if after.isdecimal() else None
        return AccountBusy("The proxy before ComfyUI asks us to wait. It costs nothing.", retry_after_s=wait_s)
    return LookupFailed(
        f"ComfyUI, or a proxy before it, answered {status} with something unreadable; it is asked again."
    )


def created(response: httpx.Response, attempt_id: str, workflow: Workflow) -> None:
    """Return when the answer says that the job is queued under the id that we gave.

    Raises: RequestRejected, AccountBlocked: nothing was queued. OutcomeUnknown: it may have been.
    """
    body = parsed(response)
    status = response.status_code
    if status == 200 and body is not None and body.get("prompt_id") == attempt_id:
        return
    if status == 413:
        raise AccountBlocked("The workflow is larger than ComfyUI takes (its --max-upload-size).", code="comfyui_large")
    if status == 405:
        raise AccountBlocked(OLD, code="comfyui_too_old")
    if status == 400 and body is not None and isinstance(body.get("error"), dict):
        raise _refusal(body, workflow)
    # anything else may have queued it: a 500 after the job was put in line, a proxy that gave up waiting
    raise OutcomeUnknown(
        f"ComfyUI answered {status} and did not say whether it took the job. It is looked up there; it costs nothing."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """One thing that ComfyUI's check of the graph found."""

    node: str
    class_type: str
    type: str
    input: str
    received: object


def _refusal(body: Mapping[str, Any], workflow: Workflow) -> GenerationError:
    faults = list(_faults(body.get("node_errors")))
    slots = {slot: role for role, found in workflow.roles.items() for slot in found}
    for fault in faults:
        role = slots.get((fault.node, fault.input))
        if role in (IMAGE, *VIEWS):
            return RequestRejected(
                "ComfyUI did not accept the picture, or it was removed there. It cost nothing. Submit it again.",
                code=PICTURE_REFUSED,
            )
        if fault.type in ("value_smaller_than_min", "value_bigger_than_max") and role is not None:
            return RequestRejected(
                f"The ComfyUI workflow does not take {said(fault.received)} for {role}. It cost nothing.",
                code="comfyui_value",
            )
    for fault in faults:
        if fault.type == "value_not_in_list":
            sentence = not_offered(fault.class_type, fault.input, fault.received, workflow)
            return AccountBlocked(sentence, code="comfyui_file_missing")
    return AccountBlocked(_of_graph(body["error"], faults), code="comfyui_workflow")


def _faults(node_errors: object) -> Iterator[_Fault]:
    for node, entry in node_errors.items() if isinstance(node_errors, dict) else ():
        errors = entry.get("errors") if isinstance(entry, dict) else None
        for error in errors if isinstance(errors, list) else ():
            extra = error.get("extra_info") if isinstance(error, dict) else None
            extra = extra if isinstance(extra, dict) else {}
            yield _Fault(
                node=str(node),
                class_type=said(entry.get("class_type")),
                type=str(error.get("type")) if isinstance(error, dict) else "",
                input=str(extra.get("input_name", "")),
                received=extra.get("received_value"),
            )


def _of_graph(error: Mapping[str, Any], faults: list[_Fault]) -> str:
    """For the operator: what is wrong with the workflow as such."""
    help_ = "Nothing was queued. Run the workflow once in ComfyUI itself, mend it, and export it again."
    if error.get("type") in ("missing_node_type", "invalid_prompt"):
        return (
            f"ComfyUI lacks a node of the workflow: {said(error.get('message'))} Install it there, or update ComfyUI."
        )
    if faults:
        first = faults[0]
        return f"ComfyUI refused the workflow: node {first.node} ({first.class_type}), {said(first.input)}. {help_}"
    return f"ComfyUI refused the workflow: {said(error.get('message'))} {help_}"


def not_offered(class_type: str, name: str, value: object, workflow: Workflow) -> str:
    """For the operator: a file of weights, or a choice, that the server does not have."""
    usual = "clip_vision" if class_type == "CLIPVisionLoader" else FOLDERS.get(name)
    folder = next((folder for folder, file in workflow.files if file == value), usual)
    if str(value).endswith(WEIGHTS):
        where = f"in its folder models/{folder}" if folder else f"for {class_type}"
        return f"ComfyUI has no file {said(value)} {where}. Download it there."
    return f"ComfyUI does not offer {said(value)} for {said(name)} of {class_type}. Choose another in the workflow."


def said(text: object) -> str:
    """A word of the server that can be shown: one line, short, without paths, traces and printed tensors."""
    line = next((each.strip() for each in str(text or "").splitlines() if each.strip()), "")
    line = PATHS.sub("(a path)", line.partition("tensor(")[0])
    line = "".join(each for each in line if each.isprintable())
    return line if len(line) <= MOST_TEXT else line[: MOST_TEXT - 1] + "…"
