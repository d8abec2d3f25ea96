"""A lithophane: a thin plate to be held against the light, thick where the picture is dark."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi

from core.generators.offline.colours import Rgb
from core.generators.offline.mesh import Mesh
from core.generators.offline.plate import grid_size, plate

THINNEST, THICKEST = 0.008, 0.032  # of the width: 0.8 to 3.2 mm at 100 mm, what printers and lamps get along with
PORCELAIN = (245, 242, 235)
MOST_PX = 1024


def lithophane(rgb: Rgb, *, face_limit: int) -> Mesh:
    """The picture, (h, w, 3) uint8, as a plate with a flat back, of at most `face_limit` faces."""
    height, width = rgb.shape[:2]
    columns, rows = grid_size(width / height, face_limit)
    x, y = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    scale = min(1.0, MOST_PX / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    grey: Any = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    step_px = max(grey.shape[1] / (columns + 1), 0.8)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * step_px)  # no finer than the grid
    low, high = np.percentile(grey, [0.5, 99.5])
    dark = np.clip((high - grey) / max(float(high - low), 1.0), 0, 1)
    place = [y * (dark.shape[0] - 1), x * (dark.shape[1] - 1)]
    thickness = THINNEST + (THICKEST - THINNEST) * np.asarray(ndi.map_coordinates(dark, place, order=1, mode="nearest"))
    texture = np.full((16, 16, 3), PORCELAIN, np.uint8)
    return plate(x, -y * height / width, thickness, 0.0, np.dstack([x, y]), (0.5, 0.5), texture, "lithophane")
