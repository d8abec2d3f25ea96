"""What the header of a GLB says, and whether it can be trusted: no buffer is decoded, nothing is fetched."""

from __future__ import annotations

import json
import mmap
import struct
from dataclasses import dataclass
from typing import Any

from core.domain.errors import ModelInvalid

MAGIC = 0x46546C67  # "glTF". Source: glTF 2.0, section 4.4
JSON_CHUNK = 0x4E4F534A
BINARY_CHUNK = 0x004E4942
MAX_JSON_BYTES = 16 * 1024 * 1024  # real files have some kilobytes; this bounds what is parsed in the server
MOST_ELEMENTS = 200_000_000  # of one list of numbers; the largest models have some millions
MOST_PARTS = 50_000  # lists of numbers, and drawn parts
TRIANGLES, STRIP, FAN = 4, 5, 6
COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}  # Source: glTF 2.0, table of component types
COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
COMPRESSED = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")


@dataclass(frozen=True, slots=True, kw_only=True)
class GlbFacts:
    """Counts over all meshes of the file, each mesh once."""

    face_count: int
    vertex_count: int
    material_count: int
    texture_count: int
    generator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The description inside a GLB, and where its binary part lies in the file, in bytes."""

    json: dict[str, Any]
    binary_offset: int
    binary_bytes: int


def read_facts(data: bytes) -> GlbFacts:
    """Check that `data` is a whole GLB with at least one face, and count.

    Raises: ModelInvalid, with a sentence, when it is cut short, is no glTF 2, contradicts itself or shows nothing.
    """
    document = read_document(data)
    try:
        faces, vertices = _count(document.json)
        facts = GlbFacts(
            face_count=faces,
            vertex_count=vertices,
            material_count=len(document.json.get("materials", [])),
            texture_count=len(document.json.get("textures", [])),
            generator=str(document.json.get("asset", {}).get("generator", "")),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as exc:
        raise ModelInvalid("The model file contradicts itself, so it cannot be shown.") from exc
    if facts.face_count == 0:
        raise ModelInvalid("The model file has no surface in it.")
    return facts


def read_document(data: bytes | mmap.mmap) -> Document:
    """The description, checked: everything lies inside the file, and no list claims more than there is.

    Raises: ModelInvalid, with a sentence.
    """
    document = _document(data)
    try:
        _check_addresses(document.json)
        _check_views(document)
        _check_accessors(document.json)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as exc:
        raise ModelInvalid("The model file contradicts itself, so it cannot be shown.") from exc
    return document


def _document(data: bytes | mmap.mmap) -> Document:
    if len(data) < 20:
        raise ModelInvalid("The model file is empty or cut short.")
    magic, version, total, json_bytes, chunk_type = struct.unpack_from("<5I", data)
    if magic != MAGIC or version != 2 or chunk_type != JSON_CHUNK:
        raise ModelInvalid("The file that came is not a GLB, the format of 3D models.")
    if total > len(data) or json_bytes > total - 20:
        raise ModelInvalid("The model file is cut short.")
    if json_bytes > MAX_JSON_BYTES:
        raise ModelInvalid("The description inside the model file is far too long.")
    try:
        gltf = json.loads(data[20 : 20 + json_bytes])
    except (ValueError, RecursionError) as exc:
        raise ModelInvalid("The description inside the model file cannot be read.") from exc
    if not isinstance(gltf, dict):
        raise ModelInvalid("The description inside the model file cannot be read.")
    after = 20 + json_bytes
    if after + 8 > total:
        return Document(json=gltf, binary_offset=after, binary_bytes=0)
    binary_bytes, chunk_type = struct.unpack_from("<2I", data, after)
    if chunk_type != BINARY_CHUNK or after + 8 + binary_bytes > total:
        raise ModelInvalid("The model file is cut short.")
    return Document(json=gltf, binary_offset=after + 8, binary_bytes=binary_bytes)


def _check_addresses(gltf: dict[str, Any]) -> None:
    """No address at all: what a model needs is in its file. A compressed buffer may have a fallback nobody reads."""
    for part in (*gltf.get("buffers", []), *gltf.get("images", [])):
        is_fallback = any(part.get("extensions", {}).get(name, {}).get("fallback") for name in COMPRESSED)
        if "uri" in part and not is_fallback:
            raise ModelInvalid("The model file points to other files, which are never fetched.")


def _check_views(document: Document) -> None:
    """No reading before the beginning or past the end."""
    for view in document.json.get("bufferViews", []):
        packed = next((view["extensions"][name] for name in COMPRESSED if name in view.get("extensions", {})), view)
        if _whole(packed.get("buffer", 0)) != 0:
            raise ModelInvalid("The model file points to other files, which are never fetched.")
        if _whole(packed.get("byteOffset", 0)) + _whole(packed["byteLength"]) > document.binary_bytes:
            raise ModelInvalid("The model file is cut short.")


def _check_accessors(gltf: dict[str, Any]) -> None:
    """Each list fits into its view."""
    views = gltf.get("bufferViews", [])
    accessors, is_compressed = gltf.get("accessors", []), _is_compressed(gltf)
    parts = sum(len(mesh["primitives"]) for mesh in gltf.get("meshes", []))
    if len(accessors) > MOST_PARTS or parts > MOST_PARTS:
        raise ModelInvalid("The model file has far more parts than it can need.")
    for accessor in accessors:
        count = _whole(accessor["count"])
        size = COMPONENT_BYTES[accessor["componentType"]] * COMPONENTS[accessor["type"]]
        if count > MOST_ELEMENTS:
            raise ModelInvalid("The model file claims to have far more points than it can have.")
        if "bufferView" not in accessor:
            if count > MOST_ELEMENTS // 100 and not is_compressed:
                raise ModelInvalid("The model file claims to have far more points than it can have.")
            continue
        view = views[_whole(accessor["bufferView"])]
        stride = _whole(view.get("byteStride", 0)) or size
        end = _whole(accessor.get("byteOffset", 0)) + stride * (count - 1) + size if count else 0
        if end > _whole(view["byteLength"]):
            raise ModelInvalid("The model file is cut short: a list in it is longer than its data.")


def _is_compressed(gltf: dict[str, Any]) -> bool:
    return any(name in COMPRESSED for name in gltf.get("extensionsUsed", []))


def _whole(value: Any) -> int:
    """A count or an offset. Raises: ValueError for what can be none."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _count(gltf: dict[str, Any]) -> tuple[int, int]:
    accessors = gltf.get("accessors", [])
    faces = vertices = 0
    for mesh in gltf.get("meshes", []):
        for primitive in mesh["primitives"]:
            points = int(accessors[primitive["attributes"]["POSITION"]]["count"])
            corners = int(accessors[primitive["indices"]]["count"]) if "indices" in primitive else points
            mode = primitive.get("mode", TRIANGLES)
            vertices += points
            if mode == TRIANGLES:
                faces += corners // 3
            elif mode in (STRIP, FAN):
                faces += max(0, corners - 2)
    return faces, vertices
