"""Models with bones or morphs as they stand in their file: at rest, with every point where the bones put it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.mesh.header import matrix_of
from core.mesh.unpacked import Unpacked

Matrix = NDArray[np.float64]  # (4, 4)
Numbers = dict[str, NDArray[Any]]


def needs_posing(gltf: dict[str, Any]) -> bool:
    return any("mesh" in node and ("skin" in node or _weights(gltf, node)) for node in gltf.get("nodes", []))


def pose(file: Unpacked) -> None:
    """Each bent mesh becomes a rigid one; animations, skins and morphs are gone.

    Raises: KeyError, IndexError, TypeError, ValueError, where bones contradict the rest.
    """
    shown = _shown(file.gltf)
    for number, node in list(enumerate(file.gltf.get("nodes", []))):
        if "mesh" in node and number in shown and ("skin" in node or _weights(file.gltf, node)):
            _stiffen(file, node)
    for mesh in file.gltf.get("meshes", []):
        mesh.pop("weights", None)
        for part in mesh["primitives"]:
            part.pop("targets", None)
            for name in [name for name in part["attributes"] if name.startswith(("JOINTS_", "WEIGHTS_"))]:
                del part["attributes"][name]
    for name in ("animations", "skins"):
        file.gltf.pop(name, None)


def _shown(gltf: dict[str, Any]) -> set[int]:
    """The nodes of the scene; all of them in a file without one."""
    nodes, scenes = gltf.get("nodes", []), gltf.get("scenes", [])
    waiting = list(scenes[gltf.get("scene", 0)].get("nodes", [])) if scenes else list(range(len(nodes)))
    found: set[int] = set()
    while waiting:
        number = int(waiting.pop())
        if number not in found:
            found.add(number)
            waiting += nodes[number].get("children", [])
    return found


def _weights(gltf: dict[str, Any], node: dict[str, Any]) -> list[float]:
    """Of its morphs, a node's before its mesh's; empty when none is moved."""
    found = node.get("weights", gltf["meshes"][node["mesh"]].get("weights", []))
    return list(found) if any(found) else []


def _stiffen(file: Unpacked, node: dict[str, Any]) -> None:
    """The node gets a mesh of its own: others may show the same mesh in another pose.

    A skinned mesh stands in the scene, wherever its node is. Source: glTF 2.0, 3.7.3.3.
    """
    gltf = file.gltf
    weights = _weights(gltf, node)
    bones = _bones(file, gltf["skins"][node.pop("skin")]) if "skin" in node else None
    own = gltf["meshes"][node["mesh"]]
    parts = []
    for part in own["primitives"]:
        numbers = {name: file.numbers(part["attributes"][name]) for name in part["attributes"]}
        numbers |= _morphed(file, part, numbers, weights)
        if bones is not None and "JOINTS_0" in numbers:
            numbers |= _bent(numbers, bones)
        given = part["attributes"] | {
            name: file.add(numbers[name], "VEC3") for name in ("POSITION", "NORMAL") if name in numbers
        }
        parts.append(part | {"attributes": given})
    mesh = {"primitives": parts} | ({"name": own["name"]} if "name" in own else {})
    gltf["meshes"].append(mesh)
    if bones is None:
        node["mesh"] = len(gltf["meshes"]) - 1
        return
    del node["mesh"]
    gltf["nodes"].append({"mesh": len(gltf["meshes"]) - 1})
    if gltf.get("scenes"):
        gltf["scenes"][gltf.get("scene", 0)]["nodes"].append(len(gltf["nodes"]) - 1)


def _morphed(file: Unpacked, part: dict[str, Any], numbers: Numbers, weights: list[float]) -> Numbers:
    moved: Numbers = {}
    for weight, target in zip(weights, part.get("targets", []), strict=False):
        for name in ("POSITION", "NORMAL"):
            if weight and name in target and name in numbers:
                moved[name] = moved.get(name, numbers[name]) + weight * file.numbers(target[name])
    return moved


def _bent(numbers: Numbers, bones: NDArray[np.float64]) -> Numbers:
    """Places and normals, each moved by the bones it hangs on."""
    sets = range(sum(f"JOINTS_{number}" in numbers for number in range(4)))
    joints = np.concatenate([numbers[f"JOINTS_{number}"] for number in sets], axis=1).astype(np.int64)
    weights = np.concatenate([numbers[f"WEIGHTS_{number}"] for number in sets], axis=1).astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 0, weights / np.where(total > 0, total, 1), np.eye(1, weights.shape[1]))
    places = np.c_[numbers["POSITION"].astype(np.float64), np.ones(len(joints))]
    bent = np.zeros((len(joints), 3))
    normals = numbers.get("NORMAL")
    turned = np.zeros((len(joints), 3))
    for bone in np.unique(joints[weights > 0]):
        share = np.where(joints == bone, weights, 0).sum(axis=1)
        mine = np.flatnonzero(share)
        bent[mine] += share[mine, None] * (places[mine] @ bones[bone, :3].T)
        if normals is not None:
            turned[mine] += share[mine, None] * (normals[mine] @ bones[bone, :3, :3].T)
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    return {"POSITION": bent} | ({} if normals is None else {"NORMAL": turned / np.where(length > 0, length, 1)})


def _bones(file: Unpacked, skin: dict[str, Any]) -> NDArray[np.float64]:
    """For each joint what it does to a point, as (joints, 4, 4)."""
    places = places_of(file.gltf["nodes"])
    joints = [places[joint] for joint in skin["joints"]]
    if "inverseBindMatrices" not in skin:
        return np.stack(joints)
    back = file.numbers(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
    return np.stack([joint @ back[number] for number, joint in enumerate(joints)])


def places_of(nodes: list[dict[str, Any]]) -> list[Matrix]:
    """Where each node stands in the scene; nodes in a circle stand at its origin."""
    found: list[Matrix] = [np.eye(4) for _ in nodes]
    children = {int(child) for node in nodes for child in node.get("children", [])}
    waiting = [(number, np.eye(4)) for number in range(len(nodes)) if number not in children]
    seen: set[int] = set()
    while waiting:
        number, above = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        found[number] = above @ matrix_of(nodes[number])
        waiting += [(int(child), found[number]) for child in nodes[number].get("children", [])]
    if not all(math.isfinite(place.sum()) for place in found):
        raise ValueError("a node stands nowhere")
    return found
