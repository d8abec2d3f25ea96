"""The pictures that are laid over a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.generators.offline.back import guessed_back
from core.generators.offline.colours import Mask, Rgb, softened, spread, with_soft_rim

WALL_SHARE = 0.02  # of the longest side: how far colours are smoothed on the wall where the picture cuts an object


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas:
    """Front, back and wall in one picture: the front on the left, to its right the back above the wall's colours.

    Attributes:
        picture: (h, 1.5 w, 3) uint8.
        front_share: of the width, that the front takes.
    """

    picture: Rgb
    front_share: float

    def on_front(self, uv: NDArray[Any]) -> NDArray[Any]:
        """Places in the picture for (n, 2) places on the object as seen from the front, 0 to 1."""
        return np.asarray(uv * (self.front_share, 1))

    def on_back(self, uv: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(uv * (1 - self.front_share, 0.5) + (self.front_share, 0))

    def on_wall(self, uv: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(uv * (1 - self.front_share, 0.5) + (self.front_share, 0.5))


def atlas(rgb: Rgb, mask: Mask, *, size_px: int, flatness: float = 0.0, back: Rgb | None = None) -> Atlas:
    """The colours of a whole object, of which the picture shows one side.

    Args:
        rgb: (h, w, 3) uint8.
        mask: (h, w) float32, the object above 0.5.
        size_px: longest side of the front.
        flatness: 0 to 1, see Profile.
        back: (h, w, 3) uint8, what is seen from behind, laid over `rgb` from the front; guessed when None.
    """
    given, _ = (None, None) if back is None else shrunk(back, mask, size_px // 2)
    rgb, mask = shrunk(rgb, mask, size_px)
    height, width = rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2
    rgb, inside = rgb[:height, :width], mask[:height, :width] > 0.5
    plain = spread(rgb, inside)
    front = with_soft_rim(plain, inside, flatness=flatness)
    half = (width // 2, height // 2)
    out = np.empty((height, width + half[0], 3), np.uint8)
    out[:, :width] = front
    if given is None:
        out[: half[1], width:] = guessed_back(front, inside, *half, flatness=flatness)
    else:
        out[: half[1], width:] = cv2.resize(given, half, interpolation=cv2.INTER_AREA)
    wall = cv2.resize(plain, half, interpolation=cv2.INTER_AREA)
    out[half[1] :, width:] = np.clip(softened(wall, WALL_SHARE * max(half)), 0, 255)
    return Atlas(picture=out, front_share=width / out.shape[1])


def framed(rgb: Rgb, *, size_px: int) -> tuple[Rgb, float]:
    """The picture, and below it a band of its mean colour for back and sides; and the picture's share of the height."""
    rgb, _ = shrunk(rgb, np.ones(rgb.shape[:2], np.float32), size_px)
    band = max(8, rgb.shape[0] // 16)
    colour = (rgb.reshape(-1, 3).mean(0) * 0.7 + 255 * 0.15).astype(np.uint8)
    plain = np.broadcast_to(colour, (band, rgb.shape[1], 3))
    return np.vstack([rgb, plain]), rgb.shape[0] / (rgb.shape[0] + band)


def shrunk(rgb: Rgb, mask: Mask, size_px: int) -> tuple[Rgb, Mask]:
    """Both at a longest side of at most `size_px`."""
    height, width = rgb.shape[:2]
    scale = size_px / max(height, width)
    if scale >= 1:
        return rgb, mask
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return (
        np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32),
    )
