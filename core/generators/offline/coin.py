"""A coin or medal: a disc with a raised rim and the picture's object embossed on it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.generators.offline.colours import Mask, Rgb, eased, softened
from core.generators.offline.mesh import Mesh
from core.generators.offline.plate import grid_size, plate

# Shares of the diameter.
BASE, RIM, EMBOSS = 0.05, 0.03, 0.034  # thickness of the disc; how far rim and picture rise above it
RIM_WIDTH, SLOPE, BEVEL = 0.045, 0.014, 0.008
FIELD = 0.395  # radius of the circle that the object fills
BODY = 0.5  # of the emboss: the object's round body; the rest is its drawing
GOLD = np.array((212.0, 175.0, 92.0))
WORK_PX = 512
Grid = NDArray[Any]


def coin(rgb: Rgb, mask: Mask | None, *, face_limit: int, texture_px: int) -> Mesh:
    """A medal of at most `face_limit` faces.

    Args:
        rgb: (h, w, 3) uint8.
        mask: (h, w) float32, the object above 0.5; None for the middle of the whole picture.
    """
    light, inside = _motif(rgb, mask)
    x, y = _disc(min(grid_size(1.0, face_limit)))
    radius = np.hypot(x, y)
    inner = 0.5 - RIM_WIDTH
    place = [(0.5 - y) * (WORK_PX - 1), (0.5 + x) * (WORK_PX - 1)]
    raised = np.asarray(ndi.map_coordinates(_emboss(light, inside), place, order=1, mode="nearest"))
    raised = raised * eased((inner - SLOPE - radius) / 0.02)
    rim = eased((radius - inner + SLOPE) / SLOPE) * (0.7 + 0.3 * eased((0.5 - radius) / BEVEL))
    texture, share = _texture(light, inside, texture_px)
    uv = np.dstack([0.5 + x, (0.5 - y) * share])
    return plate(x, y, BASE + EMBOSS * raised + RIM * rim, 0.0, uv, (0.5, (1 + share) / 2), texture, "coin")


def _disc(steps: int) -> tuple[Grid, Grid]:
    """A square grid bent to a disc of diameter 1, y up. Source: Shirley and Chiu, A Low Distortion Map, 1997."""
    a, b = np.meshgrid(np.linspace(-1, 1, steps + 1), np.linspace(1, -1, steps + 1))
    is_wide = np.abs(a) >= np.abs(b)
    radius = np.where(is_wide, a, b)
    part = np.divide(np.where(is_wide, b, a), radius, out=np.zeros_like(radius), where=radius != 0)
    angle = np.where(is_wide, part * np.pi / 4, np.pi / 2 - part * np.pi / 4)
    return 0.5 * radius * np.cos(angle), 0.5 * radius * np.sin(angle)


def _motif(rgb: Rgb, mask: Mask | None) -> tuple[Grid, Grid]:
    """Lightness 0 to 255 and the object 0 to 1, both (WORK_PX, WORK_PX) float32, centred in the coin's field."""
    height, width = rgb.shape[:2]
    if mask is None:
        mask = np.ones((height, width), np.float32)
        centre, reach = (width / 2, height / 2), 0.5 * min(height, width)
    else:
        rows, columns = np.nonzero(mask > 0.5)
        centre = ((columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2)
        reach = float(np.hypot(columns - centre[0], rows - centre[1]).max()) + 1
    scale = FIELD * WORK_PX / reach
    move = np.array([[scale, 0, WORK_PX / 2 - scale * centre[0]], [0, scale, WORK_PX / 2 - scale * centre[1]]])
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if scale < 0.7:  # warping takes single pixels: blur first what it would skip
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 / scale)
    size = (WORK_PX, WORK_PX)
    light = cv2.warpAffine(grey, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.asarray(mask, np.float32), move, size, flags=cv2.INTER_LINEAR)
    y, x = np.mgrid[:WORK_PX, :WORK_PX] - WORK_PX / 2 + 0.5
    field = np.clip(FIELD * WORK_PX * 1.01 - np.hypot(x, y), 0, 1)
    return light.astype(np.float32), np.asarray(np.clip((inside - 0.4) / 0.2, 0, 1) * field, np.float32)


def _emboss(light: Grid, inside: Grid) -> Grid:
    """(WORK_PX, WORK_PX) 0 to 1: the object's body, and on it its drawing."""
    depth = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    body = np.sqrt(np.clip(depth / (0.10 * WORK_PX), 0, 1))
    even = cv2.createCLAHE(2.5, (4, 4)).apply(light.astype(np.uint8)).astype(np.float32)
    smooth = cv2.GaussianBlur(cv2.bilateralFilter(even, 7, 30, 5), (0, 0), 1.5)
    chosen = smooth[inside > 0.5]
    low, high = np.percentile(chosen, [2, 98]) if len(chosen) else (0.0, 255.0)
    drawing = np.clip((smooth - low) / max(float(high - low), 8.0), 0, 1)
    rising = eased(depth / (0.012 * WORK_PX))
    raised = rising * (BODY * body + (1 - BODY) * drawing)
    return np.asarray(cv2.GaussianBlur(raised.astype(np.float32), (0, 0), 1.0), np.float32)


def _texture(light: Grid, inside: Grid, texture_px: int) -> tuple[Rgb, float]:
    """Metal, darker where the picture is, and below it a band of plain metal; and the picture's share of the height."""
    size = min(texture_px, 2 * WORK_PX)
    tone = 0.85 + 0.3 * (light - softened(np.asarray(light, np.uint8), 0.12 * WORK_PX)) / 255
    tone = 1 + (tone - 1) * inside
    metal = cv2.resize(np.asarray(tone, np.float32), (size, size))[..., None] * GOLD
    band = np.tile(GOLD, (max(8, size // 16), size, 1))
    return np.clip(np.vstack([metal, band]), 0, 255).astype(np.uint8), size / (size + len(band))
