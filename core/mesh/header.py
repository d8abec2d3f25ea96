"""Everything the description inside a GLB tells, in well under a millisecond: no geometry is decoded."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ModelInvalid
from core.domain.mesh_report import HeaderFacts, TextureFacts
from core.mesh.glb import FAN, STRIP, TRIANGLES, Document, read_document

MOST_DEPTH, MOST_NODES = 64, 20_000  # real models have a handful of levels
MOST_IMAGES = 2000
FULL_SCALE = {5120: 127.0, 5121: 255.0, 5122: 32767.0, 5123: 65535.0}  # of normalized integers. Source: glTF 2.0, 3.6.2
CHANNELS = (
    ("base colour", ("pbrMetallicRoughness", "baseColorTexture")),
    ("metal and roughness", ("pbrMetallicRoughness", "metallicRoughnessTexture")),
    ("normal", ("normalTexture",)),
    ("occlusion", ("occlusionTexture",)),
    ("glow", ("emissiveTexture",)),
)
PLACING = frozenset({"matrix", "translation", "rotation", "scale"})
TEXTURE_SOURCES = ("KHR_texture_basisu", "EXT_texture_webp", "EXT_texture_avif")
Corners = tuple[NDArray[np.float64], NDArray[np.float64]]


def read_header(data: bytes | mmap.mmap) -> HeaderFacts:
    """Raises: ModelInvalid, with a sentence."""
    document = read_document(data)
    try:
        return _facts(document, data)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, struct.error) as exc:
        raise ModelInvalid("The model file contradicts itself, so it cannot be shown.") from exc


def _facts(document: Document, data: bytes | mmap.mmap) -> HeaderFacts:
    json = document.json
    faces, vertices, placed, bounds = _scene(json)
    textures = tuple(_textures(document, data))
    texture_bytes = sum(texture.size_bytes for texture in textures)
    asset = json.get("asset", {})
    ours = _ours(asset)
    return HeaderFacts(
        file_bytes=len(data),
        geometry_bytes=max(0, document.binary_bytes - texture_bytes),
        texture_bytes=texture_bytes,
        face_count=faces,
        vertex_count=vertices,
        mesh_count=len(json.get("meshes", [])),
        placed_count=placed,
        material_count=len(json.get("materials", [])),
        node_count=len(json.get("nodes", [])),
        animation_count=len(json.get("animations", [])),
        skin_count=len(json.get("skins", [])),
        textures=textures,
        bounds_m=bounds,
        extensions=tuple(_plain(name) for name in json.get("extensionsUsed", [])[:50]),
        generator=_plain(asset.get("generator", "")),
        copyright=_plain(asset.get("copyright", "")),
        note=_plain(ours.get("note", "")),
        has_no_object=ours.get("object") == "none",
    )


def _ours(asset: dict[str, Any]) -> dict[str, Any]:
    """What the built-in engine wrote beside its name; nothing for files of others."""
    extras = asset.get("extras")
    is_ours = isinstance(extras, dict) and str(asset.get("generator", "")).startswith("Maquette, ")
    return extras if is_ours and isinstance(extras, dict) else {}


def _plain(text: object) -> str:
    """What a file says of itself, short, and in letters that can be written down."""
    return str(text)[:200].encode("utf-8", "replace").decode()


# -- what the scene shows


def _scene(
    json: dict[str, Any],
) -> tuple[int, int, int, tuple[tuple[float, float, float], tuple[float, float, float]] | None]:
    """Faces, vertices, parts and bounds of all that is shown; files without a scene are counted mesh by mesh."""
    meshes = [_mesh(json, mesh) for mesh in json.get("meshes", [])]
    parts = [len(mesh["primitives"]) for mesh in json.get("meshes", [])]
    faces = vertices = placed = 0
    corners: list[Corners] = []
    is_bent = False
    for index, matrix in _placed(json):
        mesh_faces, mesh_vertices, box = meshes[index]
        faces, vertices, placed = faces + mesh_faces, vertices + mesh_vertices, placed + parts[index]
        is_bent = is_bent or matrix is None
        if box is not None and matrix is not None:
            corners.append(_moved(box, matrix))
    if not corners or is_bent:
        return faces, vertices, placed, None
    if not all(np.isfinite(low).all() and np.isfinite(high).all() for low, high in corners):
        return faces, vertices, placed, None
    low = np.min([low for low, _ in corners], axis=0).tolist()
    high = np.max([high for _, high in corners], axis=0).tolist()
    return faces, vertices, placed, ((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _mesh(json: dict[str, Any], mesh: dict[str, Any]) -> tuple[int, int, Corners | None]:
    accessors = json.get("accessors", [])
    faces = vertices = 0
    boxes: list[Corners] = []
    for primitive in mesh["primitives"]:
        position = accessors[primitive["attributes"]["POSITION"]]
        points = int(position["count"])
        corners = int(accessors[primitive["indices"]]["count"]) if "indices" in primitive else points
        mode = primitive.get("mode", TRIANGLES)
        faces += corners // 3 if mode == TRIANGLES else max(0, corners - 2) if mode in (STRIP, FAN) else 0
        vertices += points
        if all(isinstance(position.get(name), list) and len(position[name]) == 3 for name in ("min", "max")):
            scale = FULL_SCALE.get(position["componentType"], 1.0) if position.get("normalized") else 1.0
            low, high = (np.array(position[name], float) / scale for name in ("min", "max"))
            if np.isfinite(low).all() and np.isfinite(high).all() and low.shape == high.shape == (3,):
                boxes.append((low, high))
    if not boxes:
        return faces, vertices, None
    return faces, vertices, (np.min([low for low, _ in boxes], axis=0), np.max([high for _, high in boxes], axis=0))


def _placed(json: dict[str, Any]) -> Iterator[tuple[int, NDArray[np.float64] | None]]:
    """Each shown mesh with its place; None where bones tell it. Raises: ModelInvalid for a tree that is none."""
    nodes = json.get("nodes", [])
    scenes = json.get("scenes", [])
    if not scenes:
        yield from ((index, np.eye(4)) for index in range(len(json.get("meshes", []))))
        return
    roots = scenes[json.get("scene", 0)].get("nodes", [])
    waiting = [(int(node), np.eye(4), 0) for node in roots[: MOST_NODES + 1]]
    seen = 0
    while waiting:
        index, above, depth = waiting.pop()
        seen += 1
        if depth > MOST_DEPTH or seen > MOST_NODES or index < 0:
            raise ModelInvalid("The parts of the model are nested without end, so it cannot be shown.")
        node = nodes[index]
        children = node.get("children", [])
        if len(children) > MOST_NODES:
            raise ModelInvalid("The parts of the model are nested without end, so it cannot be shown.")
        matrix = above if PLACING.isdisjoint(node) else above @ matrix_of(node)
        if "mesh" in node:
            yield int(node["mesh"]), None if "skin" in node else matrix
        waiting += [(int(child), matrix, depth + 1) for child in children]


def matrix_of(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    x, y, z, w = (float(part) for part in node.get("rotation", (0, 0, 0, 1)))
    turned = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turned * np.array(node.get("scale", (1, 1, 1)), float)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _moved(box: Corners, matrix: NDArray[np.float64]) -> Corners:
    """The box around a moved box."""
    points = np.array([[box[corner >> axis & 1][axis] for axis in range(3)] + [1.0] for corner in range(8)])
    moved = (points @ matrix.T)[:, :3]
    return moved.min(axis=0), moved.max(axis=0)


# -- textures


def _textures(document: Document, data: bytes | mmap.mmap) -> Iterator[TextureFacts]:
    json = document.json
    uses = _uses(json)
    images = json.get("images", [])
    if len(images) > MOST_IMAGES:
        raise ModelInvalid("The model file has far more pictures than it can need.")
    for index, image in enumerate(images):
        view = json["bufferViews"][image["bufferView"]]
        begin = document.binary_offset + int(view.get("byteOffset", 0))
        size = int(view["byteLength"])
        width, height = picture_size(data[begin : begin + min(size, 65536)])
        yield TextureFacts(
            width_px=width,
            height_px=height,
            size_bytes=size,
            media_type=_plain(image.get("mimeType", "")),
            channels=tuple(sorted(uses.get(index, set()))),
        )


def _uses(json: dict[str, Any]) -> dict[int, set[str]]:
    """For each image what its materials use it for."""
    found: dict[int, set[str]] = {}
    for material in json.get("materials", []):
        for channel, path in CHANNELS:
            part = material
            for name in path:
                part = part.get(name, {})
            if "index" in part:
                texture = json["textures"][part["index"]]
                sources = [texture.get("source"), *(_source(texture, name) for name in TEXTURE_SOURCES)]
                for source in sources:
                    if source is not None:
                        found.setdefault(int(source), set()).add(channel)
    return found


def _source(texture: dict[str, Any], extension: str) -> int | None:
    source = texture.get("extensions", {}).get(extension, {}).get("source")
    return None if source is None else int(source)


def picture_size(head: bytes) -> tuple[int, int]:
    """Width and height in pixels from the first bytes of PNG, JPEG, WebP or KTX2; (0, 0) when unknown."""
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 24:
        return struct.unpack(">II", head[16:24])
    if head[:2] == b"\xff\xd8":
        return _jpeg_size(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) >= 30:
        return _webp_size(head)
    if head[:12] == b"\xabKTX 20\xbb\r\n\x1a\n" and len(head) >= 28:
        return struct.unpack("<II", head[20:28])
    return 0, 0


def _jpeg_size(head: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 < len(head) and head[place] == 0xFF:
        marker = head[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[place + 5 : place + 9])
            return width, height
        place += 2 + struct.unpack(">H", head[place + 2 : place + 4])[0]
    return 0, 0


def _webp_size(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0
