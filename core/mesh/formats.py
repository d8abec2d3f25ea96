"""A surface written as other files, and each file read again before anybody gets it. For the child process."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import trimesh
from trimesh.exchange.obj import export_obj

from core.domain.errors import ExportFailed
from core.domain.export import FORMATS, PRINTED, Compression, ExportFacts, ExportOrder, Format
from core.mesh.glb_writing import write_glb
from core.mesh.packing import packed
from core.mesh.parts import parts
from core.mesh.shape import closedness, merged
from core.mesh.simplify import simplified
from core.mesh.surface import Surface, read_surface
from core.mesh.usdz import read_usdz, write_usdz

MOST_OFF = 0.01  # of the largest extent; quantized files are off a little
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])


def exported(data: bytes, order: ExportOrder, *, name: str) -> tuple[bytes, ExportFacts]:
    """A GLB as another file.

    Args:
        name: of the object; plain letters, used inside the file.
    Raises: ModelInvalid, ExportFailed, with a sentence.
    """
    surface = read_surface(data)
    whole_faces = len(surface.faces)
    if float(np.ptp(surface.vertices, axis=0).max()) <= 0:
        raise ExportFailed("All points of this model lie in one place, so there is nothing to convert.")
    if order.faces is not None:
        surface = simplified(surface, order.faces)
    written = _written(surface, order, name, data, whole_faces)
    facts = _checked(written, surface, order)
    return written, facts


def _written(surface: Surface, order: ExportOrder, name: str, data: bytes, whole_faces: int) -> bytes:
    match order.format:
        case Format.GLB:
            # with all its faces it keeps whatever the original has: animations, skins, every kind of texture
            is_whole = order.faces is None or order.faces >= whole_faces
            return packed(data if is_whole else write_glb(surface, name=name), order.compression)
        case Format.OBJ:
            return _obj(surface, name)
        case Format.STL:
            return _bytes(_printable(surface, order.height_mm), "stl")
        case Format.PLY:
            return _bytes(_coloured(surface), "ply")
        case Format.THREE_MF:
            return _bytes(_printable(surface, order.height_mm), "3mf")
        case Format.USDZ:
            return write_usdz(surface, name=name)


def _bytes(mesh: trimesh.Trimesh, kind: str) -> bytes:
    written = mesh.export(file_type=kind)
    return written.encode() if isinstance(written, str) else bytes(written)


def _printable(surface: Surface, height_mm: float) -> trimesh.Trimesh:
    """Millimetres, Z up, in the middle of the plate, standing on it; seams joined, so that a solid is one."""
    points, faces = merged(surface.vertices, surface.faces)
    points = points @ Z_UP.T
    height = float(np.ptp(points[:, 2])) or float(np.ptp(points, axis=0).max()) or 1.0
    points = points * (height_mm / height)
    low, high = points.min(axis=0), points.max(axis=0)
    points -= [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    mesh = trimesh.Trimesh(points, faces, process=False)
    mesh.units = "millimeter"
    return mesh


def _coloured(surface: Surface) -> trimesh.Trimesh:
    """With the texture's colour at each point."""
    colours = np.full((len(surface.vertices), 4), 255, np.uint8) if surface.colours is None else surface.colours.copy()
    for number, material in enumerate(surface.materials):
        mine = np.unique(surface.faces[surface.material_of == number])
        tint = material.colour[None, :3] ** (1 / 2.2)
        if material.picture is not None:
            height, width = material.picture.shape[:2]
            row = np.clip(((1 - surface.uv[mine, 1]) % 1 * height).astype(int), 0, height - 1)
            column = np.clip((surface.uv[mine, 0] % 1 * width).astype(int), 0, width - 1)
            tint = tint * (material.picture[row, column, :3] / 255)
        colours[mine, :3] = np.clip(colours[mine, :3] * tint, 0, 255).astype(np.uint8)
    return trimesh.Trimesh(
        surface.vertices, surface.faces, vertex_colors=colours, vertex_normals=surface.normals, process=False
    )


def _obj(surface: Surface, name: str) -> bytes:
    """A zip of the geometry, its materials and its textures, one part for each material."""
    scene = trimesh.Scene(parts(surface, simple=True))
    text, files = export_obj(scene, include_texture=True, return_texture=True, mtl_name=f"{name}.mtl")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        archive.writestr(f"{name}.obj", text)
        for file_name, content in files.items():
            archive.writestr(file_name, content)
    return out.getvalue()


# -- reading again


def _checked(written: bytes, surface: Surface, order: ExportOrder) -> ExportFacts:
    """Raises: ExportFailed when the file does not hold what went into it."""
    label = FORMATS[order.format].label
    try:
        vertices, faces = _read(written, order)
    except Exception as exc:
        raise ExportFailed(
            f"The {label} file could not be read again after it was made, so it is not offered."
        ) from exc
    was_closed, extents = closedness(surface.vertices, surface.faces)
    is_closed, after = closedness(vertices, faces)
    expected = np.array(extents)
    if order.format in PRINTED:
        expected = expected[[0, 2, 1]] * (order.height_mm / (extents[1] or max(extents)))
    wrong = (
        not _least_faces(surface, order) <= len(faces) <= len(surface.faces)
        or np.abs(np.array(after) - expected).max() > MOST_OFF * max(expected.max(), 1e-12)
        or (was_closed and not is_closed and order.compression is Compression.NONE)
    )
    if wrong:
        raise ExportFailed(f"The {label} file did not hold the whole model when it was read again; it is not offered.")
    return ExportFacts(
        size_bytes=len(written),
        face_count=len(faces),
        is_watertight=is_closed,
        extents=after,
    )


def _least_faces(surface: Surface, order: ExportOrder) -> int:
    """Draco leaves out faces whose corners lie in one place or in two; nothing of them can be seen."""
    if order.compression is not Compression.DRACO:
        return len(surface.faces)
    _, joined = merged(surface.vertices, surface.faces)
    is_face = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 2] != joined[:, 0])
    return int(is_face.sum())


def _read(written: bytes, order: ExportOrder) -> tuple[Any, Any]:
    match order.format:
        case Format.GLB:
            again = read_surface(written)
            return again.vertices, again.faces
        case Format.USDZ:
            return read_usdz(written)
        case Format.OBJ:
            with zipfile.ZipFile(io.BytesIO(written)) as archive:
                text = next(archive.read(each) for each in archive.namelist() if each.endswith(".obj"))
            loaded = trimesh.load_mesh(io.BytesIO(text), file_type="obj", process=False, skip_materials=True)
        case _:
            loaded = trimesh.load_mesh(io.BytesIO(written), file_type=order.format.value, process=False)
    return np.asarray(loaded.vertices), np.asarray(loaded.faces)
