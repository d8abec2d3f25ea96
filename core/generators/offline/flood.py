"""Cut out what stands before one flat colour: logos, drawings, product shots."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

WORK_SIDE_PX = 1024
RING_TOLERANCE, FLOOD_TOLERANCE = 10.0, 14.0  # distances in CIELAB: just visible, clearly visible
RING_SHARE = 0.97  # of the picture's edge that must have the one colour


def flat_background(rgb: NDArray[Any]) -> NDArray[Any] | None:
    """The object as a mask, (h, w) float32; None when the picture's edge is not of one colour."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORK_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    ring = edge_of(lab)
    colour = np.median(ring, 0)
    if (np.linalg.norm(ring - colour, axis=1) < RING_TOLERANCE).mean() < RING_SHARE:
        return None
    near = np.linalg.norm(lab - colour, axis=-1) < FLOOD_TOLERANCE
    labels, _ = ndi.label(near)
    outside = np.unique(edge_of(labels))
    mask = _with_open_holes(~np.isin(labels, outside[outside > 0]), near).astype(np.float32)
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR) if scale < 1 else mask


def edge_of(array: NDArray[Any]) -> NDArray[Any]:
    """The values along the picture's four sides."""
    return np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])


def _with_open_holes(mask: NDArray[Any], near: NDArray[Any]) -> NDArray[Any]:
    """Enclosed areas of the page's colour: the hole of a handle stays open, a thin outline drawing is filled."""
    holes, count = ndi.label(near & mask)
    if not count:
        return mask
    parts, part_count = ndi.label(mask)
    ink_area = np.bincount(parts[mask & ~near], minlength=part_count + 1)
    hole_area = np.bincount(holes.ravel())
    owner = np.zeros(count + 1, int)
    owner[holes] = parts  # a hole lies in one part only
    is_open = (hole_area < 1.5 * ink_area[owner]) & (hole_area > 0.0002 * mask.size)
    is_open[0] = False
    return np.asarray(mask & ~is_open[holes])
