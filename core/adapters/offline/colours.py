"""Colours for the parts of an object that the picture does not show: its rim, its sides, its back."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

Rgb = NDArray[Any]
Mask = NDArray[Any]
# All shares are of the picture's longest side.
CORE_SHARE = 1 / 130  # the outermost pixels are mixed with the background by every camera
STAIN_SHARE = 0.025  # how deep background can have got into the cut-out
STAIN_CONTRAST = 40.0  # of 441: below it, object and background look alike and nothing can be told
SOFT_SHARE = 0.02  # width of the band that is stretched over the sides
HEM_SHARE, DEEP_SHARE = 0.02, 0.045  # the back goes on with the colours found between these depths
FADE_SHARE = 0.2  # how far a colour of the outline reaches into the back before the commonest one takes over
BACK_WORK_PX = 128


def spread(rgb: Rgb, mask: Mask) -> Rgb:
    """The picture with the background, and what it stained, replaced by the nearest colours of the object.

    Args:
        rgb: (h, w, 3) uint8.
        mask: (h, w) bool, the object.
    """
    size = max(mask.shape)
    return _grown(rgb, _core(mask, ~_stained(rgb, mask), max(1, round(size * CORE_SHARE))))


def with_soft_rim(front: Rgb, mask: Mask) -> Rgb:
    """Smoothed along the outline, where few pixels are stretched over a whole side: otherwise it looks streaked.

    Args:
        front: what `spread` returned.
    """
    size = max(mask.shape)
    distance = _depth(mask)
    reach = max(1, round(size * SOFT_SHARE))
    half = distance[::2, ::2]
    thickness = cv2.resize(cv2.dilate(half, np.ones((reach, reach), np.uint8)), mask.shape[1::-1])
    # thin parts keep their drawing: their band is narrow
    band = np.clip(0.4 * thickness, 1.0, float(reach))
    part = _eased(1 - distance / band)[..., None]
    return np.asarray(np.clip(front * (1 - part) + softened(front, size * SOFT_SHARE) * part, 0, 255), np.uint8)


def softened(rgb: Rgb, sigma_px: float) -> NDArray[Any]:
    """Blurred, (h, w, 3) float32; wide blurs are done on a smaller copy, which cannot be told apart."""
    scale = min(1.0, 4.0 / max(sigma_px, 0.1))
    if scale == 1.0:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), max(sigma_px, 0.3)), np.float32)
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = cv2.GaussianBlur(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), 4.0)
    return np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def quiet_back(front: Rgb, mask: Mask, width: int, height: int) -> Rgb:
    """What the back may look like: the colours along the outline, fading; no second face, no second label.

    Args:
        front: what `with_soft_rim` returned; at the rim the back has its colours, so that no seam is seen.
    """
    scale = BACK_WORK_PX / max(mask.shape)
    size = (max(8, round(mask.shape[1] * scale)), max(8, round(mask.shape[0] * scale)))
    small = cv2.resize(front, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    depth = _depth(inside)
    hem = max(1, round(HEM_SHARE * BACK_WORK_PX))
    known = softened(_grown(small, _core(inside, np.ones_like(inside), hem)), 1.5)
    rim = inside & (depth <= DEEP_SHARE * BACK_WORK_PX)
    common = np.median(known[rim], 0) if rim.any() else known.mean((0, 1))
    filled = _diffused(known, inside & ~rim, common, FADE_SHARE * BACK_WORK_PX)
    part = _eased(depth / (1.5 * hem))[..., None]
    back = small * (1 - part) + filled * part
    return np.asarray(np.clip(cv2.resize(back, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255), np.uint8)


def _stained(rgb: Rgb, mask: Mask) -> Mask:
    """Pixels near the outline that look like the background beside them rather than like the object behind them."""
    height, width = mask.shape
    scale = min(1.0, 256 / max(mask.shape))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    reach = max(size)
    object_colour, object_weight = _mean_where(small, _depth(inside > 0.5) > STAIN_SHARE * reach, 0.04 * reach)
    page_colour, page_weight = _mean_where(small, _depth(inside < 0.5) > 0.01 * reach, 0.04 * reach)
    contrast = np.linalg.norm(page_colour - object_colour, axis=2)
    contrast[(object_weight < 1e-3) | (page_weight < 1e-3)] = 0
    object_colour, page_colour, contrast = (
        cv2.resize(field, (width, height)) for field in (object_colour, page_colour, contrast)
    )
    near_outline = mask & (_depth(mask) < STAIN_SHARE * max(mask.shape)) & (contrast > STAIN_CONTRAST)
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


def _core(mask: Mask, clean: Mask, radius_px: int) -> Mask:
    """The clean inside without a rim of `radius_px`; parts that would vanish are kept whole."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    core = (cv2.erode(mask.astype(np.uint8), disc, borderValue=1) > 0) & clean
    labels, count = ndi.label(mask)
    survives = np.zeros(count + 1, bool)
    survives[np.unique(labels[core])] = True
    core |= mask & ~survives[labels]
    return core if core.any() else np.ones_like(mask)


def _grown(rgb: Rgb, core: Mask) -> Rgb:
    """Outside the core, the nearest colour of it, a little softened."""
    if core.all():
        return rgb
    _, (rows, columns) = ndi.distance_transform_edt(~core, return_indices=True)
    out = rgb[rows, columns]
    soft = softened(out, max(1.0, max(core.shape) / 300))
    out[~core] = np.clip(soft[~core], 0, 255).astype(np.uint8)
    return np.asarray(out, np.uint8)


def _diffused(known: NDArray[Any], unknown: Mask, common: NDArray[Any], reach_px: float) -> NDArray[Any]:
    """The unknown pixels as a smooth continuation of the known ones that tends to one colour (screened Laplace)."""
    count = int(unknown.sum())
    if not count:
        return known
    height, width = unknown.shape
    index = np.full((height, width), -1)
    index[unknown] = np.arange(count)
    rows, columns = np.nonzero(unknown)
    screen = 1 / reach_px**2
    degree = np.full(count, screen)
    given = np.tile(np.asarray(common, np.float64) * screen, (count, 1))
    pairs: list[NDArray[Any]] = []
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        other_row, other_column = rows + down, columns + right
        exists = (other_row >= 0) & (other_row < height) & (other_column >= 0) & (other_column < width)
        here = np.nonzero(exists)[0]
        there = index[other_row[exists], other_column[exists]]
        degree[here] += 1
        pairs.append(np.column_stack([here[there >= 0], there[there >= 0]]))
        is_given = there < 0
        given[here[is_given]] += known[other_row[exists][is_given], other_column[exists][is_given]]
    joined = np.vstack(pairs)
    links = sp.csr_matrix((np.ones(len(joined)), (joined[:, 0], joined[:, 1])), (count, count))
    system = (sp.diags(degree) - links).tocsc()
    out = np.array(known, np.float32)
    out[unknown] = spla.splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(given)
    return out


def _depth(mask: Mask) -> NDArray[Any]:
    """Distance to the nearest pixel outside, in pixels, (h, w) float32; the picture's edge is no outside."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    return np.minimum(distance, np.float32(max(mask.shape)))  # without any outside it would be endless


def _eased(part: NDArray[Any]) -> NDArray[Any]:
    """0 to 1, smooth at both ends."""
    clipped = np.clip(part, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped))
