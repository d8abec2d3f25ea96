"""Is the object flat, like a card, or round, like a ball? Told from its outline and its shading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

WORK_PX = 256
THINNEST = 0.032  # thickness of each side of the flattest things, as a share of their width: a thick card
MOST_CAP = 0.8  # of the width: no limit in practice, the film grows to half of it
FLAT_SHADE, ROUND_SHADE = 10.0, 38.0  # CIELAB lightness gained across the object: printed flat, lit round
BUSY_SHADE = (100.0, 180.0)  # more than light can do: the object has parts, such as a cup on its saucer
RECTANGLE, ELLIPSE, POLYGON = (0.90, 0.97), (0.975, 0.993), (0.90, 0.98)  # from "no" to "yes", by drawn shapes
STOUT = (0.16, 0.34)  # inscribed circle over length: below, it is a pole or a tower, which is as deep as wide
BOX_FLATNESS = 0.55  # at least, of a clear rectangle, however it is lit: its front is flat even if it is a box


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the cross-section looks.

    Attributes:
        flatness: 0 (a soap film) to 1 (a slab with a rounded rim).
        roundness: 0 (a soap film that stays low) to 1 (a ball).
        width: the short side of the outline's box, object units (longest side 1).
    """

    flatness: float = 0.0
    roundness: float = 0.0
    width: float = 1.0

    @property
    def cap(self) -> float:
        """The height at which each side becomes flat, object units; geometric between slab and film."""
        return float(self.width * MOST_CAP * (THINNEST / MOST_CAP) ** self.flatness)


def profile_of(rgb: NDArray[Any], mask: NDArray[Any]) -> Profile:
    """The profile that outline and shading suggest.

    Args:
        rgb: (h, w, 3) uint8.
        mask: (h, w) float32, the object above 0.5.
    """
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) < 30:
        return Profile()
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    rgb, mask = rgb[box], mask[box]
    scale = min(1.0, WORK_PX / max(mask.shape))
    size = (max(4, round(mask.shape[1] * scale)), max(4, round(mask.shape[0] * scale)))
    inside = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    if inside.sum() < 30:
        return Profile()
    filled = np.pad(ndi.binary_fill_holes(inside), 2).astype(np.uint8)
    contours, _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    short, long = sorted(float(side) + 1 for side in cv2.minAreaRect(contour)[1])
    rectangle = _ramp(float(filled.sum()) / (short * long), *RECTANGLE)
    ellipse = _ramp(_ellipse_likeness(filled), *ELLIPSE)
    polygon = _ramp(_straightness(contour, max(size)), *POLYGON)
    stout = _ramp(2 * float(cv2.distanceTransform(filled, cv2.DIST_L2, 5).max()) / max(size), *STOUT)
    shade = _shade(small, inside)
    unlit = 1 - _ramp(shade, FLAT_SHADE, ROUND_SHADE)
    flatness = stout * max(rectangle * max(unlit, BOX_FLATNESS), unlit * max(ellipse, polygon))
    roundness = ellipse * (1 - unlit) * (1 - flatness) * (1 - _ramp(shade, *BUSY_SHADE))
    return Profile(flatness=flatness, roundness=roundness, width=min(1.0, short / max(size)))


def _ellipse_likeness(filled: NDArray[Any]) -> float:
    """Area over that of the ellipse with the same second moments: 1 for ellipses only. Source: Teague, 1980."""
    moments = cv2.moments(filled, binaryImage=True)
    area = moments["m00"]
    spread = moments["mu20"] * moments["mu02"] - moments["mu11"] ** 2
    return float(area**2 / (4 * np.pi * np.sqrt(max(spread, 1e-9))))


def _straightness(contour: NDArray[Any], extent_px: int) -> float:
    """Share of the outline that long straight lines explain, 0 to 1."""
    corners = cv2.approxPolyDP(contour, 0.008 * extent_px, True)[:, 0].astype(float)
    lengths = np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1)
    return float(lengths[lengths > 0.1 * extent_px].sum() / max(lengths.sum(), 1e-9))


def _shade(rgb: NDArray[Any], inside: NDArray[Any]) -> float:
    """How much lightness (0 to 100) the typical slope gains across the object; drawings and print have none."""
    light = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) * (100 / 255)
    extent = max(light.shape)
    depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    safe = depth > min(0.06 * extent, 0.5 * float(depth.max()))
    soft = cv2.GaussianBlur(light, (0, 0), 0.015 * extent)
    slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(soft, cv2.CV_32F, 0, 1) / 8)
    return float(np.percentile(slope[safe], 40)) * extent if safe.any() else 0.0


def _ramp(value: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    part = min(1.0, max(0.0, (value - low) / (high - low)))
    return part * part * (3 - 2 * part)
