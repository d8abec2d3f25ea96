"""EXT_meshopt_compression unpacked, so that readers which do not know it can read the file."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ModelInvalid
from core.mesh.glb import BINARY_CHUNK, COMPONENTS, JSON_CHUNK, MAGIC, read_document

NAMES = ("EXT_meshopt_compression", "KHR_meshopt_compression")
QUANTIZED = "KHR_mesh_quantization"
TYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
FULL_SCALE = {5120: 127.0, 5121: 255.0, 5122: 32767.0, 5123: 65535.0}
MOST_BYTES = 1 << 30


def expanded(data: bytes) -> bytes:
    """The same GLB with plain views, and places and normals as floats; one without the extension as it is.

    Raises: ModelInvalid, with a sentence, also when the decoder is not installed.
    """
    document = read_document(data)
    used = set(document.json.get("extensionsUsed", []))
    if not used & {*NAMES, QUANTIZED}:
        return data
    try:
        views = _views(document.json, data[document.binary_offset : document.binary_offset + document.binary_bytes])
        return _packed(document.json, views)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError) as exc:
        raise ModelInvalid("The compressed geometry inside the model file cannot be read.") from exc


def _views(told: dict[str, Any], binary: bytes) -> list[bytes]:
    found, total = [], 0
    for view in told.get("bufferViews", []):
        packed = next((view["extensions"][name] for name in NAMES if name in view.get("extensions", {})), None)
        if packed is None:
            begin = view.get("byteOffset", 0)
            found.append(binary[begin : begin + view["byteLength"]])
            continue
        total += packed["count"] * packed["byteStride"]
        if total > MOST_BYTES:
            raise ModelInvalid("The compressed geometry inside the model file is far too large.")
        found.append(_decoded(packed, binary))
    return found


def _decoded(packed: dict[str, Any], binary: bytes) -> bytes:
    try:
        import meshoptimizer
    except ImportError as exc:
        raise ModelInvalid(
            "The model is compressed with Meshopt. It can be seen and downloaded; to measure and convert it, install "
            "the extras: make install-extras."
        ) from exc
    begin, count, stride = packed.get("byteOffset", 0), packed["count"], packed["byteStride"]
    source = binary[begin : begin + packed["byteLength"]]
    if packed["mode"] == "ATTRIBUTES":
        kind = np.dtype((np.void, stride))
        decoded = np.ascontiguousarray(meshoptimizer.decode_vertex_buffer(count, stride, source, dtype=kind))
        filters = {
            "OCTAHEDRAL": meshoptimizer.decode_filter_oct,
            "QUATERNION": meshoptimizer.decode_filter_quat,
            "EXPONENTIAL": meshoptimizer.decode_filter_exp,
        }
        if packed.get("filter", "NONE") != "NONE":
            decoded = filters[packed["filter"]](decoded, count, stride)
        return bytes(decoded.tobytes())
    decode = meshoptimizer.decode_index_buffer if packed["mode"] == "TRIANGLES" else meshoptimizer.decode_index_sequence
    return bytes(decode(count, 4, source).astype(np.uint16 if stride == 2 else np.uint32).tobytes())


def _packed(told: dict[str, Any], views: list[bytes]) -> bytes:
    """Accessors one after the other, without gaps; quantized attributes as floats."""
    blob = bytearray()
    new_views: list[dict[str, int]] = []

    def put(raw: bytes) -> int:
        blob.extend(b"\0" * (-len(blob) % 4))
        new_views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(raw)})
        blob.extend(raw)
        return len(new_views) - 1

    attributes = {
        index for mesh in told.get("meshes", []) for part in mesh["primitives"] for index in part["attributes"].values()
    }
    old_views = told.get("bufferViews", [])
    for index, accessor in enumerate(told.get("accessors", [])):
        if "bufferView" not in accessor:
            continue
        values = _values(accessor, old_views[accessor["bufferView"]], views[accessor["bufferView"]])
        if index in attributes and values.dtype != np.float32:
            values = _floats(values, accessor)
        accessor["bufferView"] = put(np.ascontiguousarray(values).tobytes())
        accessor.pop("byteOffset", None)
    for image in told.get("images", []):
        image["bufferView"] = put(views[image["bufferView"]])
    told["bufferViews"], told["buffers"] = new_views, [{"byteLength": len(blob)}]
    for name in ("extensionsUsed", "extensionsRequired"):
        left = [each for each in told.get(name, []) if each not in (*NAMES, QUANTIZED)]
        told.pop(name, None)
        if left:
            told[name] = left
    return glb(told, bytes(blob))


def _values(accessor: dict[str, Any], view: dict[str, Any], raw: bytes) -> NDArray[Any]:
    kind, width = np.dtype(TYPES[accessor["componentType"]]), COMPONENTS[accessor["type"]]
    packed: dict[str, Any] = next(
        (view["extensions"][name] for name in NAMES if name in view.get("extensions", {})), {}
    )
    stride = view.get("byteStride") or packed.get("byteStride") or kind.itemsize * width
    offset, count = accessor.get("byteOffset", 0), accessor["count"]
    if count and offset + stride * (count - 1) + kind.itemsize * width > len(raw):
        raise ModelInvalid("The model file is cut short: a list in it is longer than its data.")
    return np.ndarray((count, width), kind, raw, offset, (stride, kind.itemsize))


def _floats(values: NDArray[Any], accessor: dict[str, Any]) -> NDArray[np.float32]:
    floats = values.astype(np.float32)
    if accessor.get("normalized"):
        scale = FULL_SCALE[accessor["componentType"]]
        floats = np.maximum(floats / scale, -1)
        for name in ("min", "max"):
            if name in accessor:
                accessor[name] = [max(value / scale, -1) for value in accessor[name]]
    accessor["componentType"] = 5126
    accessor.pop("normalized", None)
    return floats


def glb(told: dict[str, Any], blob: bytes) -> bytes:
    """A GLB of a description and its binary part."""
    text = json.dumps(told, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    blob += b"\0" * (-len(blob) % 4)
    head = struct.pack("<5I", MAGIC, 2, 28 + len(text) + len(blob), len(text), JSON_CHUNK)
    return head + text + struct.pack("<2I", len(blob), BINARY_CHUNK) + blob
