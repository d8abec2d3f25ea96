"""Reliefs, lithophanes and coins on request; real heights; a second picture for the back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image

from core.generators.offline.engine import STYLES, make_model
from core.mesh.glb import read_facts
from core.mesh.header import read_header
from tests import drawings, pictures
from tests.generators.offline.shapes import assert_is_closed, body_of, document

pytestmark = pytest.mark.slow  # the network and the whole engine

GREEN, RED, BLUE = (20, 160, 40), (200, 30, 30), (20, 40, 200)


def kind(glb: bytes) -> Any:
    return document(glb)["asset"]["extras"]["kind"]


def seen(glb: bytes, toward: float) -> NDArray[Any]:
    """Colours of the surface that looks to the front (+1) or to the back (-1), (n, 3)."""
    (mesh,) = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False).geometry.values()
    texture = np.asarray(mesh.visual.material.baseColorTexture)
    uv = np.asarray(mesh.visual.uv)[mesh.faces[mesh.face_normals[:, 2] * toward > 0.8]].mean(1)
    rows = ((1 - uv[:, 1]) * texture.shape[0]).astype(int).clip(0, texture.shape[0] - 1)
    columns = (uv[:, 0] * texture.shape[1]).astype(int).clip(0, texture.shape[1] - 1)
    return np.asarray(texture[rows, columns], int)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("face_limit", [100, 3000])
def test_every_style_is_one_closed_body_within_the_face_limit(style: str, face_limit: int) -> None:
    glb = make_model(pictures.with_alpha(), name="x", face_limit=face_limit, style=style)

    assert_is_closed(body_of(glb))
    assert read_facts(glb).face_count <= face_limit
    assert kind(glb) == {"auto": "solid"}.get(style, style)


def test_an_unknown_style_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'cube'"):
        make_model(pictures.flat(), name="x", style="cube")


@pytest.mark.parametrize("size", [(300, 200), (200, 300)])
def test_a_lithophane_is_from_0_8_to_3_2_mm_thick_at_100_mm_width_and_thick_where_it_is_dark(
    size: tuple[int, int],
) -> None:
    picture = Image.new("L", size, 255)
    picture.paste(0, (0, 0, size[0] // 2, size[1]))
    shape = body_of(
        make_model(pictures.encoded(picture.convert("RGB"), "PNG"), name="x", face_limit=4000, style="lithophane")
    )

    vertices = shape.vertices * 100 / shape.extents[0]
    thickness = vertices[:, 2] - vertices[:, 2].min()
    raised = thickness > 1e-3
    assert thickness[raised].min() == pytest.approx(0.8, abs=0.01)
    assert thickness.max() == pytest.approx(3.2, abs=0.01)
    dark = raised & (vertices[:, 0] < -20)
    assert thickness[dark].min() > 3.1


def test_a_coin_is_round_with_a_raised_rim_and_a_flat_back() -> None:
    shape = body_of(make_model(pictures.with_alpha(), name="x", face_limit=20_000, style="coin"))

    width, height, depth = shape.extents
    assert width == pytest.approx(height, rel=1e-3)
    assert 0.05 < depth / width < 0.12
    radius = np.hypot(shape.vertices[:, 0], shape.vertices[:, 1]) / width
    low = shape.vertices[:, 2].min()
    rim = shape.vertices[(radius > 0.46) & (radius < 0.485), 2].max() - low
    field = shape.vertices[(radius > 0.40) & (radius < 0.43) & (shape.vertices[:, 2] > low + 1e-3), 2].min() - low
    assert rim > field + 0.02 * width


@pytest.mark.parametrize("height_m", [0.002, 0.11, 1.7, 330.0])
@pytest.mark.parametrize("style", ["auto", "lithophane"])
def test_the_model_is_exactly_as_high_as_the_object(height_m: float, style: str) -> None:
    glb = make_model(drawings.transparent_star(), name="x", face_limit=800, style=style, height_m=height_m)
    position = next(entry for entry in document(glb)["accessors"] if "min" in entry)

    assert position["max"][1] - position["min"][1] == pytest.approx(height_m, rel=1e-6)


@pytest.mark.parametrize("height_m", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_height_is_refused(height_m: float) -> None:
    with pytest.raises(ValueError, match="height"):
        make_model(pictures.flat(), name="x", height_m=height_m)


def test_the_picture_of_the_back_is_on_the_back_and_mirrored() -> None:
    glb = make_model(on_glass(GREEN, GREEN), name="x", face_limit=3000, back=on_glass(BLUE, RED))

    assert np.median(seen(glb, 1), 0) == pytest.approx(GREEN, abs=25)
    behind = seen(glb, -1)
    red = (np.abs(behind - RED).max(1) < 40).mean()
    blue = (np.abs(behind - BLUE).max(1) < 40).mean()
    assert red > 0.35
    assert blue > 0.35
    (mesh,) = trimesh.load_scene(io.BytesIO(glb), file_type="glb", process=False).geometry.values()
    places = mesh.triangles_center[mesh.face_normals[:, 2] < -0.8][:, 0]
    # from behind, left is +X
    assert places[np.abs(behind - BLUE).max(1) < 40].mean() > 0.1


def on_glass(left: tuple[int, int, int], right: tuple[int, int, int]) -> bytes:
    """A square of two colours, transparent around it."""
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    picture.paste((*left, 255), (60, 60, 150, 240))
    picture.paste((*right, 255), (150, 60, 240, 240))
    return pictures.encoded(picture, "PNG")


def blank(colour: str) -> bytes:
    return pictures.encoded(Image.new("RGB", (400, 300), colour), "PNG")


@pytest.mark.parametrize("colour", ["white", "black", "#88aa44"])
@pytest.mark.parametrize(
    ("style", "made"), [("auto", "relief instead"), ("solid", "relief instead"), ("coin", "embossed on a disc instead")]
)
def test_a_picture_without_an_object_says_so_and_what_was_made_instead(style: str, made: str, colour: str) -> None:
    header = read_header(make_model(blank(colour), name="x", face_limit=500, style=style))

    assert header.has_no_object
    assert "No object was found in the picture" in header.note
    assert made in header.note


@pytest.mark.parametrize("style", ["relief", "lithophane"])
def test_what_needs_no_object_misses_none(style: str) -> None:
    header = read_header(make_model(blank("white"), name="x", face_limit=500, style=style))

    assert not header.has_no_object


@pytest.mark.parametrize("style", ["auto", "coin"])
def test_a_picture_with_an_object_misses_none(style: str) -> None:
    header = read_header(make_model(pictures.with_alpha(), name="x", face_limit=500, style=style))

    assert not header.has_no_object
    assert header.note
