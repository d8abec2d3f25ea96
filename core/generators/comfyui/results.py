"""Which file a job made, and the file as it may be kept. No path that the server tells leads out of our own folder."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.domain.errors import ModelInvalid, ModelUnavailable
from core.generators.comfyui.client import ComfyClient, ComfyFile, is_plain
from core.generators.comfyui.workflow import subfolder

NAMES = ("model_{:05}_.glb", "model_{:05}.glb")  # SaveGLB, Save3DAdvanced. The prefix is ours, the counter ComfyUI's
MOST_NAMES = 9  # a run that was begun again beside half a file takes the next number
KEYS = ("3d", "result")  # of a node's output that hold models, the surest first
JSON_CHUNK = 0x4E4F534A


def find(client: ComfyClient, attempt_id: str, listed: Sequence[str]) -> tuple[ComfyFile | None, bool]:
    """The first whole model of an attempt, and whether a half one is there: ComfyUI says `completed` of lost files too.

    Args:
        listed: names that the job's outputs gave; without them, those that our prefix leads to are tried.

    Raises: LookupFailed, AccountBlocked.
    """
    is_half = False
    for names in [*([name] for name in listed), *map(_numbered, NAMES)]:
        for name in names:
            file = ComfyFile(subfolder=subfolder(attempt_id), filename=name)
            is_whole = client.is_whole(file)
            if is_whole:
                return file, is_half
            if is_whole is None:
                break
            is_half = True
    return None, is_half


def _numbered(name: str) -> list[str]:
    return [name.format(number) for number in range(1, MOST_NAMES + 1)]


def listed_names(job: Mapping[str, Any], save_nodes: Sequence[str]) -> list[str]:
    """Names of GLB files in a job's outputs, those of the titled node first.

    Their folders are left out: the prefix that we gave decides it, and what nodes say of it is often wrong.
    """
    outputs = job.get("outputs")
    if not isinstance(outputs, dict):
        return []
    nodes = [*(node for node in save_nodes if node in outputs), *(node for node in outputs if node not in save_nodes)]
    found: list[str] = []
    for node in nodes:
        parts = outputs[node]
        if isinstance(parts, dict):
            for key in sorted(parts, key=lambda key: KEYS.index(key) if key in KEYS else len(KEYS)):
                found += _names(parts[key], depth=3)
    return list(dict.fromkeys(found))


def _names(item: object, *, depth: int) -> Iterator[str]:
    if isinstance(item, list) and depth:
        for each in item:
            yield from _names(each, depth=depth - 1)
    if isinstance(item, dict):
        item = item.get("filename")
    if isinstance(item, str):
        parts = item.replace("\\", "/").split("/")
        if ".." not in parts and is_plain(parts[-1]) and parts[-1].lower().endswith(".glb"):
            yield parts[-1]


def kept_model(data: bytes) -> bytes:
    """The model without the graph that SaveGLB hides in it: prompts, and names of files on the server.

    Raises: ModelUnavailable, when it is cut short. ModelInvalid, when it is no GLB.
    """
    if len(data) < 20 or data[:4] != b"glTF":
        raise ModelInvalid(
            "ComfyUI sent a file that is no GLB. Look at the node titled maquette_model in the workflow."
        )
    length, size, kind = struct.unpack_from("<3I", data, 8)
    if length > len(data):
        raise ModelUnavailable("ComfyUI sent only a part of the model; it is fetched again.")
    if kind != JSON_CHUNK or 20 + size > length:
        raise ModelInvalid("ComfyUI sent a GLB without a description, which cannot be read.")
    try:
        document = json.loads(data[20 : 20 + size])
        asset = document["asset"]
        if asset.pop("extras", None) is None:
            return data
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise ModelInvalid("ComfyUI sent a GLB whose description cannot be read.") from exc
    text += b" " * (-len(text) % 4)
    rest = data[20 + size : length]
    head = struct.pack("<4s4I", b"glTF", 2, 20 + len(text) + len(rest), len(text), JSON_CHUNK)
    return head + text + rest
