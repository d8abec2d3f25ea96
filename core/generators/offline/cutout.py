"""Decide what in the picture is the object: its transparency, the network, a flat background, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from core.generators.offline import network
from core.generators.offline.flood import edge_of, flat_background
from core.generators.offline.network import Guess, overlap

LEAST_AREA, MOST_AREA = 0.002, 0.97  # shares of the picture: less is a speck, more is no object before a background
LEAST_CONFIDENCE = 0.28  # by eye, over varied photographs
CLOSE_UP_CONFIDENCE = 0.6  # needed when the object fills the picture, or lies in many parts
MOST_PARTS = 4
CLOSER_BELOW = 0.62  # an object smaller than this share of the picture is looked at again, closer

Box = tuple[int, int, int, int]
Mask = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """The object.

    Attributes:
        mask: (h, w) float32, 0 to 1; the outline is at 0.5.
        method: "alpha", "network" or "flat background".
    """

    mask: Mask
    method: str


def cut_out(rgb: NDArray[Any], alpha: Mask | None, *, is_forced: bool = False) -> Cutout | None:
    """The object in the picture, (h, w, 3); None when nothing stands out.

    Args:
        is_forced: the best guess is taken even if it cannot be trusted.
    """
    if alpha is not None:
        share = float((alpha > 0.5).mean())
        if LEAST_AREA < share < 0.985:
            return Cutout(mask=cleaned(alpha, keep=0.01), method="alpha")
    flat = flat_background(rgb)
    if flat is not None and not LEAST_AREA < float((flat > 0.5).mean()) < MOST_AREA:
        flat = None
    if not network.is_available():
        return None if flat is None else Cutout(mask=cleaned(flat, keep=0.002), method="flat background")
    seen, box = _seen(rgb)
    mask = _enlarged(seen, box, rgb.shape[:2])
    if flat is not None and _flood_is_better(mask, flat, seen):
        return Cutout(mask=cleaned(flat, keep=0.002), method="flat background")
    if not _is_trusted(mask, seen) and not (is_forced and float((mask > 0.5).mean()) > LEAST_AREA):
        return None
    if flat is not None:
        mask = _without_shadow(rgb, mask)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    radius = max(2, int(max(grey.shape) / 130))
    fine = np.clip(_guided(grey, np.clip(mask, 0, 1), radius, 2e-4), 0, 1).astype(np.float32)
    return Cutout(mask=cleaned(fine, keep=0.1, hole=0.008), method="network")


def cleaned(mask: Mask, *, keep: float = 0.04, hole: float = 0.0008) -> Mask:
    """Without specks smaller than `keep` of the largest part, and pin-holes smaller than `hole` of the object."""
    inside = mask > 0.5
    labels, count = ndi.label(inside)
    if count == 0:
        return mask
    size = np.bincount(labels.ravel())
    size[0] = 0
    specks = size < keep * size.max()
    specks[0] = False
    out = mask.copy()
    out[specks[labels]] = 0
    labels, _ = ndi.label(out <= 0.5)
    pinholes = np.bincount(labels.ravel()) < hole * inside.sum()
    pinholes[0] = False
    pinholes[np.unique(edge_of(labels))] = False
    out[pinholes[labels]] = 1
    return out


def _seen(rgb: NDArray[Any]) -> tuple[Guess, Box | None]:
    """The network's guess, and the box it belongs to when a closer look was better."""
    height, width = rgb.shape[:2]
    first = network.guess(rgb)
    if first.coverage <= 0.001:
        return first, None
    rows, columns = np.nonzero(cv2.resize(first.probability, (width, height)) > 0.5)
    if not len(rows):
        return first, None
    box_width, box_height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    if max(box_width / width, box_height / height) >= CLOSER_BELOW:
        return first, None
    margin = int(0.18 * max(box_width, box_height)) + 8
    left, right = max(0, int(columns.min()) - margin), min(width, int(columns.max()) + margin)
    top, bottom = max(0, int(rows.min()) - margin), min(height, int(rows.max()) + margin)
    closer = network.guess(np.ascontiguousarray(rgb[top:bottom, left:right]))
    if closer.confidence > first.confidence * 0.9:
        return closer, (left, top, right, bottom)
    return first, None


def _enlarged(seen: Guess, box: Box | None, shape: tuple[int, ...]) -> Mask:
    height, width = shape[:2]
    if box is None:
        return np.asarray(cv2.resize(seen.probability, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    left, top, right, bottom = box
    mask = np.zeros((height, width), np.float32)
    mask[top:bottom, left:right] = cv2.resize(
        seen.probability, (right - left, bottom - top), interpolation=cv2.INTER_CUBIC
    )
    return mask


def _flood_is_better(mask: Mask, flat: Mask, seen: Guess) -> bool:
    """Graphics on a plain page: the flood is exact. A photo with a cast shadow: the network is."""
    agreement = overlap(mask > 0.5, flat > 0.5)
    if agreement >= 0.9:
        return False
    outside = ((flat <= 0.5) & (mask > 0.75)).sum() / max(1, int((mask > 0.75).sum()))
    return seen.confidence < 0.6 or (outside > 0.08 and agreement < 0.85)


def _is_trusted(mask: Mask, seen: Guess) -> bool:
    hard = mask > 0.5
    sides = sum(float(side.mean()) > 0.25 for side in (hard[0], hard[-1], hard[:, 0], hard[:, -1]))
    if sides >= 3 and seen.crisp < 0.85:  # it fills the picture: an animal's head close up, or a mere guess
        is_free = sides == 3 and min(float(side.mean()) for side in (hard[0], hard[-1], hard[:, 0], hard[:, -1])) < 0.1
        if not is_free or seen.confidence < CLOSE_UP_CONFIDENCE:
            return False
    if _is_scattered(hard) and seen.confidence < CLOSE_UP_CONFIDENCE:
        return False
    return LEAST_AREA < float(hard.mean()) < MOST_AREA and seen.confidence >= LEAST_CONFIDENCE


def _is_scattered(hard: Mask) -> bool:
    """Many parts of a like size: the network could not decide."""
    _, _, facts, _ = cv2.connectedComponentsWithStats(hard.astype(np.uint8))
    areas = facts[1:, cv2.CC_STAT_AREA]
    return len(areas) > 0 and int((areas > 0.03 * areas.max()).sum()) > MOST_PARTS


def _without_shadow(rgb: NDArray[Any], mask: Mask) -> Mask:
    """On a plain backdrop, its darker, same-hued, undecided pixels are cast shadow."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    page = np.median(edge_of(lab), 0)
    same_hue = np.abs(lab[..., 1:] - page[1:]).max(-1) < 8
    darker = (lab[..., 0] < page[0] + 4) & (lab[..., 0] > 0.4 * page[0])
    return np.where(same_hue & darker & (mask < 0.93), mask * 0.35, mask).astype(np.float32)


def _guided(guide: Mask, mask: Mask, radius: int, epsilon: float) -> Mask:
    """Snap a coarse mask to the picture's edges. Source: He et al., Guided Image Filtering."""

    def mean(values: Mask) -> Mask:
        return np.asarray(cv2.boxFilter(values, -1, (2 * radius + 1, 2 * radius + 1)), np.float32)

    mean_guide, mean_mask = mean(guide), mean(mask)
    covariance = mean(guide * mask) - mean_guide * mean_mask
    slope = covariance / (mean(guide * guide) - mean_guide * mean_guide + epsilon)
    return mean(slope) * guide + mean(mean_mask - slope * mean_guide)
