"""Small models made for the tests of the viewer."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import trimesh
from PIL import Image

JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942  # Source: glTF 2.0, section 4.4.3
FLOAT = 5126


def box(extents_m: tuple[float, float, float] = (0.1, 0.2, 0.3)) -> bytes:
    """A box with a colourful texture, as a GLB; width, height and depth in metres."""
    mesh = trimesh.creation.box(extents_m).subdivide().subdivide()
    y, x = np.mgrid[0:64, 0:64] // 8
    picture = np.stack([(x * 36) % 256, (y * 36) % 256, ((x + y) % 2) * 200], axis=-1).astype(np.uint8)
    place = mesh.vertices / np.asarray(extents_m) + 0.5
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(picture), metallicFactor=0.0)
    mesh.visual = trimesh.visual.TextureVisuals(uv=place[:, :2] * 0.7 + place[:, 2:] * 0.3, material=material)
    return bytes(mesh.export(file_type="glb"))


def turning_box() -> bytes:
    """The box with an animation of two seconds: half a turn about the vertical axis."""
    content, binary = _chunks(box())
    times = np.array([0, 1, 2], np.float32)
    turns = np.array([[0, 0, 0, 1], [0, 0.7071068, 0, 0.7071068], [0, 1, 0, 0]], np.float32)
    for values, kind in ((times, "SCALAR"), (turns, "VEC4")):
        content["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": values.nbytes})
        bounds = {"min": [0.0], "max": [2.0]} if kind == "SCALAR" else {}
        content["accessors"].append(
            {"bufferView": len(content["bufferViews"]) - 1, "componentType": FLOAT, "count": 3, "type": kind} | bounds
        )
        binary += values.tobytes()
    last = len(content["accessors"]) - 1
    node = next(number for number, each in enumerate(content["nodes"]) if "mesh" in each)
    content["nodes"][node].pop("matrix", None)  # a node that moves may have none
    content["animations"] = [
        {
            "samplers": [{"input": last - 1, "output": last}],
            "channels": [{"sampler": 0, "target": {"node": node, "path": "rotation"}}],
        }
    ]
    content["buffers"][0]["byteLength"] = len(binary)
    return _glb(content, binary)


def _chunks(glb: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + length]), glb[20 + length + 8 :]


def _glb(content: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
