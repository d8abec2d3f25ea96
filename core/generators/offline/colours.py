"""Colours for the parts of an object that the picture does not show: its rim, its sides, its back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

Rgb = NDArray[Any]
Mask = NDArray[Any]
# All shares are of the picture's longest side.
CORE_SHARE = 1 / 130  # the outermost pixels are mixed with the background by every camera
STAIN_SHARE = 0.025  # how deep background can have got into the cut-out
STAIN_CONTRAST = 40.0  # of 441: below it, object and background look alike and nothing can be told
LIGHT_SHARE, EVENED = 0.025, 0.9  # light and shade are broader than drawing; some is left, it looks livelier
ROUGH = 0.03  # of the logarithm of light: painted wood or plastic is smoother
SAFE_SHARE = 0.016  # from here on inwards, colours are the object's own
STROKE_SHARE = 0.03  # a broader line along the outline is a rim of the object, such as a plate's
STROKE_CONTRAST = 38.0  # in CIELAB as OpenCV scales it, 0 to 255
STROKE_WORK_PX = 320
SOFT_SHARE = 0.02  # width of the band that is stretched over the sides


def spread(rgb: Rgb, mask: Mask) -> Rgb:
    """The picture with the background, and what it stained, replaced by the nearest colours of the object.

    Args:
        rgb: (h, w, 3) uint8.
        mask: (h, w) bool, the object.
    """
    size = max(mask.shape)
    return grown(rgb, core_of(mask, ~_stained(rgb, mask), max(1, round(size * CORE_SHARE))))


def lit_evenly(rgb: Rgb, mask: Mask, strength: float) -> Rgb:
    """With the broad light and shade of the photograph evened out, so that its dark limb is not on the sides too.

    Args:
        strength: 0 (as it is) to 1.
    """
    if strength < 0.05:
        return rgb
    scale = min(1.0, STROKE_WORK_PX / max(mask.shape))
    size = (max(2, round(mask.shape[1] * scale)), max(2, round(mask.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    light = np.log(grown(small, core_of(inside, inside, 2)).mean(2) + 4)
    broad = cv2.GaussianBlur(light, (0, 0), LIGHT_SHARE * max(size))
    roughness = float(np.median(np.abs(light - broad)[inside])) if inside.any() else 0.0
    strength *= float(np.clip(1.5 - roughness / ROUGH, 0, 1))  # fur and cloth are not evened: their gaps would glow
    level = float(np.percentile(broad[inside] if inside.any() else broad, 70))
    gain = np.exp(np.clip(strength * EVENED * (level - broad), -0.5, 1.6)).astype(np.float32)
    return np.asarray(np.clip(rgb * cv2.resize(gain, mask.shape[1::-1])[..., None], 0, 255), np.uint8)


def with_soft_rim(front: Rgb, mask: Mask, *, flatness: float = 0.0) -> Rgb:
    """Along the outline, where few pixels are stretched over a whole side, smooth colours from safely inside.

    Args:
        front: what `spread` returned.
        flatness: 0 to 1, see Profile; a slab's sides are narrow.
    """
    size = max(mask.shape)
    distance = depth_of(mask)
    reach = max(1, round(size * SOFT_SHARE))
    half = distance[::2, ::2]
    thickness = cv2.resize(cv2.dilate(half, np.ones((reach, reach), np.uint8)), mask.shape[1::-1])
    # thin parts keep their drawing: their band is narrow
    band = np.clip(0.4 * thickness, 1.0, float(reach) * (1 - 0.1 * flatness))
    stroke = drawn_outline(front, mask)
    safe = mask & (distance >= np.minimum(SAFE_SHARE * size, 0.6 * thickness)) & ~stroke
    inner = grown(front, safe) if safe.any() else front
    if stroke.any() and flatness < 0.5:  # inflated, the drawn line would become a broad dark band
        front = np.where(stroke[..., None], inner, front)
    # a slab turns down to its side within one step of the mesh: up to there no mixture
    part = eased((1.15 - distance / band) * (1 + flatness))[..., None]
    return np.asarray(np.clip(front * (1 - part) + softened(inner, size * SOFT_SHARE) * part, 0, 255), np.uint8)


def drawn_outline(rgb: Rgb, mask: Mask) -> Mask:
    """The line that is drawn along most of the outline, (h, w) bool; nothing when there is none."""
    height, width = mask.shape
    scale = min(1.0, STROKE_WORK_PX / max(mask.shape))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    lab = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB).astype(np.float32)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    depth, limit = depth_of(inside), max(2.0, STROKE_SHARE * max(size))
    behind, weight = _mean_where(lab, (depth > limit) & (depth < 3 * limit), 1.2 * limit)
    differs = inside & (depth <= 1.3 * limit) & (np.linalg.norm(lab - behind, axis=2) > STROKE_CONTRAST)
    differs &= weight > 1e-3
    ring, deeper = inside & (depth <= 0.3 * limit + 1), inside & (depth > limit) & (depth <= 1.5 * limit)
    is_line = differs[ring].mean() > 0.55 if ring.any() else False
    if not is_line or (deeper.any() and differs[deeper].mean() > 0.3):
        return np.zeros_like(mask)
    wide = cv2.dilate(differs.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    return np.asarray(mask & (cv2.resize(wide, (width, height)) > 0.5) & (weight.max() > 0))


def softened(rgb: Rgb, sigma_px: float) -> NDArray[Any]:
    """Blurred, (h, w, 3) float32; wide blurs are done on a smaller copy, which cannot be told apart."""
    scale = min(1.0, 4.0 / max(sigma_px, 0.1))
    if scale == 1.0:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), max(sigma_px, 0.3)), np.float32)
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = cv2.GaussianBlur(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), 4.0)
    return np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _stained(rgb: Rgb, mask: Mask) -> Mask:
    """Pixels near the outline that look like the background beside them rather than like the object behind them."""
    height, width = mask.shape
    scale = min(1.0, 256 / max(mask.shape))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    reach = max(size)
    object_colour, object_weight = _mean_where(small, depth_of(inside > 0.5) > STAIN_SHARE * reach, 0.04 * reach)
    page_colour, page_weight = _mean_where(small, depth_of(inside < 0.5) > 0.01 * reach, 0.04 * reach)
    contrast = np.linalg.norm(page_colour - object_colour, axis=2)
    contrast[(object_weight < 1e-3) | (page_weight < 1e-3)] = 0
    object_colour, page_colour, contrast = (
        cv2.resize(field, (width, height)) for field in (object_colour, page_colour, contrast)
    )
    near_outline = mask & (depth_of(mask) < STAIN_SHARE * max(mask.shape)) & (contrast > STAIN_CONTRAST)
    stained = np.zeros_like(mask)
    pixels = rgb[near_outline].astype(np.float32)
    to_page = np.linalg.norm(pixels - page_colour[near_outline], axis=1)
    to_object = np.linalg.norm(pixels - object_colour[near_outline], axis=1)
    stained[near_outline] = (to_page < 0.45 * contrast[near_outline]) & (to_page < 0.6 * to_object)
    return stained


def _mean_where(values: NDArray[Any], where: Mask, sigma_px: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Local mean over the chosen pixels only, and how much of them there was."""
    weight = where.astype(np.float32)
    total = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma_px)
    amount = cv2.GaussianBlur(weight, (0, 0), sigma_px)
    return total / np.maximum(amount, 1e-6)[..., None], amount


def core_of(mask: Mask, clean: Mask, radius_px: int) -> Mask:
    """The clean inside without a rim of `radius_px`; parts that would vanish are kept whole."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    core = (cv2.erode(mask.astype(np.uint8), disc, borderValue=1) > 0) & clean
    labels, count = ndi.label(mask)
    survives = np.zeros(count + 1, bool)
    survives[np.unique(labels[core])] = True
    core |= mask & ~survives[labels]
    return core if core.any() else np.ones_like(mask)


def grown(rgb: Rgb, core: Mask) -> Rgb:
    """Outside the core, the nearest colour of it, a little softened."""
    if core.all():
        return rgb
    _, nearest = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )  # each pixel of the core has a number, and its neighbourhood the same
    colour_of = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colour_of[nearest[core]] = rgb[core]
    out = colour_of[nearest]
    soft = softened(out, max(1.0, max(core.shape) / 300))
    out[~core] = np.clip(soft[~core], 0, 255).astype(np.uint8)
    return np.asarray(out, np.uint8)


def depth_of(mask: Mask) -> NDArray[Any]:
    """Distance to the nearest pixel outside, in pixels, (h, w) float32; the picture's edge is no outside."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.minimum(distance, np.float32(max(mask.shape)))  # without any outside it would be endless


def eased(part: NDArray[Any]) -> NDArray[Any]:
    """0 to 1, smooth at both ends."""
    clipped = np.clip(part, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped))
