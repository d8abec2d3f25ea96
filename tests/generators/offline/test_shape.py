"""Flat things stay flat, round ones become round, thin ones survive, whatever the outline."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from core.generators.offline.cutout import cut_out
from core.generators.offline.engine import make_model
from core.generators.offline.profile import Profile, profile_of
from core.generators.offline.solid import inflated
from core.generators.offline.trim import trimmed
from tests import drawings, pictures
from tests.generators.offline.shapes import assert_is_closed, body, body_of, disc, plain

pytestmark = pytest.mark.slow  # the network and the whole engine

FACES = 6000


@cache
def shape_of(draw: Callable[[], bytes]) -> trimesh.Trimesh:
    shape = body_of(make_model(draw(), name="x", face_limit=FACES))
    assert_is_closed(shape)
    return shape


def depth_to_width(draw: Callable[[], bytes]) -> float:
    width, height, depth = shape_of(draw).extents
    return float(depth / min(width, height))


FLAT = (drawings.playing_card, drawings.coin, drawings.plate, drawings.logo, drawings.sign, drawings.book)


@pytest.mark.parametrize("draw", FLAT)
def test_flat_things_become_slabs(draw: Callable[[], bytes]) -> None:
    assert 0.02 < depth_to_width(draw) < 0.12


@pytest.mark.parametrize("draw", [drawings.ball, pytest.param(drawings.apple_with_shadow, marks=pytest.mark.slow)])
def test_a_shaded_ball_is_nearly_as_deep_as_wide(draw: Callable[[], bytes]) -> None:
    assert 0.7 < depth_to_width(draw) < 1.1


@pytest.mark.parametrize(
    "draw", [drawings.mug, drawings.ginger_cat, pytest.param(drawings.toy, marks=pytest.mark.slow), pictures.with_alpha]
)
def test_other_things_are_inflated(draw: Callable[[], bytes]) -> None:
    assert depth_to_width(draw) > 0.25


def test_thickness_passes_from_slab_to_film_without_a_jump() -> None:
    mask = disc(120)
    depths = [
        body(inflated(plain(mask), mask, face_limit=2000, texture_px=64, profile=Profile(flatness=part))).extents[2]
        for part in np.linspace(0, 1, 11)
    ]

    assert depths == sorted(depths, reverse=True)
    assert max(np.divide(depths[:-1], depths[1:])) < 1.6


def test_a_drawn_disc_is_flat_and_the_same_disc_with_light_and_shade_is_not() -> None:
    y, x = (np.mgrid[:200, :200] - 99.5) / 70
    lit = plain(disc()) * np.clip(0.75 - 0.25 * x - 0.35 * y, 0, 1)[..., None]

    assert profile_of(plain(disc()), disc()).flatness > 0.9
    assert profile_of(lit.astype(np.uint8), disc()).flatness < 0.1


def test_the_mugs_handle_stays_open() -> None:
    assert shape_of(drawings.mug).euler_number == 0  # one hole


def test_the_thin_top_of_a_tower_survives() -> None:
    shape = shape_of(drawings.tower)
    with Image.open(io.BytesIO(drawings.tower())) as opened:
        cutout = cut_out(np.asarray(opened), None)
    assert cutout is not None
    rows, columns = np.nonzero(cutout.mask > 0.5)

    assert shape.body_count == 1
    assert shape.extents[0] / shape.extents[1] == pytest.approx(np.ptp(columns) / np.ptp(rows), rel=0.05)


def test_trimming_shortens_the_outline_of_fur_and_keeps_its_area() -> None:
    spikes = disc(400, radius=0.3)
    for angle in np.linspace(0, 2 * np.pi, 90, endpoint=False):
        tip = (200 + 142 * np.cos(angle), 200 + 142 * np.sin(angle))
        cv2.line(spikes, (200, 200), (round(tip[0]), round(tip[1])), 1.0, 4)
    smooth = trimmed(spikes)

    assert outline_length(smooth) < 0.5 * outline_length(spikes)
    assert (smooth > 0.5).sum() == pytest.approx((spikes > 0.5).sum(), rel=0.25)


@pytest.mark.parametrize("draw", [drawings.playing_card, drawings.chair, drawings.lettering, drawings.stick_figure])
def test_trimming_leaves_clean_outlines_alone(draw: Callable[[], bytes]) -> None:
    with Image.open(io.BytesIO(draw())) as opened:
        grey = np.asarray(opened.convert("L")).astype(int)
    mask = (np.abs(grey - grey[0, 0]) > 20).astype(np.float32)

    changed = (trimmed(mask) > 0.5) != (mask > 0.5)
    assert changed.sum() < 0.01 * mask.sum()


def outline_length(mask: np.ndarray) -> float:
    contours, _ = cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(contour, True) for contour in contours))
