"""Lay a second picture, of the object's back, over the first."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.generators.offline.colours import Mask, Rgb, spread
from core.generators.offline.texture import shrunk

WORK_PX = 1024


def laid_over(back: Rgb, back_mask: Mask | None, mask: Mask) -> Rgb:
    """The back as seen through the object from its front: mirrored, both outlines' boxes aligned.

    Args:
        back: (h, w, 3) uint8.
        back_mask: (h, w) float32, the object in it above 0.5; None for the whole picture.
        mask: (h', w') float32, the object in the first picture.

    Returns: (h', w', 3) uint8, filled beyond the outline.
    """
    back, back_mask = shrunk(back, np.ones(back.shape[:2], np.float32) if back_mask is None else back_mask, WORK_PX)
    inside = back_mask > 0.5
    if not inside.any():
        inside[:] = True
    box, place = _box(inside), _box(mask > 0.5)
    clean = spread(back, inside)[box][:, ::-1]
    height, width = place[0].stop - place[0].start, place[1].stop - place[1].start
    enlarges = height > clean.shape[0] or width > clean.shape[1]
    fitted: Any = cv2.resize(
        np.ascontiguousarray(clean), (width, height), interpolation=cv2.INTER_LINEAR if enlarges else cv2.INTER_AREA
    )
    rows = np.clip(np.arange(mask.shape[0]) - place[0].start, 0, height - 1)
    columns = np.clip(np.arange(mask.shape[1]) - place[1].start, 0, width - 1)
    return np.asarray(fitted[rows][:, columns], np.uint8)


def _box(inside: NDArray[Any]) -> tuple[slice, slice]:
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
