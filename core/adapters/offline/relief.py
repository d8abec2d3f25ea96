"""A framed relief of the whole picture: what is made when nothing can be cut out. It works for every picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.adapters.offline.colours import Rgb
from core.adapters.offline.mesh import Mesh, finished
from core.adapters.offline.texture import framed

DEPTH, BASE = 0.10, 0.05  # object units: height of the relief, thickness of the plate below it
FRAME = 0.035  # share of the longest side that stays flat along the edge


def relief(rgb: Rgb, *, face_limit: int, texture_px: int) -> Mesh:
    """The picture as a plate with its bright parts raised: one closed solid of at most `face_limit` faces."""
    height, width = rgb.shape[:2]
    longest = max(height, width)
    columns, rows = _cells(width / height, face_limit)
    x, y = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    field = _heights(rgb)
    raised: Any = ndi.map_coordinates(
        field, [y * (field.shape[0] - 1), x * (field.shape[1] - 1)], order=1, mode="nearest"
    )
    from_edge = np.minimum(np.minimum(x, 1 - x) * width, np.minimum(y, 1 - y) * height) / (FRAME * longest)
    raised = raised * np.clip(from_edge, 0, 1)
    plane = np.column_stack([x.ravel() * width / longest, -y.ravel() * height / longest])
    count = len(plane)
    texture, picture_share = framed(rgb, size_px=texture_px)
    texel = np.array([0.5 / texture.shape[1], 0.5 / texture.shape[0]])
    on_picture = np.clip(
        np.column_stack([x.ravel(), y.ravel() * picture_share]), texel, (1 - texel[0], picture_share - texel[1])
    )
    on_band = np.column_stack([x.ravel(), np.full(count, (1 + picture_share) / 2)])
    index = np.arange(count).reshape(rows + 1, columns + 1)
    faces = _plate_faces(index)
    # once round the edge, counter-clockwise seen from the front
    edge = np.concatenate([index[0, ::-1], index[1:, 0], index[-1, 1:], index[-2:0:-1, -1]])
    front = np.column_stack([plane, DEPTH * raised.ravel()])
    back = np.column_stack([plane, np.full(count, -BASE)])
    here, following = 2 * count + np.arange(len(edge)), 2 * count + (np.arange(len(edge)) + 1) % len(edge)
    below = len(edge)
    sides = np.vstack(
        [
            np.column_stack([following, here, here + below]),
            np.column_stack([following, here + below, following + below]),
        ]
    )
    return finished(
        np.vstack([front, back, front[edge], back[edge]]),
        np.vstack([faces, faces[:, ::-1] + count, sides]),
        np.vstack([on_picture, on_band, on_band[edge], on_band[edge]]),
        texture,
        kind="relief",
        has_sharp_edges=True,
    )


def _cells(aspect: float, face_limit: int) -> tuple[int, int]:
    """Columns and rows of the grid: 4 faces a cell, and 4 for each step along the edge."""
    rows = max(1, int(np.sqrt(face_limit / 4 / aspect)))
    columns = max(1, int(face_limit / 4 / rows))
    while 4 * columns * rows + 4 * (columns + rows) > face_limit and columns + rows > 2:
        if columns >= rows:
            columns -= 1
        else:
            rows -= 1
    return columns, rows


def _heights(rgb: Rgb) -> NDArray[Any]:
    """Brightness without noise and without its extremes, 0 to 1."""
    scale = min(1.0, 512 / max(rgb.shape[:2]))
    light: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) / 255
    size = (max(2, round(light.shape[1] * scale)), max(2, round(light.shape[0] * scale)))
    light = cv2.bilateralFilter(cv2.resize(light, size, interpolation=cv2.INTER_AREA), 9, 0.12, 7)
    low, high = np.percentile(light, [1, 99])
    stretched = np.clip((light - low) / max(float(high - low), 1e-3), 0, 1)
    return np.asarray(cv2.GaussianBlur(stretched.astype(np.float32), (0, 0), 1.5), np.float32)


def _plate_faces(index: NDArray[Any]) -> NDArray[Any]:
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.vstack([np.column_stack([a, d, c]), np.column_stack([a, c, b])])
