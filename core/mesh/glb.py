"""What the header of a GLB says, and whether it can be trusted: no buffer is decoded, nothing is fetched."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from core.domain.errors import ModelInvalid

MAGIC = 0x46546C67  # "glTF". Source: glTF 2.0, section 4.4
JSON_CHUNK = 0x4E4F534A
BINARY_CHUNK = 0x004E4942
MAX_JSON_BYTES = 16 * 1024 * 1024  # real files have some kilobytes; this bounds what is parsed in the server
TRIANGLES, STRIP, FAN = 4, 5, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class GlbFacts:
    """Counts over all meshes of the file, each mesh once."""

    face_count: int
    vertex_count: int
    material_count: int
    texture_count: int
    generator: str


def read_facts(data: bytes) -> GlbFacts:
    """Check that `data` is a whole GLB with at least one face, and count.

    Raises: ModelInvalid, with a sentence, when it is cut short, is no glTF 2, or has nothing to show.
    """
    document, binary_bytes = _document(data)
    try:
        _check_views(document, binary_bytes)
        faces, vertices = _count(document)
        facts = GlbFacts(
            face_count=faces,
            vertex_count=vertices,
            material_count=len(document.get("materials", [])),
            texture_count=len(document.get("textures", [])),
            generator=str(document.get("asset", {}).get("generator", "")),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as exc:
        raise ModelInvalid("The model file contradicts itself, so it cannot be shown.") from exc
    if facts.face_count == 0:
        raise ModelInvalid("The model file has no surface in it.")
    return facts


def _document(data: bytes) -> tuple[dict[str, Any], int]:
    """The JSON chunk and the length of the binary chunk, in bytes."""
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
        document = json.loads(data[20 : 20 + json_bytes])
    except (ValueError, RecursionError) as exc:
        raise ModelInvalid("The description inside the model file cannot be read.") from exc
    if not isinstance(document, dict):
        raise ModelInvalid("The description inside the model file cannot be read.")
    after = 20 + json_bytes
    if after + 8 > total:
        return document, 0
    binary_bytes, chunk_type = struct.unpack_from("<2I", data, after)
    if chunk_type != BINARY_CHUNK or after + 8 + binary_bytes > total:
        raise ModelInvalid("The model file is cut short.")
    return document, binary_bytes


def _check_views(document: dict[str, Any], binary_bytes: int) -> None:
    """Everything lies inside the file itself: no address, no reading past the end."""
    for part in (*document.get("buffers", []), *document.get("images", [])):
        if "uri" in part and not str(part["uri"]).startswith("data:"):
            raise ModelInvalid("The model file points to other files, which are never fetched.")
    for view in document.get("bufferViews", []):
        if view.get("buffer", 0) == 0 and view.get("byteOffset", 0) + view["byteLength"] > max(
            binary_bytes, document["buffers"][0]["byteLength"]
        ):
            raise ModelInvalid("The model file is cut short.")


def _count(document: dict[str, Any]) -> tuple[int, int]:
    accessors = document.get("accessors", [])
    faces = vertices = 0
    for mesh in document.get("meshes", []):
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
