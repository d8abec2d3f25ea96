"""Masks become closed solids, whatever their shape."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.generators.offline.cutout import cleaned
from core.generators.offline.relief import relief
from core.generators.offline.solid import NoSolid, inflated
from tests.generators.offline.shapes import assert_is_closed, body, disc, plain

BLOTCHES, LINES, CHECKS, DUST = range(4)


def random_mask(seed: int) -> NDArray[Any]:
    """Blotches, crossing lines, a chequerboard or dust: worse than any cut-out."""
    chance = np.random.default_rng(seed)
    height, width = (int(side) for side in chance.integers(40, 260, 2))
    kind = seed % 4
    if kind == LINES:
        mask = np.zeros((height, width), np.float32)
        for _ in range(8):
            ends = chance.integers(0, [width, height], (2, 2)).tolist()
            cv2.line(mask, ends[0], ends[1], 1.0, int(chance.integers(1, 6)))
        return mask
    if kind == CHECKS:
        return (np.indices((height, width)).sum(0) // int(chance.integers(2, 9)) % 2).astype(np.float32)
    noise = chance.random((height, width)).astype(np.float32)
    if kind == DUST:
        return noise
    noise = cv2.GaussianBlur(noise, (0, 0), float(chance.uniform(0.7, 14)))
    return cleaned((noise > np.quantile(noise, chance.uniform(0.2, 0.9))).astype(np.float32))


@pytest.mark.parametrize("seed", range(60))
def test_any_mask_becomes_one_closed_body_within_the_face_limit(seed: int) -> None:
    mask = random_mask(seed)
    face_limit = [100, 300, 1200, 6000][seed // 4 % 4]
    picture = np.random.default_rng(seed).integers(0, 255, (*mask.shape, 3), dtype=np.uint8)
    try:
        mesh = inflated(picture, mask, face_limit=face_limit, texture_px=64)
    except NoSolid:
        assert face_limit < 1200  # only so few faces are too few for so torn an outline
        mesh = relief(picture, face_limit=face_limit, texture_px=64)

    assert len(mesh.faces) <= face_limit
    assert_is_closed(body(mesh))
    assert np.abs(np.linalg.norm(mesh.normals, axis=1) - 1).max() < 1e-3
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1


def test_a_disc_becomes_a_round_lens_as_wide_as_high() -> None:
    mesh = inflated(plain(disc()), disc(), face_limit=8000, texture_px=128)

    width, height, depth = body(mesh).extents
    assert width == pytest.approx(1, abs=0.01)
    assert height == pytest.approx(1, abs=0.01)
    assert 0.35 < depth < 0.75
    assert len(mesh.faces) > 6000  # the limit is used


def test_the_hole_of_a_ring_stays_open() -> None:
    ring = disc(radius=0.4) - disc(radius=0.2)
    shape = body(inflated(plain(ring), ring, face_limit=4000, texture_px=64))

    assert shape.euler_number == 0  # a torus


def test_two_parts_stay_two_bodies() -> None:
    two = disc(radius=0.15, centre=(0.25, 0.5)) + disc(radius=0.2, centre=(0.7, 0.5))

    assert body(inflated(plain(two), two, face_limit=4000, texture_px=64)).body_count == 2


def test_an_object_cut_by_the_edge_of_the_picture_ends_in_a_flat_wall() -> None:
    bust = disc(radius=0.4, centre=(0.5, 1.0))
    shape = body(inflated(plain(bust), bust, face_limit=6000, texture_px=64))

    assert_is_closed(shape)
    bottom = shape.vertices[:, 1] < shape.vertices[:, 1].min() + 1e-6
    assert np.ptp(shape.vertices[bottom, 2]) > 0.4 * shape.extents[2]


def test_an_object_that_fills_the_picture_becomes_a_closed_block() -> None:
    full = np.ones((80, 120), np.float32)

    assert_is_closed(body(inflated(plain(full), full, face_limit=2000, texture_px=64)))


def test_more_faces_are_used_when_more_are_allowed() -> None:
    few, many = (inflated(plain(disc()), disc(), face_limit=limit, texture_px=64) for limit in (200, 20_000))

    assert len(few.faces) <= 200
    assert 14_000 < len(many.faces) <= 20_000


@pytest.mark.parametrize("shape", [(1, 90), (90, 1)])
def test_a_single_line_of_pixels_is_no_solid(shape: tuple[int, int]) -> None:
    line = np.zeros(shape, np.float32)
    line.flat[20:70] = 1

    with pytest.raises(NoSolid, match="single line"):
        inflated(plain(line), line, face_limit=1000, texture_px=64)


def test_a_speck_is_no_solid() -> None:
    speck = np.zeros((100, 100), np.float32)
    speck[50:53, 50:53] = 1

    with pytest.raises(NoSolid):
        inflated(plain(speck), speck, face_limit=1000, texture_px=64)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (64, 4096), (900, 70), (300, 300)])
@pytest.mark.parametrize("face_limit", [100, 1500])
def test_a_picture_of_any_shape_becomes_a_closed_relief_within_the_face_limit(
    shape: tuple[int, int], face_limit: int
) -> None:
    picture = np.random.default_rng(3).integers(0, 255, (*shape, 3), dtype=np.uint8)
    mesh = relief(picture, face_limit=face_limit, texture_px=256)

    assert len(mesh.faces) <= face_limit
    assert_is_closed(body(mesh))
