"""The colours of what the picture does not show."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.generators.offline.colours import drawn_outline, lit_evenly
from core.generators.offline.texture import Atlas, atlas, framed
from tests.generators.offline.shapes import disc, plain

SIDE = 256
RED, FACE = (200, 40, 30), (20, 20, 200)


def parts(made: Atlas) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Front, back and wall."""
    height, width = made.picture.shape[:2]
    seam = round(width * made.front_share)
    return made.picture[:, :seam], made.picture[: height // 2, seam:], made.picture[height // 2 :, seam:]


def redness(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.abs(pixels.astype(int) - RED).max(-1)


def test_no_background_shows_at_the_rim_of_a_blurred_cut_out() -> None:
    mask = disc(SIDE)
    picture = cv2.GaussianBlur(plain(mask, RED), (0, 0), 1.2)  # as lenses do it
    front, back, wall = parts(atlas(picture, mask, size_px=SIDE))

    for part in (front, back, wall):
        assert redness(part).max() < 25


def test_background_that_got_into_the_cut_out_is_painted_over() -> None:
    mask = disc(SIDE)
    picture = plain(mask, RED)
    stain = disc(SIDE, radius=0.015, centre=(0.5, 0.845)) > 0.5  # inside, at the lower rim
    picture[stain] = 255
    front, _, _ = parts(atlas(picture, mask, size_px=SIDE))

    assert redness(front[stain]).max() < 40


def test_the_front_keeps_what_is_drawn_on_it() -> None:
    mask = disc(SIDE)
    picture = plain(mask, RED)
    face = disc(SIDE, radius=0.1) > 0.5
    picture[face] = FACE
    front, back, _ = parts(atlas(picture, mask, size_px=SIDE))

    assert (front[disc(SIDE, radius=0.08) > 0.5] == FACE).all()
    assert redness(back).max() < 25  # no second face on the back


def test_front_and_back_meet_in_the_same_colours() -> None:
    mask = disc(SIDE)
    picture = plain(mask, RED)
    picture[: SIDE // 2][mask[: SIDE // 2] > 0.5] = FACE
    front, back, _ = parts(atlas(picture, mask, size_px=SIDE))
    rim = (mask > 0.5) & (disc(SIDE, radius=0.34) < 0.5)
    away_from_the_border = rim.copy()
    away_from_the_border[SIDE // 2 - 20 : SIDE // 2 + 20] = False
    enlarged = cv2.resize(back, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)

    difference = np.abs(front[away_from_the_border].astype(int) - enlarged[away_from_the_border])
    assert difference.mean() < 12


def test_stripes_along_the_rim_are_smoothed_so_that_sides_do_not_look_streaked() -> None:
    mask = disc(SIDE)
    y = np.arange(SIDE)[:, None, None]
    picture = np.where(y // 2 % 2 == 0, np.array(RED), np.array((255, 255, 255))).astype(np.uint8)
    picture = np.broadcast_to(picture, (SIDE, SIDE, 3)).copy()
    front, _, _ = parts(atlas(picture, mask, size_px=SIDE))
    column = int(0.5 * SIDE - 0.35 * SIDE) + 1  # the leftmost pixels of the object

    at_the_rim = front[SIDE // 2 - 8 : SIDE // 2 + 8, column, 1].astype(float)
    in_the_middle = front[SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2, 1].astype(float)
    assert np.ptp(at_the_rim) < 0.35 * np.ptp(in_the_middle)


def test_an_object_without_any_background_gets_colours_too() -> None:
    front, back, wall = parts(atlas(plain(np.ones((90, 120), np.float32), RED), np.ones((90, 120)), size_px=SIDE))

    for part in (front, back, wall):
        assert redness(part).max() < 12


def test_a_relief_gets_a_band_of_its_own_mean_colour() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (100, 150, 3), dtype=np.uint8)
    made, share = framed(picture, size_px=SIDE)

    assert (made[:100] == picture).all()
    assert share == 100 / made.shape[0]
    assert (made[100:] == made[100, 0]).all()


def test_a_line_drawn_round_an_object_does_not_darken_its_sides() -> None:
    mask = disc(SIDE)
    picture = plain(mask, (240, 235, 225))
    picture[(mask > 0.5) & (disc(SIDE, radius=0.335) < 0.5)] = 0
    front, back, _ = parts(atlas(picture, mask, size_px=SIDE))
    flat, _, _ = parts(atlas(picture, mask, size_px=SIDE, flatness=1.0))
    rim = (mask > 0.5) & (disc(SIDE, radius=0.343) < 0.5)

    assert front[rim].min() > 200
    assert back.min() > 200
    assert flat[rim].mean() > 180


def test_a_broad_rim_and_a_pattern_that_ends_at_the_outline_are_no_drawn_line() -> None:
    mask = disc(SIDE)
    plate, striped = plain(mask, (240, 235, 225)), plain(mask, (240, 235, 225))
    plate[(mask > 0.5) & (disc(SIDE, radius=0.29) < 0.5)] = (20, 30, 140)
    striped[:, 100:130][mask[:, 100:130] > 0.5] = 0

    assert not drawn_outline(plate, mask > 0.5).any()
    assert not drawn_outline(striped, mask > 0.5).any()


def test_a_stripe_goes_on_behind_and_a_patch_in_the_middle_does_not() -> None:
    mask = disc(SIDE)
    picture = plain(mask, RED)
    picture[100:150][mask[100:150] > 0.5] = FACE
    _, back, _ = parts(atlas(picture, mask, size_px=SIDE))

    assert np.abs(back[62, 40:90].astype(int) - FACE).max() < 40


def test_the_dark_limb_of_a_lit_ball_is_evened_out_and_fur_is_left_alone() -> None:
    mask = disc(SIDE) > 0.5
    y, x = (np.mgrid[:SIDE, :SIDE] - SIDE / 2) / (0.35 * SIDE)
    ball = plain(disc(SIDE), RED) * np.clip(1 - 0.7 * np.hypot(x, y) ** 4, 0.2, 1)[..., None]
    ball = ball.astype(np.uint8)
    fur = np.random.default_rng(2).integers(60, 200, (SIDE, SIDE, 1), dtype=np.uint8).repeat(3, 2)
    rim = mask & (disc(SIDE, radius=0.33) < 0.5)

    assert lit_evenly(ball, mask, 1.0)[rim].mean() > 1.3 * ball[rim].mean()
    assert (lit_evenly(ball, mask, 0.0) == ball).all()
    assert (lit_evenly(fur, mask, 1.0) == fur).all()
