"""Figures of known bodies."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from core.mesh.shape import measure
from tests.mesh.models import ball, box, ring, textured


def test_a_box_is_what_it_is() -> None:
    shape = measure(box(1, 2, 3).vertices, box(1, 2, 3).faces)

    assert shape.is_watertight
    assert shape.has_consistent_winding
    assert shape.volume_m3 == pytest.approx(6)
    assert shape.area_m2 == pytest.approx(22)
    assert (shape.body_count, shape.degenerate_count, shape.duplicate_count) == (1, 0, 0)
    assert shape.extents_m == pytest.approx((1, 2, 3))
    assert shape.base_share == pytest.approx(1, abs=0.01)
    assert shape.thin_share == 0


def test_texture_seams_are_no_holes() -> None:
    flat = textured(ball(3))
    shape = measure(flat.vertices, flat.faces)

    assert shape.is_watertight
    assert shape.merged_vertex_count == 642
    assert shape.volume_m3 == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.02)


def test_a_hole_a_flipped_face_and_a_double_one_are_seen() -> None:
    body = ball(2)
    assert not measure(body.vertices, body.faces[1:]).is_watertight

    flipped = body.faces.copy()
    flipped[0] = flipped[0][::-1]
    shape = measure(body.vertices, flipped)
    assert shape.is_watertight
    assert not shape.has_consistent_winding
    assert shape.volume_m3 is None

    double = np.vstack([body.faces, body.faces[:3]])
    assert measure(body.vertices, double).duplicate_count == 3
    line = np.vstack([body.faces, [[0, 0, 1]]])
    assert measure(body.vertices, line).degenerate_count == 1


def test_parts_are_counted_and_points_of_no_face_are_left_out() -> None:
    far = ball(1)
    far.apply_translation([5, 0, 0])
    both = trimesh.util.concatenate([ball(1), far])
    assert measure(both.vertices, both.faces).body_count == 2

    lonely = np.vstack([box().vertices, [[100, 100, 100]]])
    assert measure(lonely, box().faces).extents_m == pytest.approx((1, 1, 1))


def test_a_sheet_is_thin_and_a_ball_is_not_and_rolls() -> None:
    sheet = box(1, 1, 0.002).subdivide().subdivide()
    assert (measure(sheet.vertices, sheet.faces).thin_share or 0) > 0.9
    round_one = measure(ball(4).vertices, ball(4).faces)
    assert round_one.thin_share == 0
    assert round_one.base_share < 0.1


def test_a_ring_has_its_volume() -> None:
    shape = measure(ring().vertices, ring().faces)

    assert shape.is_watertight
    assert shape.volume_m3 == pytest.approx(2 * np.pi**2 * 0.5 * 0.2**2, rel=0.03)
