"""A framed relief of the whole picture: what is made when nothing can be cut out. It works for every picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.generators.offline.colours import Rgb
from core.generators.offline.mesh import Mesh
from core.generators.offline.plate import grid_size, plate
from core.generators.offline.texture import framed

DEPTH, BASE = 0.10, 0.05  # object units: height of the relief, thickness of the plate below it
FRAME = 0.035  # share of the longest side that stays flat along the edge


def relief(rgb: Rgb, *, face_limit: int, texture_px: int) -> Mesh:
    """The picture as a plate with its bright parts raised: one closed solid of at most `face_limit` faces."""
    height, width = rgb.shape[:2]
    longest = max(height, width)
    columns, rows = grid_size(width / height, face_limit)
    x, y = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    field = _heights(rgb)
    raised: Any = ndi.map_coordinates(
        field, [y * (field.shape[0] - 1), x * (field.shape[1] - 1)], order=1, mode="nearest"
    )
    from_edge = np.minimum(np.minimum(x, 1 - x) * width, np.minimum(y, 1 - y) * height) / (FRAME * longest)
    raised = raised * np.clip(from_edge, 0, 1)
    texture, picture_share = framed(rgb, size_px=texture_px)
    texel = np.array([0.5 / texture.shape[1], 0.5 / texture.shape[0]])
    uv = np.clip(np.dstack([x, y * picture_share]), texel, (1 - texel[0], picture_share - texel[1]))
    band = (0.5, (1 + picture_share) / 2)
    return plate(x * width / longest, -y * height / longest, DEPTH * raised, -BASE, uv, band, texture, "relief")


def _heights(rgb: Rgb) -> NDArray[Any]:
    """Brightness without noise and without its extremes, 0 to 1."""
    scale = min(1.0, 512 / max(rgb.shape[:2]))
    light: Any = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) / 255
    size = (max(2, round(light.shape[1] * scale)), max(2, round(light.shape[0] * scale)))
    light = cv2.bilateralFilter(cv2.resize(light, size, interpolation=cv2.INTER_AREA), 9, 0.12, 7)
    low, high = np.percentile(light, [1, 99])
    stretched = np.clip((light - low) / max(float(high - low), 1e-3), 0, 1)
    return np.asarray(cv2.GaussianBlur(stretched.astype(np.float32), (0, 0), 1.5), np.float32)
