"""Models like those of Tripo's service, as far as public knowledge tells: one object, one material of three JPEGs.

The object is a body with a nose towards +Z, red on its left (+X), blue on its right, with a light belly: which way it
looks, and whether its pictures lie right, can be seen.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import meshoptimizer
import numpy as np
from PIL import Image

from tests.mesh.models import BYTES, FLOATS, KINDS, USHORTS, Written

LEFT, RIGHT, BELLY = (210, 40, 30), (40, 60, 210), (235, 225, 200)
EXTRA_LOOKS = {
    "KHR_materials_specular": {"specularFactor": 0.5},
    "KHR_materials_ior": {"ior": 1.45},
    "KHR_materials_clearcoat": {"clearcoatFactor": 0.3},
    "KHR_materials_sheen": {"sheenColorFactor": [0.1, 0.1, 0.1]},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """What is told apart between Tripo's models and options.

    Attributes:
        parts: primitives of the mesh, each with a material of its own.
        is_quantized: KHR_mesh_quantization with KHR_texture_transform, as gltfpack writes.
        is_packed: EXT_meshopt_compression on top; `compress: geometry`.
        has_extra_looks: KHR_materials_* extensions.
        is_placed: a node with a turn, a scale and a place that add up to none.
    """

    faces: int = 8000
    texture_px: int = 256
    parts: int = 1
    is_quantized: bool = False
    is_packed: bool = False
    has_extra_looks: bool = False
    is_placed: bool = False


def tripo_like(like: Like) -> bytes:
    points, normals, uv, faces = _body(like.faces)
    file = _Packed() if like.is_packed else Written()
    scale, lowest = float(np.ptp(points, axis=0).max()), points.min(axis=0)
    kinds: dict[str, Any] = {"place": (FLOATS, False), "normal": (FLOATS, False), "uv": (FLOATS, False)}
    node: dict[str, Any] = {"mesh": 0, "name": "tripo_node"}
    info: dict[str, Any] = {}
    if like.is_quantized:
        kinds = {"place": (USHORTS, True), "normal": (BYTES, True), "uv": (USHORTS, True)}
        points = (points - lowest) / scale
        node |= {"translation": lowest.tolist(), "scale": [scale] * 3}
        uv = uv * 0.5  # the transform doubles it again: whoever leaves it out sees another colour
        info = {"extensions": {"KHR_texture_transform": {"offset": [0, 0], "scale": [2, 2]}}}
    attributes = {
        "POSITION": file.numbers(points, "VEC3", component=kinds["place"][0], normalized=kinds["place"][1]),
        "NORMAL": file.numbers(normals, "VEC3", component=kinds["normal"][0], normalized=kinds["normal"][1]),
        "TEXCOORD_0": file.numbers(uv, "VEC2", component=kinds["uv"][0], normalized=kinds["uv"][1]),
    }
    primitives = [
        {"attributes": attributes, "indices": file.numbers(some.ravel(), "SCALAR", component=5125), "material": number}
        for number, some in enumerate(np.array_split(faces, like.parts))
    ]
    pictures = [file.plain_view(raw) for raw in _pictures(like.texture_px)]
    looks = {
        "name": "tripo_material",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0} | info,
            "metallicRoughnessTexture": {"index": 1} | info,
            "metallicFactor": 1,
            "roughnessFactor": 1,
        },
        "normalTexture": {"index": 2} | info,
        "doubleSided": True,
    }
    used = [name for name, is_used in _extensions(like).items() if is_used]
    if like.has_extra_looks:
        looks["extensions"] = EXTRA_LOOKS
        used += EXTRA_LOOKS
    nodes = [node]
    if like.is_placed:  # turned to the left and a hundred times too large; the node above takes both back
        half = float(np.sqrt(0.5))
        nodes = [
            {"children": [1], "rotation": [0, -half, 0, half], "scale": [0.01] * 3, "name": "world"},
            {"children": [2], "rotation": [0, half, 0, half], "scale": [100] * 3},
            node,
        ]
    file.gltf |= {
        "asset": {"version": "2.0", "generator": "a builder of tests"},
        "nodes": nodes,
        "meshes": [{"name": "tripo_mesh", "primitives": primitives}],
        "materials": [looks | {"name": f"tripo_material_{number}"} for number in range(like.parts)],
        "textures": [{"source": number, "sampler": 0} for number in range(3)],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}],
        "images": [{"bufferView": view, "mimeType": "image/jpeg"} for view in pictures],
    }
    if used:
        file.gltf["extensionsUsed"] = used
    needed = [name for name in used if name in ("KHR_mesh_quantization", "EXT_meshopt_compression")]
    if needed:
        file.gltf["extensionsRequired"] = needed
    return file.glb()


def _extensions(like: Like) -> dict[str, bool]:
    return {
        "KHR_mesh_quantization": like.is_quantized,
        "KHR_texture_transform": like.is_quantized,
        "EXT_meshopt_compression": like.is_packed,
    }


def _body(faces: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals, coordinates (origin at the upper left) and faces: a globe with one seam and a nose."""
    side = max(4, round(np.sqrt(faces / 2)))
    u, v = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1))
    around, down = (u - 0.5) * 2 * np.pi, v * np.pi  # the middle of the picture looks towards +Z
    unit = np.stack([np.sin(around) * np.sin(down), np.cos(down), np.cos(around) * np.sin(down)], axis=-1)
    unit[:, -1] = unit[:, 0]  # the seam's ends are the same points, to the last bit
    unit[0], unit[-1] = [0, 1, 0], [0, -1, 0]
    nose = np.exp(-((1 - unit[..., 2]) ** 2) / 0.005)
    bumps = 0.02 * np.sin(9 * unit[..., 0]) * np.sin(11 * unit[..., 1])
    points = (unit * (0.45 + bumps + 0.25 * nose)[..., None] * [0.8, 1.1, 0.7]).reshape(-1, 3)
    number = np.arange((side + 1) ** 2).reshape(side + 1, side + 1)
    a, b, c, d = (each.ravel() for each in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    corners = np.stack([a, b, c, a, c, d], axis=1).reshape(-1, 3)  # the two of a square side by side
    poles = corners[: 2 * side : 2], corners[-2 * side + 1 :: 2]  # where a square has one
    corners = np.concatenate([poles[0], corners[2 * side : -2 * side], poles[1]])
    crosses = np.cross(points[corners[:, 1]] - points[corners[:, 0]], points[corners[:, 2]] - points[corners[:, 0]])
    normals = np.stack(
        [sum(np.bincount(corners[:, k], crosses[:, axis], len(points)) for k in range(3)) for axis in range(3)], axis=1
    )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 0, normals / np.where(length > 0, length, 1), unit.reshape(-1, 3))
    return points, normals, np.stack([u.ravel(), v.ravel()], axis=1), corners


def _pictures(side_px: int) -> list[bytes]:
    """Base colour; roughness and metal (none of it); normals of a flat surface."""
    base = np.zeros((side_px, side_px, 3), np.uint8)
    base[:, : side_px // 2], base[:, side_px // 2 :] = RIGHT, LEFT
    base[side_px * 7 // 10 :] = BELLY
    rough = np.tile(np.array([255, 160, 0], np.uint8), (side_px, side_px, 1))
    flat = np.tile(np.array([128, 128, 255], np.uint8), (side_px, side_px, 1))
    return [_jpeg(pixels) for pixels in (base, rough, flat)]


def _jpeg(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


class _Packed(Written):
    """Its lists are packed with Meshopt, and lie unpacked in a second buffer that is not there."""

    unpacked_bytes = 0

    def numbers(self, values: np.ndarray, kind: str, *, component: int = FLOATS, normalized: bool = False) -> int:
        index = super().numbers(values, kind, component=component, normalized=normalized)
        view = self.gltf["bufferViews"][self.gltf["accessors"][index]["bufferView"]]
        begin, size, count = view["byteOffset"], view["byteLength"], len(values)
        raw, stride = bytes(self._blob[begin : begin + size]), size // count
        del self._blob[begin:]
        if kind == "SCALAR":
            packed = meshoptimizer.encode_index_buffer(np.frombuffer(raw, KINDS[component]), count, count)
        else:
            rows = np.frombuffer(raw, np.dtype((np.void, stride)))
            packed = meshoptimizer.encode_vertex_buffer(rows, count, stride)
        mode = "TRIANGLES" if kind == "SCALAR" else "ATTRIBUTES"
        self._blob += bytes(packed)
        told = {"buffer": 0, "byteOffset": begin, "byteLength": len(packed), "byteStride": stride, "mode": mode}
        view |= {"buffer": 1, "byteOffset": self.unpacked_bytes, "byteLength": size}
        view["extensions"] = {"EXT_meshopt_compression": told | {"count": count}}
        self.unpacked_bytes += size + -size % 4
        return index

    def buffers(self, size_bytes: int) -> list[dict[str, Any]]:
        fallback = {"EXT_meshopt_compression": {"fallback": True}}
        return [{"byteLength": size_bytes}, {"byteLength": self.unpacked_bytes, "extensions": fallback}]
