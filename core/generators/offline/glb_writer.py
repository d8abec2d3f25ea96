"""A mesh as a GLB file that Khronos' validator accepts without a word."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.generators.offline.mesh import Mesh

JPEG_QUALITY = 88
# glTF 2.0's numbers
UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5123, 5125, 5126
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
LINEAR, LINEAR_MIPMAP, CLAMP = 9729, 9987, 33071


def write_glb(mesh: Mesh, *, name: str, generator: str, extras: dict[str, str], has_texture: bool) -> bytes:
    """The whole file; `name` is what people called the object."""
    parts = _Parts()
    small = len(mesh.vertices) < 65535
    indices = parts.accessor(
        mesh.faces.ravel().astype(np.uint16 if small else np.uint32),
        UNSIGNED_SHORT if small else UNSIGNED_INT,
        "SCALAR",
        ELEMENT_BUFFER,
    )
    position = parts.accessor(mesh.vertices, FLOAT, "VEC3", ARRAY_BUFFER, has_bounds=True)
    attributes = {"POSITION": position, "NORMAL": parts.accessor(mesh.normals, FLOAT, "VEC3", ARRAY_BUFFER)}
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.8}
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": generator, "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
    }
    if has_texture:
        attributes["TEXCOORD_0"] = parts.accessor(mesh.uv, FLOAT, "VEC2", ARRAY_BUFFER)
        picture = {"bufferView": parts.view(_jpeg(mesh.texture)), "mimeType": "image/jpeg", "name": "base colour"}
        surface["baseColorTexture"] = {"index": 0}
        document["textures"] = [{"sampler": 0, "source": 0}]
        document["samplers"] = [{"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP, "wrapS": CLAMP, "wrapT": CLAMP}]
        document["images"] = [picture]
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    document["meshes"] = [{"name": name, "primitives": [primitive]}]
    document["materials"] = [{"name": "surface", "pbrMetallicRoughness": surface}]
    return parts.file(document)


class _Parts:
    """Collects the binary chunk."""

    def __init__(self) -> None:
        self._binary = bytearray()
        self._views: list[dict[str, int]] = []
        self._accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        entry = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        if target is not None:
            entry["target"] = target
        self._views.append(entry)
        self._binary += data + b"\0" * (-len(data) % 4)
        return len(self._views) - 1

    def accessor(
        self, values: NDArray[Any], component: int, kind: str, target: int, *, has_bounds: bool = False
    ) -> int:
        view = self.view(np.ascontiguousarray(values).tobytes(), target)
        entry: dict[str, Any] = {"bufferView": view, "componentType": component, "count": len(values), "type": kind}
        if has_bounds:
            entry |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self._accessors.append(entry)
        return len(self._accessors) - 1

    def file(self, document: dict[str, Any]) -> bytes:
        document |= {
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": len(self._binary)}],
        }
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
        text += b" " * (-len(text) % 4)
        head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(self._binary))
        return (
            head
            + struct.pack("<I4s", len(text), b"JSON")
            + text
            + struct.pack("<I4s", len(self._binary), b"BIN\0")
            + bytes(self._binary)
        )


def _jpeg(texture: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(texture).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()
