"""A GLB decoded into plain arrays: what is measured, drawn and exported. For the child process."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image

from core.domain.errors import ModelInvalid
from core.mesh.glb import read_document
from core.mesh.header import read_header
from core.mesh.pose import needs_posing, pose
from core.mesh.texture_coordinates import bake, needs_baking
from core.mesh.unpacked import is_packed, unpacked

log = logging.getLogger(__name__)
MOST_FACES = 6_000_000  # what the child's memory allows
MOST_PARTS = 3000  # each takes a millisecond
MOST_TEXTURE_PX = 8192  # a side; larger ones are left out of pictures and exports


@dataclass(frozen=True, slots=True)
class Material:
    """What a surface looks like.

    Attributes:
        picture: (h, w, 3 or 4) uint8, sRGB, or None.
        colour: (4,) factor on it, linear, 0 to 1.
        source: trimesh's own material, with what else there is, or None.
    """

    picture: NDArray[np.uint8] | None
    colour: NDArray[np.float64]
    source: Any = None


@dataclass(frozen=True, slots=True)
class Surface:
    """All that a scene shows, in one piece and in place.

    Attributes:
        vertices: (n, 3) float32, metres, Y up.
        faces: (m, 3) int64.
        normals: (n, 3) float32, unit length.
        uv: (n, 2) float32, origin at the lower left as trimesh has it.
        material_of: (m,) int32, index into `materials`.
        colours: (n, 4) uint8, of vertices, or None.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    material_of: NDArray[np.int32]
    materials: tuple[Material, ...]
    colours: NDArray[np.uint8] | None


def read_scene(data: bytes) -> trimesh.Scene:
    """Checked by its header first, then read from memory alone: no address is ever followed.

    Raises: ModelInvalid, with a sentence.
    """
    facts = read_header(data)
    if facts.face_count > MOST_FACES:
        raise ModelInvalid(f"The model has {facts.face_count:,} faces, more than can be looked at here.")
    if facts.placed_count > MOST_PARTS:
        raise ModelInvalid(f"The model has {facts.placed_count:,} parts, more than can be looked at here.")
    plain = _plain(data)
    try:
        scene = trimesh.load_scene(io.BytesIO(plain), file_type="glb", process=False, skip_materials=False)
    except MemoryError:
        raise
    except Exception as exc:  # the edge to a reader of files from anywhere
        log.warning("trimesh could not read it: %s: %s", type(exc).__name__, exc)
        raise ModelInvalid("The geometry inside the model file cannot be read.") from exc
    return scene


def _plain(data: bytes) -> bytes:
    """What trimesh would read wrongly said in a way it knows; a file that has nothing of the kind as it is."""
    try:
        gltf = read_document(data).json
        if not (is_packed(gltf) or needs_baking(gltf) or needs_posing(gltf)):
            return data
        file = unpacked(data)
        bake(file)
        pose(file)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as exc:
        raise ModelInvalid("The model file contradicts itself, so it cannot be shown.") from exc
    return file.written()


def read_surface(data: bytes) -> Surface:
    """Raises: ModelInvalid, with a sentence."""
    return flattened(read_scene(data))


def flattened(scene: trimesh.Scene) -> Surface:
    """Every mesh of a scene in its place. Raises: ModelInvalid when there is none, or numbers are no numbers."""
    parts: list[_Part] = []
    materials: list[Material] = []
    known: dict[int, int] = {}
    for node in scene.graph.nodes_geometry:
        matrix, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue
        source = getattr(mesh.visual, "material", None)
        key = id(source) if source is not None else -1
        if key not in known:
            known[key] = len(materials)
            materials.append(_material(source))
        parts.append(_part(mesh, np.asarray(matrix, float), known[key]))
    if not parts:
        raise ModelInvalid("The model file has no surface in it.")
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    surface = Surface(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)]),
        normals=np.concatenate([part.normals for part in parts]),
        uv=np.concatenate([part.uv for part in parts]),
        material_of=np.concatenate([np.full(len(part.faces), part.material, np.int32) for part in parts]),
        materials=tuple(materials),
        colours=_colours(parts),
    )
    if not np.isfinite(surface.vertices).all():
        raise ModelInvalid("The model file has places in it that are no numbers, so it cannot be shown.")
    if surface.faces.min() < 0 or surface.faces.max() >= len(surface.vertices):
        raise ModelInvalid("The model file contradicts itself: faces name points that are not there.")
    return surface


@dataclass(frozen=True, slots=True)
class _Part:
    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    colours: NDArray[np.uint8] | None
    material: int


def _part(mesh: trimesh.Trimesh, matrix: NDArray[np.float64], material: int) -> _Part:
    faces = np.asarray(mesh.faces, np.int64)
    if faces.min() < 0 or faces.max() >= len(mesh.vertices):
        raise ModelInvalid("The model file contradicts itself: faces name points that are not there.")
    vertices = np.asarray(mesh.vertices, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    if np.linalg.det(matrix[:3, :3]) < 0:
        faces = faces[:, ::-1]  # a mirrored part keeps its outside outside
    count = len(vertices)
    uv = getattr(mesh.visual, "uv", None)
    colours = _given_colours(mesh)
    part = _Part(
        vertices=vertices.astype(np.float32),
        faces=faces,
        normals=_normals(mesh, vertices, faces, matrix),
        uv=np.zeros((count, 2), np.float32) if uv is None or len(uv) != count else _finite(np.asarray(uv, np.float32)),
        colours=None if colours is None or len(colours) != count else np.asarray(colours, np.uint8),
        material=material,
    )
    return _without_others(part)


def _without_others(part: _Part) -> _Part:
    """Without the points that only other parts use: parts of one mesh often share one list."""
    is_used = np.zeros(len(part.vertices), bool)
    is_used[part.faces] = True
    if is_used.all():
        return part
    return _Part(
        vertices=part.vertices[is_used],
        faces=(np.cumsum(is_used) - 1)[part.faces],
        normals=part.normals[is_used],
        uv=part.uv[is_used],
        colours=None if part.colours is None else part.colours[is_used],
        material=part.material,
    )


def _given_colours(mesh: trimesh.Trimesh) -> Any:
    """Of points; beside a material trimesh keeps them as a mere attribute."""
    if getattr(mesh.visual, "kind", None) == "vertex":
        return getattr(mesh.visual, "vertex_colors", None)
    given = getattr(mesh.visual, "vertex_attributes", {}).get("color")
    return None if given is None else trimesh.visual.color.to_rgba(given)


def _normals(
    mesh: trimesh.Trimesh, vertices: NDArray[np.float64], faces: NDArray[np.int64], matrix: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Those of the file, turned with their part; where there are none, the mean of the faces around a point."""
    given = mesh._cache.cache.get("vertex_normals") if hasattr(mesh, "_cache") else None
    if given is not None and len(given) == len(vertices):
        turned = np.asarray(given, np.float64) @ np.linalg.pinv(matrix[:3, :3])
    else:
        corner = vertices[faces]
        crosses = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        turned = np.stack(
            [sum(np.bincount(faces[:, k], crosses[:, axis], len(vertices)) for k in range(3)) for axis in range(3)],
            axis=1,
        )
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    unit = np.divide(turned, length, out=np.tile([0.0, 1.0, 0.0], (len(turned), 1)), where=length > 1e-30)
    return _finite(unit.astype(np.float32))


def _finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _colours(parts: list[_Part]) -> NDArray[np.uint8] | None:
    if all(part.colours is None for part in parts):
        return None
    white = np.array([255, 255, 255, 255], np.uint8)
    return np.concatenate(
        [np.tile(white, (len(part.vertices), 1)) if part.colours is None else part.colours for part in parts]
    )


def _material(source: Any) -> Material:
    colour = np.array([0.8, 0.8, 0.8, 1.0])
    if source is None:
        return Material(picture=None, colour=colour)
    factor = getattr(source, "baseColorFactor", None)
    if factor is not None:
        values = np.asarray(factor, float)
        values = values / 255 if values.max() > 1 else values
        colour = np.ones(4)
        colour[: len(values)] = np.clip(values, 0, 1)
    picture = _picture(getattr(source, "baseColorTexture", None))
    if picture is not None and factor is None:
        colour = np.ones(4)
    return Material(picture=picture, colour=colour, source=source)


def _picture(image: Any) -> NDArray[np.uint8] | None:
    """The texture's pixels; None when there is none, or it is too large or broken to be drawn."""
    if image is None:
        return None
    try:
        if max(image.size) > MOST_TEXTURE_PX:
            return None
        return np.asarray(image.convert("RGBA" if "A" in image.getbands() else "RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        log.warning("a texture could not be read: %s", exc)
        return None
