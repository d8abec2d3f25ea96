"""A GLB taken apart into its description, its lists of numbers and its pictures, and put together again plainly."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ModelInvalid
from core.mesh.glb import BINARY_CHUNK, COMPONENTS, JSON_CHUNK, MAGIC, TRIANGLES, read_document
from core.mesh.header import FULL_SCALE
from core.mesh.meshopt import NAMES as MESHOPT_NAMES
from core.mesh.meshopt import decoded

TYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
FLOAT = 5126
QUANTIZED, DRACO = "KHR_mesh_quantization", "KHR_draco_mesh_compression"
FLOATS = ("POSITION", "NORMAL", "TANGENT", "TEXCOORD_", "COLOR_", "WEIGHTS_")  # what may be given in integers
MOST_BYTES = 1 << 30


@dataclass(slots=True)
class Binary:
    """The binary part of a GLB as it grows, and the views of it."""

    blob: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)

    def put(self, raw: bytes, **more: Any) -> int:
        """A new view at the end; its number."""
        self.blob.extend(b"\0" * (-len(self.blob) % 4))
        self.views.append({"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(raw)} | more)
        self.blob.extend(raw)
        return len(self.views) - 1


@dataclass(slots=True)
class Unpacked:
    """Nothing in it is compressed, quantized or sparse any more; what it shows is the same.

    Attributes:
        gltf: the description; its views and buffers are those of the old file until it is written.
        lists: for each accessor its numbers, (count, components); None where it has none.
        pictures: for each image its file.
    """

    gltf: dict[str, Any]
    lists: list[NDArray[Any] | None]
    pictures: list[bytes]

    def primitives(self) -> Iterator[dict[str, Any]]:
        for mesh in self.gltf.get("meshes", []):
            yield from mesh["primitives"]

    def numbers(self, index: int) -> NDArray[Any]:
        """(count, components). Raises: ValueError for an accessor without numbers."""
        found = self.lists[index]
        if found is None:
            raise ValueError(f"list {index} has no numbers")
        return found

    def add(self, values: NDArray[np.float32], kind: str) -> int:
        """A new accessor, of floats; its number."""
        self.gltf["accessors"].append({"componentType": FLOAT, "count": len(values), "type": kind})
        self.lists.append(np.ascontiguousarray(values, np.float32))
        return len(self.lists) - 1

    def forget(self, *extensions: str) -> None:
        for name in ("extensionsUsed", "extensionsRequired"):
            left = [each for each in self.gltf.get(name, []) if each not in extensions]
            self.gltf.pop(name, None)
            if left:
                self.gltf[name] = left

    def written(self) -> bytes:
        """As a GLB: one list after the other, without gaps."""
        binary = Binary()
        self.put_rest(binary, done=set())
        self.gltf["bufferViews"], self.gltf["buffers"] = binary.views, [{"byteLength": len(binary.blob)}]
        return glb(self.gltf, bytes(binary.blob))

    def put_rest(self, binary: Binary, *, done: set[int]) -> None:
        """All lists but those, and the pictures."""
        of_points = {index for part in self.primitives() for index in part["attributes"].values()}
        for index, values in enumerate(self.lists):
            if values is None or index in done:
                continue
            gap = -values.shape[1] * values.itemsize % 4
            if gap and index in of_points:  # glTF wants each point's numbers to begin at a multiple of four
                rows = np.zeros((len(values), values.shape[1] * values.itemsize + gap), np.uint8)
                rows[:, :-gap] = values.view(np.uint8).reshape(len(values), -1)
                place = binary.put(rows.tobytes(), byteStride=rows.shape[1])
            else:
                place = binary.put(values.tobytes())
            self.gltf["accessors"][index]["bufferView"] = place
        for image, raw in zip(self.gltf.get("images", []), self.pictures, strict=True):
            image["bufferView"] = binary.put(raw)


def unpacked(data: bytes) -> Unpacked:
    """Raises: ModelInvalid, with a sentence, also when a decoder is not installed."""
    document = read_document(data)
    gltf = document.json
    try:
        binary = data[document.binary_offset : document.binary_offset + document.binary_bytes]
        views = _views(gltf, binary)
        file = Unpacked(
            gltf=gltf,
            lists=[_dense(accessor, gltf, views) for accessor in gltf.get("accessors", [])],
            pictures=[views[image["bufferView"]] for image in gltf.get("images", [])],
        )
        for part in file.primitives():
            _undraco(file, part, views)
        for index in _attributes(gltf):
            _to_floats(file, index)
        file.lists = [None if values is None else np.ascontiguousarray(values) for values in file.lists]
        for accessor in gltf.get("accessors", []):
            for name in ("bufferView", "byteOffset", "sparse"):
                accessor.pop(name, None)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError) as exc:
        raise ModelInvalid("The compressed geometry inside the model file cannot be read.") from exc
    file.forget(*MESHOPT_NAMES, QUANTIZED, DRACO)
    return file


def is_packed(gltf: dict[str, Any]) -> bool:
    """Whether a reader that knows only plain floats would read it wrongly."""
    if {*MESHOPT_NAMES, QUANTIZED, DRACO} & set(gltf.get("extensionsUsed", [])):
        return True
    accessors = gltf.get("accessors", [])
    return any("sparse" in accessor for accessor in accessors) or any(
        accessors[index]["componentType"] != FLOAT for index in _attributes(gltf)
    )


def _attributes(gltf: dict[str, Any]) -> set[int]:
    """The lists that are floats in a plain file, of points and of their morphs."""
    return {
        int(index)
        for mesh in gltf.get("meshes", [])
        for part in mesh["primitives"]
        for attributes in (part["attributes"], *part.get("targets", []))
        for name, index in attributes.items()
        if name.startswith(FLOATS)
    }


def _views(gltf: dict[str, Any], binary: bytes) -> list[bytes]:
    found, total = [], 0
    for view in gltf.get("bufferViews", []):
        packed = _meshopt(view)
        if packed is None:
            begin = view.get("byteOffset", 0)
            found.append(binary[begin : begin + view["byteLength"]])
            continue
        total += packed["count"] * packed["byteStride"]
        if total > MOST_BYTES:
            raise ModelInvalid("The compressed geometry inside the model file is far too large.")
        found.append(decoded(packed, binary))
    return found


def _meshopt(view: dict[str, Any]) -> dict[str, Any] | None:
    return next((view["extensions"][name] for name in MESHOPT_NAMES if name in view.get("extensions", {})), None)


def _dense(accessor: dict[str, Any], gltf: dict[str, Any], views: list[bytes]) -> NDArray[Any] | None:
    """The numbers of one accessor, with those that a sparse one puts in their places."""
    kind, width, count = np.dtype(TYPES[accessor["componentType"]]), COMPONENTS[accessor["type"]], accessor["count"]
    values = _read(accessor, gltf, views, kind, width, count) if "bufferView" in accessor else None
    sparse = accessor.get("sparse")
    if sparse is None or count * width * kind.itemsize > MOST_BYTES:
        return values
    values = np.zeros((count, width), kind) if values is None else values.copy()
    indices = sparse["indices"]
    places = _read(indices, gltf, views, np.dtype(TYPES[indices["componentType"]]), 1, sparse["count"])
    values[places.ravel()] = _read(sparse["values"], gltf, views, kind, width, sparse["count"])
    return values


def _read(
    place: dict[str, Any], gltf: dict[str, Any], views: list[bytes], kind: np.dtype[Any], width: int, count: int
) -> NDArray[Any]:
    view, raw = gltf["bufferViews"][place["bufferView"]], views[place["bufferView"]]
    stride = view.get("byteStride") or (_meshopt(view) or {}).get("byteStride") or kind.itemsize * width
    offset = place.get("byteOffset", 0)
    if count and offset + stride * (count - 1) + kind.itemsize * width > len(raw):
        raise ModelInvalid("The model file is cut short: a list in it is longer than its data.")
    return np.ndarray((count, width), kind, raw, offset, (stride, kind.itemsize))


def _undraco(file: Unpacked, part: dict[str, Any], views: list[bytes]) -> None:
    packed = part.get("extensions", {}).pop(DRACO, None)
    if packed is None:
        return
    if not part["extensions"]:
        del part["extensions"]
    import DracoPy

    again = DracoPy.decode(views[packed["bufferView"]])
    found = {each["unique_id"]: np.asarray(each["data"]) for each in again.attributes}
    faces = getattr(again, "faces", None)
    lists = {part["attributes"][name]: found[number] for name, number in packed["attributes"].items()}
    if "indices" in part and faces is not None:
        lists[part["indices"]] = np.asarray(faces)
        part["mode"] = TRIANGLES  # whatever it was, Draco gives single triangles
    for index, values in lists.items():
        accessor = file.gltf["accessors"][index]
        flat = values.reshape(-1, COMPONENTS[accessor["type"]])
        file.lists[index] = np.ascontiguousarray(flat, TYPES[accessor["componentType"]])
        accessor["count"] = len(flat)


def _to_floats(file: Unpacked, index: int) -> None:
    """Source: glTF 2.0, 3.11 (normalized integers); KHR_mesh_quantization."""
    accessor, values = file.gltf["accessors"][index], file.lists[index]
    if accessor["componentType"] == FLOAT or values is None:
        return
    floats = values.astype(np.float32)
    scale = FULL_SCALE.get(accessor["componentType"], 1.0) if accessor.get("normalized") else 1.0
    file.lists[index] = np.maximum(floats / np.float32(scale), -1) if scale != 1 else floats
    for name in ("min", "max"):
        if name in accessor and scale != 1:
            accessor[name] = [max(value / scale, -1) for value in accessor[name]]
    accessor["componentType"] = FLOAT
    accessor.pop("normalized", None)


def glb(gltf: dict[str, Any], blob: bytes) -> bytes:
    """A GLB of a description and its binary part."""
    text = json.dumps(gltf, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    blob += b"\0" * (-len(blob) % 4)
    head = struct.pack("<5I", MAGIC, 2, 28 + len(text) + len(blob), len(text), JSON_CHUNK)
    return head + text + struct.pack("<2I", len(blob), BINARY_CHUNK) + blob
