"""Trim a ragged outline, as fur gives it, while thin parts and clean corners stay as they are."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.generators.offline.colours import spread

Mask = NDArray[Any]
WORK_PX = 512
SMOOTH_SHARE = 0.016  # of the object's longest side: bumps and hairs up to about this width are smoothed
NEAR_SHARE = 0.05  # how far raggedness is averaged along the outline
RAGGED = (1.22, 1.65)  # length of the outline over that of the smoothed one: clean, all hairs
THICK_SHARE = 0.6  # of a part's area: with less, it is lines or letters and has no body that could have hairs
LEAST_GAPS = 0.003  # of the object's area: fewer gaps cannot be seen
LONG_SHARE = 0.09  # thin parts that reach further from the body are legs and handles, not hairs


def trimmed(mask: Mask) -> Mask:
    """The mask, smoothed where its outline is ragged.

    Args:
        mask: (h, w) float32, the object above 0.5.
    """
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) < 30:
        return mask
    scale = min(1.0, WORK_PX / max(int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1))
    size = (max(4, round(mask.shape[1] * scale)), max(4, round(mask.shape[0] * scale)))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    extent = scale * (max(int(np.ptp(rows)), int(np.ptp(columns))) + 1)
    sigma = max(1.0, SMOOTH_SHARE * extent)
    inside = small > 0.5
    body, limbs = _parts(inside, sigma, LONG_SHARE * extent)
    smooth = _blurred(body | limbs, 1.2 * sigma)
    is_thin = cv2.dilate(limbs.astype(np.uint8), _disc(2 * sigma)) > 0
    weight = _raggedness(inside, _blurred(inside, sigma) > 0.5, NEAR_SHARE * extent) * ~is_thin
    if weight.max() < 0.05:
        return mask
    weight = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), sigma)
    out_size = mask.shape[1::-1]
    weight = np.clip(cv2.resize(weight, out_size, interpolation=cv2.INTER_LINEAR), 0, 1)
    smooth = cv2.resize(smooth, out_size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(mask * (1 - weight) + smooth * weight, 0, 1), np.float32)


def without_gaps(rgb: NDArray[Any], own: Mask, trimmed_mask: Mask) -> NDArray[Any]:
    """The picture, (h, w, 3) uint8, with the gaps between hairs, that trimming closed, in the colours beside them."""
    closed = (trimmed_mask > 0.5) & (own <= 0.5)
    if closed.sum() < LEAST_GAPS * (own > 0.5).sum():
        return rgb
    closed = (cv2.dilate(closed.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (trimmed_mask > 0.5)
    return np.where(closed[..., None], spread(rgb, (own > 0.5) & ~closed), rgb)


def _parts(inside: Mask, sigma_px: float, long_px: float) -> tuple[Mask, Mask]:
    """The thick body, and the limbs: thin parts that reach far from it or make up much of the object; not its hairs."""
    disc = _disc(1.3 * sigma_px)
    body = cv2.morphologyEx(np.pad(inside, 1, mode="edge").astype(np.uint8), cv2.MORPH_OPEN, disc)[1:-1, 1:-1] > 0
    parts, part_count = ndi.label(inside, np.ones((3, 3)))
    places = np.arange(1, part_count + 1)
    thick = np.concatenate([[False], np.asarray(ndi.mean(body, parts, places)) > THICK_SHARE])
    limbs = inside & ~thick[parts]
    body &= ~limbs
    labels, count = ndi.label(inside & ~body & ~limbs, np.ones((3, 3)))
    if count:
        reach = ndi.maximum(ndi.distance_transform_edt(~body), labels, np.arange(1, count + 1))
        limbs |= np.concatenate([[False], np.asarray(reach) > long_px])[labels]
    return body, limbs


def _blurred(inside: Mask, sigma_px: float) -> Mask:
    blurred = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _raggedness(inside: Mask, smooth: Mask, reach_px: float) -> Mask:
    """0 to 1 around each place: how much longer the outline is than the smoothed one."""
    own, other = (cv2.GaussianBlur(_outline(part), (0, 0), reach_px) for part in (inside, smooth))
    ratio = own / np.maximum(other, 0.15 * float(other.max()) + 1e-6)
    part = np.clip((ratio - RAGGED[0]) / (RAGGED[1] - RAGGED[0]), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def _outline(inside: Mask) -> Mask:
    edge = np.zeros(inside.shape, np.float32)
    edge[:, 1:] += inside[:, 1:] != inside[:, :-1]
    edge[1:] += inside[1:] != inside[:-1]
    return edge


def _disc(radius_px: float) -> Mask:
    side = 2 * max(1, round(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
