"""A GLB with its geometry compressed; textures, materials and nodes stay as they are. For the child process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import DracoPy
import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ExportFailed
from core.domain.export import Compression
from core.mesh.glb import TRIANGLES
from core.mesh.unpacked import DRACO, Binary, glb, unpacked

MESHOPT = "EXT_meshopt_compression"
DRACO_BITS, DRACO_NORMAL_BITS, DRACO_UV_BITS, DRACO_LEVEL = 16, 10, 14, 7
DRACO_NAMES = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2, "TEXCOORD_0": 3}  # Source: Draco, GeometryAttribute::Type
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963


def packed(data: bytes, compression: Compression) -> bytes:
    """Raises: ModelInvalid; ExportFailed when the library is not installed."""
    if compression is Compression.NONE:
        return data
    file = _File(data)
    return file.drawn_together(_draco if compression is Compression.DRACO else _meshopt)


class _File:
    """A GLB taken apart, and what was packed of it so far."""

    def __init__(self, data: bytes) -> None:
        self._parts = unpacked(data)
        self.told = self._parts.told
        self.binary = Binary()
        self.unpacked_bytes = 0  # what a reader needs room for

    def values(self, index: int) -> NDArray[Any]:
        return self._parts.numbers(index)

    def drawn_together(self, pack: Callable[[_File, dict[str, Any], set[int]], bool]) -> bytes:
        done: set[int] = set()
        used = Counter(
            index for part in self._parts.primitives() for index in (*part["attributes"].values(), part.get("indices"))
        )
        for part in self._parts.primitives():
            own = [*part["attributes"].values(), part.get("indices")]
            is_plain = part.get("mode", TRIANGLES) == TRIANGLES and "indices" in part and "targets" not in part
            if is_plain and all(used[index] == 1 for index in own):
                pack(self, part, done)
        self._parts.put_rest(self.binary, done=done)
        self.told["bufferViews"] = self.binary.views
        size_bytes = len(self.binary.blob)
        buffers: list[dict[str, Any]] = [{"byteLength": size_bytes + -size_bytes % 4}]
        if self.unpacked_bytes:
            buffers.append({"byteLength": self.unpacked_bytes, "extensions": {MESHOPT: {"fallback": True}}})
        self.told["buffers"] = buffers
        return glb(self.told, bytes(self.binary.blob))

    def require(self, extension: str) -> None:
        for name in ("extensionsUsed", "extensionsRequired"):
            self.told[name] = sorted({*self.told.get(name, []), extension})


def _draco(file: _File, part: dict[str, Any], done: set[int]) -> bool:
    """False for what Draco would lose: skins, second textures, tangents."""
    attributes = part["attributes"]
    if not set(attributes) <= set(DRACO_NAMES) - {"COLOR_0"}:
        return False
    given = {name: file.values(index).astype(np.float64) for name, index in attributes.items()}
    raw = DracoPy.encode(
        given["POSITION"],
        file.values(part["indices"]).reshape(-1, 3).astype(np.uint32),
        quantization_bits=DRACO_BITS,
        compression_level=DRACO_LEVEL,
        normals=given.get("NORMAL"),
        tex_coord=given.get("TEXCOORD_0"),
        normal_quantization_bits=DRACO_NORMAL_BITS,
        tex_coord_quantization_bits=DRACO_UV_BITS,
    )
    again = DracoPy.decode(raw)
    accessors = file.told["accessors"]
    numbers = {each["attribute_type"]: each["unique_id"] for each in again.attributes}
    for index in attributes.values():
        accessors[index]["count"] = len(again.points)
        accessors[index].pop("bufferView", None)
        done.add(index)
    low, high = np.asarray(again.points).min(axis=0), np.asarray(again.points).max(axis=0)
    accessors[attributes["POSITION"]] |= {"min": low.astype(float).tolist(), "max": high.astype(float).tolist()}
    accessors[part["indices"]] |= {"count": len(again.faces) * 3, "componentType": 5125}
    for name in ("bufferView", "byteOffset", "min", "max"):
        accessors[part["indices"]].pop(name, None)
    done.add(part["indices"])
    part.setdefault("extensions", {})[DRACO] = {
        "bufferView": file.binary.put(raw),
        "attributes": {name: numbers[DRACO_NAMES[name]] for name in attributes},
    }
    file.require(DRACO)
    return True


def _meshopt(file: _File, part: dict[str, Any], done: set[int]) -> bool:
    """Lossless: the same numbers in fewer bytes."""
    try:
        import meshoptimizer
    except ImportError as exc:
        raise ExportFailed("Packing with Meshopt needs the extras: make install-extras.") from exc
    accessors = file.told["accessors"]
    attributes = {index: file.values(index) for index in part["attributes"].values()}
    if any(values.strides[0] % 4 for values in attributes.values()):
        return False
    for index, values in attributes.items():
        stride = values.strides[0]
        raw = meshoptimizer.encode_vertex_buffer(values, len(values), stride)
        accessors[index]["bufferView"] = _view(file, bytes(raw), len(values), stride, "ATTRIBUTES")
        done.add(index)
    indices = file.values(part["indices"]).ravel().astype(np.uint32)
    raw = meshoptimizer.encode_index_buffer(indices, len(indices), len(next(iter(attributes.values()))))
    accessors[part["indices"]] |= {"componentType": 5125}
    accessors[part["indices"]]["bufferView"] = _view(file, bytes(raw), len(indices), 4, "TRIANGLES")
    done.add(part["indices"])
    file.require(MESHOPT)
    return True


def _view(file: _File, raw: bytes, count: int, stride: int, mode: str) -> int:
    place = file.binary.put(raw)
    view = file.binary.views[place]
    view["extensions"] = {
        MESHOPT: {
            "buffer": 0,
            "byteOffset": view["byteOffset"],
            "byteLength": len(raw),
            "byteStride": stride,
            "mode": mode,
            "count": count,
        }
    }
    view |= {"buffer": 1, "byteOffset": file.unpacked_bytes, "byteLength": count * stride}
    if mode == "ATTRIBUTES":
        view |= {"byteStride": stride, "target": ARRAY_BUFFER}
    else:
        view["target"] = ELEMENT_BUFFER
    file.unpacked_bytes += count * stride + -(count * stride) % 4
    return place
