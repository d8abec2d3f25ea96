"""The colours: the picture on the front, a quiet continuation of it on the back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

Rgb = NDArray[Any]
Mask = NDArray[Any]
BACK_WORK_PX = 256  # the back is blurred at this size: wide blurs of large pictures take seconds
RIM_SHARE = 1 / 130  # of the picture's size: how far colours of the rim are taken from inside, against halos


def atlas(rgb: Rgb, mask: Mask, *, size_px: int) -> tuple[Rgb, float]:
    """Front and back beside each other.

    Returns: the texture, (h, 1.5 w, 3), and the share of its width that the front takes. The back is the upper part
        of the rest, at half the front's resolution.
    """
    rgb, mask = shrunk(rgb, mask, size_px)
    height, width = rgb.shape[:2]
    inside = mask > 0.5
    front = _spread(rgb, _core(inside, max(1, round(max(height, width) * RIM_SHARE))))
    scale = BACK_WORK_PX / max(height, width)
    small = cv2.resize(front, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    small_mask = cv2.resize(inside.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    total = cv2.GaussianBlur(small * small_mask[..., None], (0, 0), 14)
    blurred = total / np.maximum(cv2.GaussianBlur(small_mask, (0, 0), 14), 1e-4)[..., None]
    distance = cv2.distanceTransform((small_mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    # at the rim the front's own colours, so that no seam is seen; further in, quiet ones
    part = np.clip(distance / 22, 0, 1)[..., None]
    part = part * part * (3 - 2 * part)
    back = cv2.resize(small * (1 - part) + blurred * part, (width // 2, height // 2), interpolation=cv2.INTER_CUBIC)
    out = np.empty((height, width + width // 2, 3), np.uint8)
    out[:, :width] = front
    out[:, width:] = np.clip(blurred.reshape(-1, 3).mean(0), 0, 255)
    out[: height // 2, width:] = np.clip(back, 0, 255)
    return out, width / (width + width // 2)


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


def _core(inside: NDArray[Any], radius_px: int) -> NDArray[Any]:
    """The inside without a rim of `radius_px`; parts that would vanish are kept whole."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    core = cv2.erode(inside.astype(np.uint8), disc, borderValue=1) > 0
    labels, count = ndi.label(inside)
    survives = np.zeros(count + 1, bool)
    survives[np.unique(labels[core])] = True
    core |= inside & ~survives[labels]
    return core if core.any() else inside


def _spread(rgb: Rgb, core: NDArray[Any]) -> Rgb:
    """Outside the core, the nearest inside colour, softened: no background shows at the rim."""
    _, (rows, columns) = ndi.distance_transform_edt(~core, return_indices=True)
    out = rgb[rows, columns]
    soft = cv2.GaussianBlur(out, (0, 0), max(3.0, max(core.shape) / 200))
    out[~core] = soft[~core]
    return np.asarray(out, np.uint8)
