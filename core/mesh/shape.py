"""A model's geometry measured: closed or not, how much of it, how many parts. For the child process."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from core.domain.mesh_report import ShapeFacts

MOST_RAYS = 1500
THIN = 0.01  # of the largest extent: 1 mm on a print of 10 cm
SAME = 1e-6  # of the largest extent: closer points are one
FLAT = 0.004  # of the height: what a first layer evens out
Vertices = NDArray[np.float64]  # (n, 3), metres
Faces = NDArray[np.int64]  # (m, 3), indices of vertices


def measure(vertices: NDArray[Any], faces: NDArray[Any]) -> ShapeFacts:
    """Figures of one surface; vertices of the same place are taken as one, whatever seams its texture has.

    Args:
        vertices: (n, 3), metres; faces: (m, 3). Both finite and in range.
    """
    points, joined = merged(vertices, faces)
    is_flat_face = (joined[:, 0] == joined[:, 1]) | (joined[:, 1] == joined[:, 2]) | (joined[:, 2] == joined[:, 0])
    solid = joined[~is_flat_face]
    crosses = np.cross(points[solid[:, 1]] - points[solid[:, 0]], points[solid[:, 2]] - points[solid[:, 0]])
    areas = np.linalg.norm(crosses, axis=1) / 2
    duplicates = _duplicates(solid)
    is_closed, is_consistent = _edges(solid, len(points))
    volume = float(np.einsum("ij,ij->i", points[solid[:, 0]], crosses).sum() / 6)
    low, high = points.min(axis=0), points.max(axis=0)
    extents = high - low
    return ShapeFacts(
        merged_vertex_count=len(points),
        is_watertight=is_closed,
        has_consistent_winding=is_consistent,
        volume_m3=volume if is_closed and is_consistent else None,
        area_m2=float(areas.sum()),
        body_count=_bodies(solid, len(points)),
        degenerate_count=int(is_flat_face.sum() + (areas <= 1e-12 * max(float(extents.max()), 1e-12) ** 2).sum()),
        duplicate_count=duplicates,
        base_share=_base_share(points, solid, crosses),
        thin_share=_thin_share(points, solid, areas) if is_closed and is_consistent and volume > 0 else None,
        centre_m=_triple((low + high) / 2),
        extents_m=_triple(extents),
    )


def merged(vertices: NDArray[Any], faces: NDArray[Any]) -> tuple[Vertices, Faces]:
    """Points of the same place as one, and only those that a face uses."""
    points = np.asarray(vertices, np.float32)
    grid = SAME * max(float(np.ptp(points, axis=0).max()), 1e-30)
    places = np.round((points - points.min(axis=0)) / grid).astype(np.int64)
    key = (places[:, 0] << 42) | (places[:, 1] << 21) | places[:, 2]  # each has at most a million steps
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    used = number.ravel()[faces]
    present = np.zeros(len(first), bool)
    present[used.ravel()] = True  # points of no face are not part of the surface
    compact = np.cumsum(present) - 1
    return points[first[present]].astype(np.float64), compact[used]


def closedness(vertices: NDArray[Any], faces: NDArray[Any]) -> tuple[bool, tuple[float, float, float]]:
    """Whether a surface is closed, and its extents: the two figures that a copy must share."""
    points, joined = merged(vertices, faces)
    is_line = (joined[:, 0] == joined[:, 1]) | (joined[:, 1] == joined[:, 2]) | (joined[:, 2] == joined[:, 0])
    return _edges(joined[~is_line], len(points))[0], _triple(np.ptp(points, axis=0))


def _edges(faces: Faces, count: int) -> tuple[bool, bool]:
    """Whether each edge is met once in each direction (closed), and none twice in the same (consistent)."""
    if not len(faces):
        return False, False
    begins, ends = faces.T.ravel(), np.roll(faces, -1, axis=1).T.ravel()
    there = np.sort(begins * count + ends)
    back = np.sort(ends * count + begins)
    is_consistent = bool((there[1:] != there[:-1]).all())
    if bool((there == back).all()):
        return True, is_consistent
    both = np.sort(np.minimum(begins, ends) * count + np.maximum(begins, ends))
    counts = np.diff(np.flatnonzero(np.r_[True, both[1:] != both[:-1], True]))
    return bool((counts == 2).all()), is_consistent


def _duplicates(faces: Faces) -> int:
    if not len(faces):
        return 0
    corners = np.sort(faces, axis=1)
    order = np.lexsort(corners.T)
    return int((corners[order][1:] == corners[order][:-1]).all(axis=1).sum())


def _bodies(faces: Faces, count: int) -> int:
    if not len(faces):
        return 0
    begins, ends = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    graph = coo_matrix((np.ones(len(begins), np.int8), (begins, ends)), shape=(count, count))
    found, labels = connected_components(graph, directed=False)
    return len(np.unique(labels[faces[:, 0]])) if found > 1 else int(found)


def _base_share(points: Vertices, faces: Faces, crosses: NDArray[np.float64]) -> float:
    """Flat ground under the model, as a part of what it covers seen from above."""
    height = float(np.ptp(points[:, 1])) or 1.0
    floor = points[:, 1].min() + FLAT * height
    lies = (points[faces][:, :, 1] <= floor).all(axis=1)
    covered = np.clip(crosses[:, 1], 0, None).sum() / 2
    return float(min(1.0, np.abs(crosses[lies, 1]).sum() / 2 / covered)) if covered > 0 else 0.0


def _thin_share(points: Vertices, faces: Faces, areas: NDArray[np.float64]) -> float | None:
    """How much of the surface has its other side close behind it, from rays cast inward at random places.

    The far side is looked for among a sample of points of the surface whose normals look the other way.
    """
    total = areas.sum()
    if total <= 0:
        return None
    luck = np.random.default_rng(1)
    chosen = luck.choice(len(faces), size=20 * MOST_RAYS, p=areas / total)
    weights = luck.dirichlet((1, 1, 1), size=len(chosen))
    places = np.einsum("ij,ijk->ik", weights, points[faces[chosen]])
    corner = points[faces[chosen]]
    normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-300
    limit = THIN * float(np.ptp(points, axis=0).max())
    near = cKDTree(places).query_ball_point(places[:MOST_RAYS], limit)
    thin = 0
    for index, others in enumerate(near):
        found = np.array(others)
        across = (normals[found] @ normals[index]) < -0.5
        behind = np.einsum("ij,j->i", places[found] - places[index], normals[index]) < 0
        thin += bool((across & behind).any())
    return thin / MOST_RAYS


def _triple(values: NDArray[Any]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
