"""What the back of an object may look like: its front, mirrored, without faces, labels and other details."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from core.generators.offline.colours import Mask, Rgb, core_of, depth_of, eased, grown, softened

HEM_SHARE, DEEP_SHARE = 0.02, 0.045  # of the longest side: a plain back goes on with the colours between these depths
FADE_SHARE = 0.2  # how far a colour of the outline reaches into a plain back before the commonest one takes over
WORK_PX = 160
DETAIL_SHARE = 0.13  # what covers less than half a window this wide is a detail: an eye, a word, a button
SAME_AREA = 6.5  # in CIELAB as OpenCV scales it: a larger step between neighbours is the border of an area
FAR_SHARE = 1.0  # how far the surroundings reach into an area that was taken away
GRAIN_SHARE = 0.012  # fur, wood and cloth are finer than this
GRAIN_MOST = 22.0  # of 255: stronger is a drawn line, not a grain


def guessed_back(front: Rgb, mask: Mask, width: int, height: int, *, flatness: float) -> Rgb:
    """The back of the object as laid over its front, (height, width, 3) uint8.

    Large areas of colour and fine grain go on behind. Flat things have a plain back.

    Args:
        front: what `with_soft_rim` returned; at the rim the back has its colours, so that no seam is seen.
        flatness: 0 to 1, see Profile.
    """
    scale = WORK_PX / max(mask.shape)
    size = (max(8, round(mask.shape[1] * scale)), max(8, round(mask.shape[0] * scale)))
    small = cv2.resize(front, size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    depth, hem = depth_of(inside), max(1, round(HEM_SHARE * WORK_PX))
    calm = _without_details(small, inside, depth)
    plain = _plain(calm, inside, depth, hem)
    filled = plain * flatness + calm * (1 - flatness)
    part = eased(depth / (1.5 * hem))[..., None]
    out = cv2.resize(
        (small * (1 - part) + filled * part).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    out = out + _grain(front, calm, small, width, height) * (1 - flatness)
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def _plain(calm: NDArray[Any], inside: Mask, depth: NDArray[Any], hem: int) -> NDArray[Any]:
    """The colours along the outline, fading to the commonest of them."""
    known = softened(grown(np.asarray(calm, np.uint8), core_of(inside, np.ones_like(inside), hem)), 1.5)
    rim = inside & (depth <= DEEP_SHARE * WORK_PX)
    common = np.median(known[rim], 0) if rim.any() else known.mean((0, 1))
    return _diffused(known, inside & ~rim, common, FADE_SHARE * WORK_PX)


def _without_details(small: Rgb, inside: Mask, depth: NDArray[Any]) -> NDArray[Any]:
    """Large areas of colour only, (h, w, 3) float32: what does not reach the outline does not go on behind."""
    window = round(DETAIL_SHARE * WORK_PX) // 2 * 2 + 1
    calm = cv2.medianBlur(cv2.medianBlur(grown(small, inside), window), window)
    area = _areas(cv2.cvtColor(calm, cv2.COLOR_RGB2LAB).astype(np.float32))
    reaches = np.zeros(int(area.max()) + 1, bool)
    reaches[np.unique(area[inside & (depth <= DEEP_SHARE * WORK_PX)])] = True
    enclosed = cv2.dilate((inside & ~reaches[area]).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if enclosed.any() and (inside & ~enclosed).any():
        common = np.median(calm[inside & ~enclosed], 0)
        return softened(np.clip(_diffused(calm, enclosed, common, FAR_SHARE * WORK_PX), 0, 255).astype(np.uint8), 1.5)
    return softened(calm, 1.5)


def _areas(lab: NDArray[Any]) -> NDArray[Any]:
    """A number for each area within which colours change little from pixel to pixel, (h, w)."""
    height, width = lab.shape[:2]
    index = np.arange(height * width).reshape(height, width)
    across = np.linalg.norm(lab[:, 1:] - lab[:, :-1], axis=2) < SAME_AREA
    down = np.linalg.norm(lab[1:] - lab[:-1], axis=2) < SAME_AREA
    start = np.concatenate([index[:, :-1][across], index[:-1][down]])
    end = np.concatenate([index[:, 1:][across], index[1:][down]])
    links = sp.coo_matrix((np.ones(len(start), bool), (start, end)), (index.size, index.size))
    return np.asarray(connected_components(links, directed=False)[1].reshape(height, width))


def _grain(front: Rgb, calm: NDArray[Any], small: Rgb, width: int, height: int) -> NDArray[Any]:
    """The front's fine structure where nothing was taken away, (height, width, 3) float32 around 0."""
    fine = cv2.resize(front, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    grain = np.clip(fine - softened(fine, GRAIN_SHARE * max(width, height)), -GRAIN_MOST, GRAIN_MOST)
    taken = np.abs(softened(small, 1.0) - calm).max(-1)
    taken = cv2.dilate(taken.astype(np.float32), np.ones((5, 5), np.uint8))
    kept = cv2.GaussianBlur(eased((50 - taken) / 25).astype(np.float32), (0, 0), 1.5)
    return np.asarray(grain * cv2.resize(kept, (width, height))[..., None])


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
