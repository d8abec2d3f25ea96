"""Fewer faces, with the look kept. For the child process."""

from __future__ import annotations

from dataclasses import replace

import fast_simplification
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from core.mesh.shape import merged
from core.mesh.surface import Surface

CANDIDATES = 6  # faces of the old surface that a new one may take its look from


def simplified(surface: Surface, faces: int) -> Surface:
    """At most `faces` triangles. A closed surface stays closed: texture seams are joined before, and cut again after.

    Each new face takes texture, colour and normals from the face of the old surface that lies nearest and looks the
    same way.
    """
    if len(surface.faces) <= faces:
        return surface
    points, joined = merged(surface.vertices, surface.faces)
    is_face = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 2] != joined[:, 0])
    places, corners = points.astype(np.float32), joined[is_face].astype(np.int32)
    for _ in range(8):  # it may stop above the count; each round begins with what is left
        places, corners = fast_simplification.simplify(places, corners, target_count=faces, agg=7)
        if len(corners) <= faces:
            break
    return _dressed(surface, np.asarray(places, np.float32), np.asarray(corners, np.int64))


def _dressed(old: Surface, points: NDArray[np.float32], corners: NDArray[np.int64]) -> Surface:
    source = _sources(old, points, corners)
    old_corners = old.faces[source]
    weights = _weights(points[corners], old.vertices[old_corners])
    uv = np.einsum("fck,fkd->fcd", weights, old.uv[old_corners]).astype(np.float32)
    normals = np.einsum("fck,fkd->fcd", np.clip(weights, 0, 1), old.normals[old_corners])
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    unit = np.divide(normals, length, out=np.zeros_like(normals), where=length > 1e-12)
    # corners that agree in place and texture are one point again
    rows = np.concatenate(
        [corners.reshape(-1, 1).astype(np.float64), np.round(uv.reshape(-1, 2).astype(np.float64), 4)], axis=1
    )
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    number = number.ravel()
    summed = np.stack([np.bincount(number, unit.reshape(-1, 3)[:, axis], len(first)) for axis in range(3)], axis=1)
    summed = summed / (np.linalg.norm(summed, axis=1, keepdims=True) + 1e-30)
    colours = None
    if old.colours is not None:
        mixed = np.einsum("fck,fkd->fcd", np.clip(weights, 0, 1), old.colours[old_corners].astype(float))
        colours = np.clip(mixed.reshape(-1, 4)[first], 0, 255).astype(np.uint8)
    return replace(
        old,
        vertices=points[corners.ravel()[first]],
        faces=number.reshape(-1, 3).astype(np.int64),
        normals=summed.astype(np.float32),
        uv=uv.reshape(-1, 2)[first],
        material_of=old.material_of[source],
        colours=colours,
    )


def _sources(old: Surface, points: NDArray[np.float32], corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each new face the old one it looks like, as (m,)."""
    middles, old_middles = points[corners].mean(axis=1), old.vertices[old.faces].mean(axis=1)
    normals, old_normals = _face_normals(points[corners]), _face_normals(old.vertices[old.faces])
    count = min(CANDIDATES, len(old_middles))
    distances, near = cKDTree(old_middles).query(middles, k=count, workers=2)
    distances, near = distances.reshape(len(middles), count), near.reshape(len(middles), count)
    agreement = np.einsum("fd,fcd->fc", normals, old_normals[near])
    scale = np.median(distances[:, 0]) + 1e-12
    best = np.argmin(distances / scale + 4 * (1 - agreement), axis=1)
    chosen: NDArray[np.int64] = near[np.arange(len(near)), best].astype(np.int64)
    return chosen


def _face_normals(triangles: NDArray[np.float32]) -> NDArray[np.float64]:
    crosses = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]).astype(np.float64)
    unit: NDArray[np.float64] = crosses / (np.linalg.norm(crosses, axis=1, keepdims=True) + 1e-30)
    return unit


def _weights(triangles: NDArray[np.float32], old: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where the three corners of new faces lie in the planes of old ones: (m, corner, 3), sums to one."""
    origin = old[:, 0].astype(np.float64)
    u, v = old[:, 1] - origin, old[:, 2] - origin
    away = triangles.astype(np.float64) - origin[:, None]
    uu, uv, vv = (np.einsum("fd,fd->f", a, b)[:, None] for a, b in ((u, u), (u, v), (v, v)))
    au, av = np.einsum("fcd,fd->fc", away, u), np.einsum("fcd,fd->fc", away, v)
    determinant = uu * vv - uv * uv
    safe = np.abs(determinant) > 1e-20
    w1 = np.divide(vv * au - uv * av, determinant, out=np.full_like(au, 1 / 3), where=safe)
    w2 = np.divide(uu * av - uv * au, determinant, out=np.full_like(au, 1 / 3), where=safe)
    # a far corner is not sent across the whole texture
    weights: NDArray[np.float64] = np.clip(np.stack([1 - w1 - w2, w1, w2], axis=2), -8, 9)
    return weights
