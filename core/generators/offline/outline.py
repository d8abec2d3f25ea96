"""From a mask to a flat triangle mesh with a smooth outline."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Points = NDArray[Any]
Triangles = NDArray[Any]
Edges = NDArray[Any]
CORNER_BITS = (1, 2, 4, 8)


def grid_mesh(field: NDArray[Any]) -> tuple[Points, Triangles]:
    """Marching squares.

    Args:
        field: (rows, columns) node values; inside where > 0.

    Returns: points (n, 2) in grid units, x right and y down; triangles (m, 3), counter-clockwise with y up.
        Both are empty when nothing is inside.
    """
    values = field.astype(np.float64)
    inside = values > 0
    node = np.full(values.shape, -1, np.int64)
    node[inside] = np.arange(inside.sum())
    rows, columns = np.nonzero(inside)
    points = [np.column_stack([columns, rows]).astype(float)]
    across, found = _crossings(values[:, :-1], values[:, 1:], 1, 0, len(rows))
    points.append(found)
    down, found = _crossings(values[:-1], values[1:], 0, 1, len(rows) + len(points[1]))
    points.append(found)
    # the eight places of a cell, clockwise on the screen: corner, middle of a side, corner, …
    ring = [
        node[:-1, :-1],
        across[:-1],
        node[:-1, 1:],
        down[:, 1:],
        node[1:, 1:],
        across[1:],
        node[1:, :-1],
        down[:, :-1],
    ]
    corners = (inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1])
    code = np.sum([corner * bit for corner, bit in zip(corners, CORNER_BITS, strict=True)], axis=0)
    middle_is_in = (values[:-1, :-1] + values[:-1, 1:] + values[1:, 1:] + values[1:, :-1]) > 0
    is_even = np.add.outer(np.arange(values.shape[0] - 1), np.arange(values.shape[1] - 1)) % 2 == 0
    triangles: list[Triangles] = []
    for kind in range(1, 16):
        of_kind = np.asarray(code == kind)
        for cells, polygons in _polygons(kind, of_kind, middle_is_in, is_even):
            if cells.any():
                for polygon in polygons:
                    place = [ring[index][cells] for index in polygon]
                    # the ring is clockwise with y up: each fan triangle is turned round
                    triangles += [np.column_stack([place[0], place[k + 1], place[k]]) for k in range(1, len(place) - 1)]
    if not triangles:
        return np.empty((0, 2)), np.empty((0, 3), np.int64)
    return used_only(np.vstack(points), np.vstack(triangles))


def used_only(points: Points, triangles: Triangles) -> tuple[Points, Triangles]:
    """Without the points that no triangle names."""
    used = np.zeros(len(points), bool)
    used[triangles] = True
    return points[used], (np.cumsum(used) - 1)[triangles]


def _crossings(first: Points, second: Points, step_x: int, step_y: int, offset: int) -> tuple[NDArray[Any], Points]:
    """Where the outline crosses the grid's lines: index of each crossing, -1 elsewhere; and the points."""
    crossed = (first > 0) != (second > 0)
    # kept away from both nodes, so that no triangle is a sliver
    part = np.clip(first / np.where(crossed, first - second, 1), 0.15, 0.85)
    rows, columns = np.nonzero(crossed)
    index = np.full(crossed.shape, -1, np.int64)
    index[crossed] = offset + np.arange(len(rows))
    return index, np.column_stack([columns + step_x * part[crossed], rows + step_y * part[crossed]])


def _polygons(
    kind: int, cells: NDArray[Any], middle_is_in: NDArray[Any], is_even: NDArray[Any]
) -> list[tuple[NDArray[Any], list[list[int]]]]:
    """Which polygons cells of one kind hold, as indices into the ring."""
    if kind == 15:  # both diagonals in turn: no grain in the mesh
        return [(cells & ~is_even, [[0, 2, 4, 6]]), (cells & is_even, [[2, 4, 6, 0]])]
    if kind in (5, 10):  # two opposite corners: one piece or two
        joined = [0, 1, 3, 4, 5, 7] if kind == 5 else [1, 2, 3, 5, 6, 7]
        apart = [[0, 1, 7], [4, 5, 3]] if kind == 5 else [[2, 3, 1], [6, 7, 5]]
        return [(cells & middle_is_in, [joined]), (cells & ~middle_is_in, apart)]
    inside = [bool(kind & bit) for bit in CORNER_BITS]
    polygon = []
    for corner in range(4):
        if inside[corner]:
            polygon.append(2 * corner)
        if inside[corner] != inside[(corner + 1) % 4]:
            polygon.append(2 * corner + 1)
    if len(polygon) == 5:  # the fan starts opposite the missing corner: better angles
        start = polygon.index(2 * ((inside.index(False) + 2) % 4))
        polygon = polygon[start:] + polygon[:start]
    return [(cells, [polygon])]


def boundary_edges(triangles: Triangles) -> Edges:
    """(k, 2): the edges that only one triangle has, in that triangle's direction."""
    edges = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    key = np.sort(edges, 1)
    _, inverse, count = np.unique(
        key[:, 0] * (triangles.max() + 1) + key[:, 1], return_inverse=True, return_counts=True
    )
    return np.asarray(edges[count[inverse.ravel()] == 1])


def split_chords(points: Points, triangles: Triangles) -> tuple[Points, Triangles]:
    """Give a free middle point to every inner edge between two points of the outline.

    Front and back share the outline, so such an edge would have four faces and no thickness. A triangle with all
    corners on the outline gets a centre for the same reason.
    """
    count = len(points)
    edges = np.sort(np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    _, first, inverse, uses = np.unique(
        edges[:, 0] * count + edges[:, 1], return_index=True, return_inverse=True, return_counts=True
    )
    unique = edges[first]
    on_outline = np.zeros(count, bool)
    on_outline[unique[uses == 1]] = True
    is_chord = (uses == 2) & on_outline[unique].all(1)
    middle = np.full(len(unique), -1)
    middle[is_chord] = count + np.arange(is_chord.sum())
    points = np.vstack([points, points[unique[is_chord]].mean(1)])
    of_triangle = middle[inverse.ravel()].reshape(3, -1).T  # on the edges ab, bc, ca
    code = (of_triangle >= 0) @ np.array([1, 2, 4])
    lone = (code == 0) & on_outline[triangles].all(1)
    a, b, c = triangles.T
    x, y, z = of_triangle.T
    pieces: dict[int, tuple[tuple[NDArray[Any], ...], ...]] = {
        1: ((a, x, c), (x, b, c)),
        2: ((b, y, a), (y, c, a)),
        3: ((x, b, y), (a, x, y), (a, y, c)),
        4: ((c, z, b), (z, a, b)),
        5: ((z, a, x), (c, z, x), (c, x, b)),
        6: ((y, c, z), (b, y, z), (b, z, a)),
        7: ((a, x, z), (x, b, y), (z, y, c), (x, y, z)),
    }
    out = [triangles[(code == 0) & ~lone]]
    for kind, parts in pieces.items():
        out += [np.column_stack([corner[code == kind] for corner in part]) for part in parts]
    if lone.any():
        centre = len(points) + np.arange(lone.sum())
        points = np.vstack([points, points[triangles[lone]].mean(1)])
        out += [
            np.column_stack([triangles[lone][:, i], triangles[lone][:, j], centre]) for i, j in ((0, 1), (1, 2), (2, 0))
        ]
    return points, np.vstack(out)


def double_area(points: Points, triangles: Triangles) -> NDArray[Any]:
    """Twice the signed area of each triangle; positive when counter-clockwise."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def smoothed(points: Points, triangles: Triangles, outline: Edges, fixed: NDArray[Any]) -> Points:
    """Smooth the outline without shrinking it (Taubin), and relax the inside; no triangle is ever turned over."""
    count = len(points)
    on_outline = np.zeros(count, bool)
    on_outline[outline] = True
    along = _neighbours(outline, count)
    edges = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    around = _neighbours(edges, count)
    around.data[:] = 1
    for _ in range(6):
        points = _stepped(points, triangles, along, on_outline & ~fixed, 0.5)
        points = _stepped(points, triangles, along, on_outline & ~fixed, -0.52)
        points = _stepped(points, triangles, around, ~on_outline, 0.4)
    for _ in range(8):
        points = _stepped(points, triangles, around, ~on_outline, 0.5)
    return points


def _neighbours(edges: Edges, count: int) -> sp.csr_matrix:
    both = np.vstack([edges, edges[:, ::-1]])
    return sp.csr_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), (count, count))


def _stepped(
    points: Points, triangles: Triangles, neighbours: sp.csr_matrix, moving: NDArray[Any], weight: float
) -> Points:
    """Move points towards the mean of their neighbours, and undo it where a triangle would become a sliver."""
    degree = np.asarray(neighbours.sum(1)).ravel()
    moved = points.copy()
    mean = (neighbours @ points)[moving] / np.maximum(degree[moving], 1)[:, None]
    moved[moving] += weight * (mean - points[moving])
    for _ in range(6):
        bad = double_area(moved, triangles) < 0.02
        if not bad.any():
            return moved
        corners = np.unique(triangles[bad])
        moved[corners] = points[corners]
    return points if (double_area(moved, triangles) < 1e-6).any() else moved
