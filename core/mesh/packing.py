"""A GLB with its geometry compressed; textures, materials and nodes stay as they are. For the child process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import DracoPy
import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ExportFailed
from core.domain.export import Compression
from core.mesh.glb import TRIANGLES
from core.mesh.pose import places_of
from core.mesh.unpacked import DRACO, Binary, glb, unpacked

MESHOPT = "EXT_meshopt_compression"
DRACO_BITS, DRACO_NORMAL_BITS, DRACO_UV_BITS, DRACO_LEVEL = 16, 10, 14, 7
DRACO_NAMES = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2, "TEXCOORD_0": 3}  # Source: Draco, GeometryAttribute::Type
Part = dict[str, Any]  # a primitive of a mesh, as the description has it
Grid = tuple[NDArray[np.float64], float]  # lower corner and largest extent, in the mesh's own units
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963


def packed(data: bytes, compression: Compression) -> bytes:
    """Raises: ModelInvalid; ExportFailed when the library is not installed."""
    if compression is Compression.NONE:
        return data
    file = _File(data)
    if compression is Compression.DRACO:
        return file.drawn_together(_fits_draco, _draco)
    return file.drawn_together(_fits_meshopt, _meshopt)


class _File:
    """A GLB taken apart, and what was packed of it so far.

    Attributes:
        done: lists that are packed and need no place of their own.
        kept: lists that a part uses which is not packed.
        unpacked_bytes: what a reader needs room for.
    """

    def __init__(self, data: bytes) -> None:
        self.parts = unpacked(data)
        self.gltf = self.parts.gltf
        self.binary = Binary()
        self.done: set[int] = set()
        self.kept: set[int] = set()
        self.unpacked_bytes = 0

    def values(self, index: int) -> NDArray[Any]:
        return self.parts.numbers(index)

    def drawn_together(self, fits: Callable[[_File, Part], bool], pack: Callable[[_File, Part, Grid], None]) -> bytes:
        """Every part that fits is packed; the others stay as they are."""
        meshes = [mesh["primitives"] for mesh in self.gltf.get("meshes", [])]
        fitting = [[part for part in mesh if _is_plain(part) and fits(self, part)] for mesh in meshes]
        for mesh, chosen in zip(meshes, fitting, strict=True):
            self.kept |= {index for part in mesh if part not in chosen for index in _lists_of(part)}
        for chosen, grid in zip(fitting, self._grids(fitting), strict=True):
            for part in chosen:
                pack(self, part, grid)
        self.parts.put_rest(self.binary, done=self.done)
        self.gltf["bufferViews"] = self.binary.views
        size_bytes = len(self.binary.blob)
        buffers: list[dict[str, Any]] = [{"byteLength": size_bytes + -size_bytes % 4}]
        if self.unpacked_bytes:
            buffers.append({"byteLength": self.unpacked_bytes, "extensions": {MESHOPT: {"fallback": True}}})
        self.gltf["buffers"] = buffers
        return glb(self.gltf, bytes(self.binary.blob))

    def _grids(self, fitting: list[list[Part]]) -> list[Grid]:
        """For each mesh a grid, the same for those that stand in the same places: what touches there still does."""
        stands: dict[int, list[bytes]] = {}
        nodes = self.gltf.get("nodes", [])
        for node, place in zip(nodes, places_of(nodes), strict=True):
            if "mesh" in node:
                stands.setdefault(node["mesh"], []).append(place.tobytes())
        fellows: dict[tuple[bytes, ...], set[int]] = {}  # lists of points, by where their meshes stand
        where = [tuple(stands.get(mesh, ())) for mesh in range(len(fitting))]
        for mesh, parts in enumerate(fitting):
            fellows.setdefault(where[mesh], set()).update(part["attributes"]["POSITION"] for part in parts)
        grids = {place: _grid([self.values(index) for index in lists]) for place, lists in fellows.items()}
        return [grids[place] for place in where]

    def own(self, index: int) -> int:
        """A list that this part alone will have: the old one for the first who asks, then copies of what it says."""
        if index not in self.done and index not in self.kept:
            self.done.add(index)
            return index
        self.gltf["accessors"].append(dict(self.gltf["accessors"][index]))
        self.parts.lists.append(None)
        return len(self.parts.lists) - 1

    def require(self, extension: str) -> None:
        for name in ("extensionsUsed", "extensionsRequired"):
            self.gltf[name] = sorted({*self.gltf.get(name, []), extension})


def _grid(points: list[NDArray[Any]]) -> Grid:
    if not points:
        return np.zeros(3), 1.0
    lowest = np.min([each.min(axis=0) for each in points], axis=0).astype(np.float64)
    highest = np.max([each.max(axis=0) for each in points], axis=0).astype(np.float64)
    return lowest, float((highest - lowest).max()) or 1.0


def _is_plain(part: Part) -> bool:
    return part.get("mode", TRIANGLES) == TRIANGLES and "indices" in part and "targets" not in part


def _lists_of(part: Part) -> set[int]:
    morphs = {index for target in part.get("targets", []) for index in target.values()}
    return {*part["attributes"].values(), *([part["indices"]] if "indices" in part else []), *morphs}


def _fits_draco(file: _File, part: Part) -> bool:
    """Not what Draco would lose: skins, second textures, tangents, colours."""
    return set(part["attributes"]) <= set(DRACO_NAMES) - {"COLOR_0"}


def _draco(file: _File, part: Part, grid: Grid) -> None:
    attributes, accessors = part["attributes"], file.gltf["accessors"]
    used, compact = np.unique(file.values(part["indices"]), return_inverse=True)
    given = {name: file.values(index)[used].astype(np.float64) for name, index in attributes.items()}
    raw = DracoPy.encode(
        given["POSITION"],
        compact.reshape(-1, 3).astype(np.uint32),
        quantization_bits=DRACO_BITS,
        quantization_range=grid[1],
        quantization_origin=grid[0],
        compression_level=DRACO_LEVEL,
        normals=given.get("NORMAL"),
        tex_coord=given.get("TEXCOORD_0"),
        normal_quantization_bits=DRACO_NORMAL_BITS,
        tex_coord_quantization_bits=DRACO_UV_BITS,
    )
    again = DracoPy.decode(raw)
    numbers = {each["attribute_type"]: each["unique_id"] for each in again.attributes}
    part["attributes"] = {name: file.own(index) for name, index in attributes.items()}
    part["indices"] = file.own(part["indices"])
    for index in part["attributes"].values():
        accessors[index]["count"] = len(again.points)
    low, high = np.asarray(again.points).min(axis=0), np.asarray(again.points).max(axis=0)
    accessors[part["attributes"]["POSITION"]] |= {"min": low.astype(float).tolist(), "max": high.astype(float).tolist()}
    accessors[part["indices"]] |= {"count": len(again.faces) * 3, "componentType": 5125}
    for name in ("min", "max"):
        accessors[part["indices"]].pop(name, None)
    part.setdefault("extensions", {})[DRACO] = {
        "bufferView": file.binary.put(raw),
        "attributes": {name: numbers[DRACO_NAMES[name]] for name in attributes},
    }
    file.require(DRACO)


def _fits_meshopt(file: _File, part: Part) -> bool:
    """Rows of whole fours of bytes, as the codec needs them."""
    return not any(file.values(index).strides[0] % 4 for index in part["attributes"].values())


def _meshopt(file: _File, part: Part, grid: Grid) -> None:
    """Lossless: the same numbers in fewer bytes. Lists that parts share are packed once."""
    try:
        import meshoptimizer
    except ImportError as exc:
        raise ExportFailed("This server does not pack with Meshopt.") from exc
    accessors = file.gltf["accessors"]
    points = len(file.values(part["attributes"]["POSITION"]))
    for index in set(part["attributes"].values()) - file.done:
        values = file.values(index)
        stride = values.strides[0]
        raw = meshoptimizer.encode_vertex_buffer(values, len(values), stride)
        accessors[index]["bufferView"] = _view(file, bytes(raw), len(values), stride, "ATTRIBUTES")
        file.done.add(index)
    if part["indices"] not in file.done:
        indices = file.values(part["indices"]).ravel().astype(np.uint32)
        raw = meshoptimizer.encode_index_buffer(indices, len(indices), points)
        accessors[part["indices"]] |= {"componentType": 5125}
        accessors[part["indices"]]["bufferView"] = _view(file, bytes(raw), len(indices), 4, "TRIANGLES")
        file.done.add(part["indices"])
    file.require(MESHOPT)


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
