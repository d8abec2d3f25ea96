"""Where on its picture each point lies, said in the one way that every reader and format knows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.mesh.header import CHANNELS
from core.mesh.unpacked import Unpacked

TRANSFORM = "KHR_texture_transform"


def needs_baking(gltf: dict[str, Any]) -> bool:
    return any(_choice(material) != (0, None) for material in gltf.get("materials", []))


def bake(file: Unpacked) -> None:
    """Transforms and choices of a set of coordinates go into each part's first set, and the extension is gone.

    A plain mesh has one set for all pictures of a material, so where they differ the base colour's counts; where there
    is none, the first picture's.
    """
    made: dict[tuple[int, int], int] = {}
    for part in file.primitives():
        number = part.get("material")
        if number is None:
            continue
        chosen, transform = _choice(file.gltf["materials"][number])
        source = part["attributes"].get(f"TEXCOORD_{chosen}")
        for name in [name for name in part["attributes"] if name.startswith("TEXCOORD_")]:
            del part["attributes"][name]
        if source is None:
            continue
        if transform is None:
            part["attributes"]["TEXCOORD_0"] = source
            continue
        if (source, number) not in made:
            made[source, number] = file.add(transformed(file.numbers(source), transform), "VEC2")
        part["attributes"]["TEXCOORD_0"] = made[source, number]
    for material in file.gltf.get("materials", []):
        for info in _infos(material):
            info.pop("texCoord", None)
            info.get("extensions", {}).pop(TRANSFORM, None)
    file.forget(TRANSFORM)


def transformed(uv: NDArray[Any], transform: dict[str, Any]) -> NDArray[np.float32]:
    """Scaled, then turned, then moved.

    Args:
        uv: (n, 2), origin at the upper left as in glTF.
    Source: KHR_texture_transform. Its text, its example (the lower left quadrant, turned) and the engines agree on the
    sense of the turn; its GLSL listing has it the other way, which its authors were told (glTF issue 1563).
    """
    (x, y), (along, down) = transform.get("offset", (0, 0)), transform.get("scale", (1, 1))
    angle = float(transform.get("rotation", 0))
    u, v = uv[:, 0] * float(along), uv[:, 1] * float(down)
    turned_u, turned_v = np.cos(angle) * u + np.sin(angle) * v, np.cos(angle) * v - np.sin(angle) * u
    return np.stack([turned_u + float(x), turned_v + float(y)], axis=1).astype(np.float32)


def _choice(material: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
    """Which set of coordinates the material's first picture uses, and how they are transformed."""
    for info in _infos(material):
        transform = info.get("extensions", {}).get(TRANSFORM)
        chosen = (transform or {}).get("texCoord", info.get("texCoord", 0))
        return int(chosen), transform
    return 0, None


def _infos(material: dict[str, Any]) -> list[dict[str, Any]]:
    """What the material says of each of its pictures, the base colour's first."""
    found = []
    for _, path in CHANNELS:
        part = material
        for name in path:
            part = part.get(name, {})
        if "index" in part:
            found.append(part)
    return found
