"""Thousands of random masks and hundreds of odd pictures: always a closed body, never a crash."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.generators.offline.engine import STYLES, make_model
from core.generators.offline.profile import Profile, profile_of
from core.generators.offline.solid import NoSolid, inflated
from core.generators.offline.trim import trimmed
from core.mesh.glb import read_facts
from tests.generators.offline.shapes import assert_is_closed, body, body_of, plain
from tests.generators.offline.test_solid import random_mask
from tests.pictures import encoded

pytestmark = pytest.mark.slow  # the network and the whole engine

MASKS, QUICK_MASKS, PICTURES, QUICK_PICTURES = 2000, 20, 200, 10
MOST_REFUSED = 0.1  # dust and chequerboards at few faces; the engine makes a relief of them


def is_refused(seed: int) -> bool:
    """Make a solid of a random mask, and look at it; whether there was none."""
    chance = np.random.default_rng(seed)
    mask = random_mask(seed)
    if seed % 3 == 0:
        mask = trimmed(cv2.resize(mask, None, fx=2, fy=2))
    picture = plain(np.clip(mask, 0, 1))
    if seed % 2:
        profile = Profile(
            flatness=float(chance.random()), roundness=float(chance.random()), width=chance.random() + 0.01
        )
    else:
        profile = profile_of(picture, mask)
    limit = int(chance.integers(400, 3000))
    back = picture[:, ::-1] if seed % 5 == 0 else None
    try:
        mesh = inflated(picture, mask, face_limit=limit, texture_px=32, profile=profile, back=back)
    except NoSolid:
        return True
    assert len(mesh.faces) <= limit
    assert_is_closed(body(mesh))
    return False


def test_random_masks_become_closed_solids() -> None:
    assert sum(map(is_refused, range(QUICK_MASKS))) <= MOST_REFUSED * QUICK_MASKS


def test_thousands_of_random_masks_become_closed_solids(every: int) -> None:
    masks = range(QUICK_MASKS, QUICK_MASKS + MASKS, every)
    assert sum(map(is_refused, masks)) <= MOST_REFUSED * len(masks)


def odd_picture(seed: int) -> bytes:
    """Scribbles, gradients, stripes and text on odd canvases, with and without transparency."""
    chance = np.random.default_rng(seed)
    width, height = (int(side) for side in np.exp(chance.uniform(0, 6, 2)))
    mode = ("RGB", "RGBA", "L", "1", "P")[seed % 5]
    picture = Image.fromarray(gradient(chance, max(1, width), max(1, height)))
    draw = ImageDraw.Draw(picture, "RGBA")
    for _ in range(int(chance.integers(0, 12))):
        ink = tuple(int(value) for value in chance.integers(0, 256, 3))
        places = chance.uniform(-0.2, 1.2, (2, 2)) * (width, height)
        low, high = places.min(0), places.max(0) + 1
        shape = (draw.ellipse, draw.rectangle, draw.line)[int(chance.integers(3))]
        shape([*low, *high], fill=ink)
    if mode == "RGBA":
        alpha = cv2.resize(chance.random((5, 7)).astype(np.float32), picture.size, interpolation=cv2.INTER_CUBIC)
        picture.putalpha(Image.fromarray((np.clip(alpha * 2 - 0.5, 0, 1) * 255).astype(np.uint8)))
    return encoded(picture.convert(mode), "PNG")


def gradient(chance: np.random.Generator, width: int, height: int) -> NDArray[Any]:
    corners = chance.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    if chance.random() < 0.4:
        corners[:] = corners[0, 0]
    return np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def check_odd_picture(seed: int) -> None:
    style, picture = STYLES[seed % 7 % len(STYLES)], odd_picture(seed)
    with Image.open(io.BytesIO(picture)) as opened:
        assert min(opened.size) >= 1
    glb = make_model(
        picture,
        name="x",
        face_limit=100 + 37 * seed,
        style=style,
        height_m=0.1 if seed % 4 == 0 else None,
        back=odd_picture(seed + 1) if seed % 6 == 0 else None,
    )
    assert read_facts(glb).face_count <= 100 + 37 * seed
    shape = body_of(glb)
    if seed % 4 == 0:
        shape.apply_scale(1 / max(shape.extents))
    assert_is_closed(shape)


@pytest.mark.parametrize("seed", range(QUICK_PICTURES))
def test_odd_pictures_become_closed_models_in_every_style(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    check_odd_picture(seed)

    assert not [record for record in caplog.records if record.levelname == "ERROR"]  # no fault was hidden by a relief


@pytest.mark.parametrize("first", range(QUICK_PICTURES, PICTURES, 10))
def test_hundreds_of_odd_pictures_become_closed_models(
    first: int, caplog: pytest.LogCaptureFixture, every: int
) -> None:
    for seed in range(first, first + 10, every):
        check_odd_picture(seed)

    assert not [record for record in caplog.records if record.levelname == "ERROR"]
