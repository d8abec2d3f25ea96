"""What the tests ask of every model: one closed body, right way round."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from core.generators.offline.mesh import Mesh


def body(mesh: Mesh) -> trimesh.Trimesh:
    """The surface without its texture's seams."""
    return welded(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))


def body_of(glb: bytes) -> trimesh.Trimesh:
    scene = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False)
    (mesh,) = scene.geometry.values()
    return welded(mesh)


def welded(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def assert_is_closed(shape: trimesh.Trimesh) -> None:
    assert shape.is_watertight
    assert shape.is_winding_consistent
    assert shape.volume > 0
    assert shape.area_faces.min() > 1e-13
    assert np.isfinite(shape.vertices).all()


def document(glb: bytes) -> dict[str, Any]:
    """The JSON part of a GLB."""
    (length,) = struct.unpack_from("<I", glb, 12)
    parsed: dict[str, Any] = json.loads(glb[20 : 20 + length])
    return parsed


def disc(side_px: int = 200, radius: float = 0.35, centre: tuple[float, float] = (0.5, 0.5)) -> NDArray[Any]:
    """A round mask, (side, side) float32 with a soft edge one pixel wide; radius and centre as shares of the side."""
    y, x = np.mgrid[0:side_px, 0:side_px] + 0.5
    distance = np.hypot(x - centre[0] * side_px, y - centre[1] * side_px)
    return np.clip(radius * side_px - distance + 0.5, 0, 1).astype(np.float32)


def plain(mask: NDArray[Any], colour: tuple[int, int, int] = (180, 60, 40), page: int = 255) -> NDArray[Any]:
    """A picture of one colour where the mask is, on a plain page."""
    weight = mask[..., None]
    return (np.array(colour) * weight + page * (1 - weight)).astype(np.uint8)
