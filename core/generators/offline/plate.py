"""A plate over a grid: front, flat back and sides of one closed solid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.generators.offline.mesh import Mesh, finished

Grid = NDArray[Any]


def grid_size(aspect: float, face_limit: int) -> tuple[int, int]:
    """Columns and rows for a width-to-height ratio: 4 faces a cell, and 4 for each step along the edge."""
    rows = max(1, int(np.sqrt(face_limit / 4 / aspect)))
    columns = max(1, int(face_limit / 4 / rows))
    while 4 * columns * rows + 4 * (columns + rows) > face_limit and columns + rows > 2:
        if columns >= rows:
            columns -= 1
        else:
            rows -= 1
    return columns, rows


def plate(
    x: Grid, y: Grid, front: Grid, back: float, uv: Grid, band: tuple[float, float], texture: Grid, kind: str
) -> Mesh:
    """A closed solid from a grid of points.

    Args:
        x, y: (rows + 1, columns + 1), y up, the first row uppermost.
        front: (rows + 1, columns + 1), the front's z, greater than `back`.
        back: z of the flat back.
        uv: (rows + 1, columns + 1, 2), the front's places in the texture.
        band: the place in the texture with the colour of back and sides.
    """
    count = x.size
    index = np.arange(count).reshape(x.shape)
    plane = np.column_stack([x.ravel(), y.ravel()])
    # once round the edge, counter-clockwise seen from the front
    edge = np.concatenate([index[0, ::-1], index[1:, 0], index[-1, 1:], index[-2:0:-1, -1]])
    raised = np.column_stack([plane, front.ravel()])
    flat = np.column_stack([plane, np.full(count, back)])
    here, following = 2 * count + np.arange(len(edge)), 2 * count + (np.arange(len(edge)) + 1) % len(edge)
    below = len(edge)
    faces = _faces(index)
    sides = np.vstack(
        [
            np.column_stack([following, here, here + below]),
            np.column_stack([following, here + below, following + below]),
        ]
    )
    on_band = np.tile(band, (count + 2 * len(edge), 1))
    return finished(
        np.vstack([raised, flat, raised[edge], flat[edge]]),
        np.vstack([faces, faces[:, ::-1] + count, sides]),
        np.vstack([uv.reshape(-1, 2), on_band]),
        texture,
        kind=kind,
        has_sharp_edges=True,
    )


def _faces(index: Grid) -> Grid:
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.vstack([np.column_stack([a, d, c]), np.column_stack([a, c, b])])
