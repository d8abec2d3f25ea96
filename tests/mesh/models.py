"""Models that tests need: small, and known to the last face."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial

RED, BLUE = (220, 20, 20), (20, 20, 220)


def glb_of(*meshes: trimesh.Trimesh, **nodes: Any) -> bytes:
    return bytes(trimesh.Scene(list(meshes)).export(file_type="glb", include_normals=True))


def textured(mesh: trimesh.Trimesh, picture: Image.Image | None = None) -> trimesh.Trimesh:
    """With a seam: the texture is laid around the vertical axis, and its ends meet in points that are there twice."""
    flat = mesh.copy()
    flat.unmerge_vertices()
    corners = flat.vertices.reshape(-1, 3, 3)
    u = (np.arctan2(corners[..., 0], corners[..., 2]) / (2 * np.pi)) % 1
    u = np.where(np.ptp(u, axis=1, keepdims=True) > 0.5, np.where(u < 0.5, u + 1, u), u)
    low, high = flat.bounds[:, 1]
    v = (corners[..., 1] - low) / (high - low)
    image = picture or halves()
    flat.visual = trimesh.visual.TextureVisuals(
        uv=np.stack([u.ravel() / 2, v.ravel()], axis=1), material=PBRMaterial(baseColorTexture=image)
    )
    return flat


def halves() -> Image.Image:
    """Red below, blue above."""
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:32], pixels[32:] = BLUE, RED
    return Image.fromarray(pixels)


def ball(subdivisions: int = 3, radius: float = 0.5) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)


def box(*extents: float) -> trimesh.Trimesh:
    return trimesh.creation.box(extents=extents or (1, 1, 1))


def ring() -> trimesh.Trimesh:
    return trimesh.creation.torus(0.5, 0.2, major_sections=48, minor_sections=24)


def mean_colour(png: bytes) -> tuple[float, float, float]:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), float)
    seen = pixels[pixels[..., 3] > 200]
    return tuple(seen[:, :3].mean(axis=0))  # type: ignore[return-value]


# -- models that another program would write, built from their numbers

QUARTERS = {
    "upper left": (220, 20, 20),
    "upper right": (20, 200, 20),
    "lower left": (20, 20, 220),
    "lower right": (220, 200, 20),
}
FLOATS, USHORTS, UBYTES, SHORTS, BYTES = 5126, 5123, 5121, 5122, 5120
KINDS = {FLOATS: "<f4", USHORTS: "<u2", UBYTES: "u1", SHORTS: "<i2", BYTES: "i1", 5125: "<u4"}
FULL = {USHORTS: 65535, UBYTES: 255, SHORTS: 32767, BYTES: 127}


def quarters(side_px: int = 64) -> bytes:
    """A PNG of four colours."""
    pixels = np.zeros((side_px, side_px, 3), np.uint8)
    half = side_px // 2
    pixels[:half, :half], pixels[:half, half:] = QUARTERS["upper left"], QUARTERS["upper right"]
    pixels[half:, :half], pixels[half:, half:] = QUARTERS["lower left"], QUARTERS["lower right"]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


class Written:
    """A GLB written list by list: `told` is its description, to be changed before `glb()`."""

    def __init__(self, **told: Any) -> None:
        self.gltf: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {}}]}],
            "accessors": [],
            "bufferViews": [],
        } | told
        self._blob = bytearray()

    @property
    def part(self) -> dict[str, Any]:
        return self.gltf["meshes"][0]["primitives"][0]

    def plain_view(self, raw: bytes, **more: Any) -> int:
        self._blob += b"\0" * (-len(self._blob) % 4)
        self.gltf["bufferViews"].append({"buffer": 0, "byteOffset": len(self._blob), "byteLength": len(raw)} | more)
        self._blob += raw
        return len(self.gltf["bufferViews"]) - 1

    def numbers(self, values: np.ndarray, kind: str, *, component: int = FLOATS, normalized: bool = False) -> int:
        """Rows of points begin at multiples of four bytes, as glTF wants them."""
        rows = np.asarray(values, float)
        stored = np.round(rows * FULL[component]) if normalized else rows
        stored = stored.astype(KINDS[component]).reshape(len(rows), -1)
        width = stored.shape[1] * stored.itemsize
        more: dict[str, Any] = {}
        raw = stored.view(np.uint8).reshape(len(rows), -1)
        if kind != "SCALAR" and width % 4:
            raw, more = np.pad(raw, ((0, 0), (0, -width % 4))), {"byteStride": width + -width % 4}
        accessor = {"componentType": component, "count": len(rows), "type": kind}
        if normalized:
            accessor["normalized"] = True
        if kind == "VEC3":
            accessor |= {"min": stored.min(axis=0).tolist(), "max": stored.max(axis=0).tolist()}
        self.gltf["accessors"].append(accessor | {"bufferView": self.plain_view(raw.tobytes(), **more)})
        return len(self.gltf["accessors"]) - 1

    def buffers(self, size_bytes: int) -> list[dict[str, Any]]:
        return [{"byteLength": size_bytes}]

    def glb(self) -> bytes:
        binary = bytes(self._blob) + b"\0" * (-len(self._blob) % 4)
        text = json.dumps(self.gltf | {"buffers": self.buffers(len(binary))}).encode()
        text += b" " * (-len(text) % 4)
        head = struct.pack("<5I", 0x46546C67, 2, 28 + len(text) + len(binary), len(text), 0x4E4F534A)
        return head + text + struct.pack("<2I", len(binary), 0x004E4942) + binary


def quad(
    transform: dict[str, Any] | None = None,
    *,
    steps: int = 8,
    uv: tuple[int, bool] = (FLOATS, False),
    place: tuple[int, bool] = (FLOATS, False),
    normal: tuple[int, bool] = (FLOATS, False),
    second_set: np.ndarray | None = None,
) -> bytes:
    """An upright square of one metre that faces +Z, with a picture of four colours: its upper left corner is (0, 0).

    Args:
        transform: what KHR_texture_transform says of the picture.
        uv, place, normal: component type of these lists, and whether they are normalized.
        second_set: a matrix (2, 3) that makes the second set of coordinates from the first.
    """
    file = Written()
    column, row = (each.ravel() for each in np.meshgrid(np.linspace(0, 1, steps + 1), np.linspace(0, 1, steps + 1)))
    number = np.arange((steps + 1) ** 2).reshape(steps + 1, steps + 1)
    a, b, c, d = (each.ravel() for each in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    corners = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).ravel()
    points = np.stack([column - 0.5, 0.5 - row, np.zeros_like(row)], axis=1)
    if place[0] != FLOATS and not place[1]:
        points = np.round(points * 100) + np.array([50.0, 50.0, 0.0])
        file.gltf["nodes"] = [{"mesh": 0, "scale": [0.01] * 3, "translation": [-0.5, -0.5, 0]}]
    coordinates = np.stack([column, row], axis=1)
    given = file.part["attributes"]
    given["POSITION"] = file.numbers(points, "VEC3", component=place[0], normalized=place[1])
    towards = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    given["NORMAL"] = file.numbers(towards, "VEC3", component=normal[0], normalized=normal[1])
    given["TEXCOORD_0"] = file.numbers(coordinates, "VEC2", component=uv[0], normalized=uv[1])
    if second_set is not None:
        moved = coordinates @ second_set[:, :2].T + second_set[:, 2]
        given["TEXCOORD_1"] = file.numbers(moved, "VEC2")
    file.part["indices"] = file.numbers(corners, "SCALAR", component=5125)
    file.part["material"] = 0
    info: dict[str, Any] = {"index": 0}
    if transform is not None:
        info["extensions"] = {"KHR_texture_transform": transform}
        file.gltf["extensionsUsed"] = ["KHR_texture_transform"]
    file.gltf |= {
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": info, "metallicFactor": 0}, "doubleSided": True}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": file.plain_view(quarters()), "mimeType": "image/png"}],
    }
    if any(kind != FLOATS for kind, _ in (place, normal)):
        file.gltf["extensionsUsed"] = [*file.gltf.get("extensionsUsed", []), "KHR_mesh_quantization"]
        file.gltf["extensionsRequired"] = ["KHR_mesh_quantization"]
    return file.glb()


def arm(*, is_moved: bool = True, joints: int = UBYTES, weights: tuple[int, bool] = (FLOATS, False)) -> bytes:
    """A post of one metre on two bones, of which the upper one is bent: at rest it is an L.

    The lower half stands from (0, 0) to (0, 0.5); the upper bone begins there and is turned by a quarter, so that the
    upper half lies from (0, 0.5) towards -X. Its points are written far away and a hundred times too large, and the
    inverse bind matrices bring them back: whoever forgets the bones sees something else.

    Args:
        is_moved: its node is moved and scaled, and below another: that must not count (glTF 2.0, 3.7.3.3), and
            Khronos' validator warns of it.
    """
    file = Written()
    body = box(0.1, 1.0, 0.1).subdivide().subdivide()
    points = body.vertices + np.array([0.0, 0.5, 0.0])
    is_upper = points[:, 1] > 0.5
    given = file.part["attributes"]
    given["POSITION"] = file.numbers(points * 100 + np.array([500.0, 0.0, 0.0]), "VEC3")
    given["NORMAL"] = file.numbers(body.vertex_normals, "VEC3")
    hangs_on = np.zeros((len(points), 4))
    hangs_on[:, 0] = is_upper
    given["JOINTS_0"] = file.numbers(hangs_on, "VEC4", component=joints)
    given["WEIGHTS_0"] = file.numbers(
        np.tile([1.0, 0, 0, 0], (len(points), 1)), "VEC4", component=weights[0], normalized=weights[1]
    )
    file.part["indices"] = file.numbers(body.faces.ravel(), "SCALAR", component=5125)
    shrinks = np.diag([0.01, 0.01, 0.01, 1.0])
    shrinks[0, 3] = -5
    down = np.eye(4)
    down[1, 3] = -0.5
    back = np.stack([shrinks.T, (down @ shrinks).T]).reshape(2, 16)  # column by column
    half = float(np.sqrt(0.5))
    file.gltf |= {
        "nodes": [
            {"children": [1, 2], "name": "all"},
            {"mesh": 0, "skin": 0, "name": "post"},
            {"children": [3], "name": "lower"},
            {"translation": [0, 0.5, 0], "rotation": [0, 0, half, half], "name": "upper"},
        ],
        "skins": [{"joints": [2, 3], "inverseBindMatrices": file.numbers(back, "MAT4")}],
    }
    if is_moved:
        file.gltf["nodes"][1] |= {"translation": [3, 3, 3], "scale": [7, 7, 7]}
    else:
        file.gltf["nodes"][0]["children"], file.gltf["scenes"] = [2], [{"nodes": [0, 1]}]
    times = file.numbers(np.array([[0.0], [1.0]]), "SCALAR")
    file.gltf["accessors"][times] |= {"min": [0], "max": [1]}
    turns = file.numbers(np.array([[0, 0, half, half], [0, 0, 0, 1.0]]), "VEC4")
    file.gltf["animations"] = [
        {
            "channels": [{"sampler": 0, "target": {"node": 3, "path": "rotation"}}],
            "samplers": [{"input": times, "output": turns}],
        }
    ]
    return file.glb()
