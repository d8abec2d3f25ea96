"""A textured mesh, and its normals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """One closed surface with one picture on it.

    Attributes:
        vertices: (n, 3) float32, Y up, Z towards the viewer; the longest side is 1, the centre at 0.
        faces: (m, 3) uint32, counter-clockwise from outside.
        uv: (n, 2) float32, glTF's convention: (0, 0) is the picture's upper left corner.
        normals: (n, 3) float32, unit length.
        texture: (h, w, 3) uint8.
        kind: "solid", "relief", "lithophane" or "coin".
    """

    vertices: NDArray[Any]
    faces: NDArray[Any]
    uv: NDArray[Any]
    normals: NDArray[Any]
    texture: NDArray[Any]
    kind: str


def finished(
    vertices: NDArray[Any],
    faces: NDArray[Any],
    uv: NDArray[Any],
    texture: NDArray[Any],
    *,
    kind: str,
    has_sharp_edges: bool,
) -> Mesh:
    """Centred, scaled to a longest side of 1, with normals; with sharp edges, equal places keep their own normals."""
    centred = (vertices - (vertices.max(0) + vertices.min(0)) / 2) / np.ptp(vertices, axis=0).max()
    normals = vertex_normals(centred, faces)
    if not has_sharp_edges:
        normals = _welded(centred, normals)
    return Mesh(
        vertices=centred.astype(np.float32),
        faces=faces.astype(np.uint32),
        uv=uv.astype(np.float32),
        normals=normals.astype(np.float32),
        texture=texture,
        kind=kind,
    )


def at_height(mesh: Mesh, height_m: float) -> Mesh:
    """The same model, as high as the real object; its lowest and highest points are exactly `height_m` apart."""
    vertices = mesh.vertices.astype(np.float64)
    vertices *= height_m / np.ptp(vertices[:, 1])
    return replace(mesh, vertices=vertices.astype(np.float32))


def vertex_normals(vertices: NDArray[Any], faces: NDArray[Any]) -> NDArray[Any]:
    """(n, 3): mean of the faces' normals, weighted by the angle at the vertex."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    face_normals = _unit(np.cross(b - a, c - a))
    out = np.zeros_like(vertices)
    for corner in range(3):
        one = _unit(vertices[faces[:, (corner + 1) % 3]] - vertices[faces[:, corner]])
        other = _unit(vertices[faces[:, (corner + 2) % 3]] - vertices[faces[:, corner]])
        angle = np.arccos(np.clip((one * other).sum(1), -1, 1))
        for axis in range(3):
            weights = face_normals[:, axis] * angle
            out[:, axis] += np.bincount(faces[:, corner], weights, len(vertices))
    unit = _unit(out)
    unit[np.linalg.norm(unit, axis=1) < 0.5] = (0.0, 0.0, 1.0)  # opposite faces cancelled: any direction is as good
    return unit


def _welded(vertices: NDArray[Any], normals: NDArray[Any]) -> NDArray[Any]:
    """Vertices at one place, on both sides of a texture's seam, share their normal: no seam is seen in the light."""
    _, place = np.unique(np.round(vertices, 7), axis=0, return_inverse=True)
    place = place.ravel()
    total = np.column_stack([np.bincount(place, normals[:, axis]) for axis in range(3)])
    unit = _unit(total)
    unit[np.linalg.norm(unit, axis=1) < 0.5] = (0.0, 0.0, 1.0)
    return np.asarray(unit[place])


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-30))
