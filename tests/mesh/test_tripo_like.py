"""What Tripo's models may be like, through every look and every export; the heavy ones by `tests.mesh.tripo_like`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.domain.export import Compression, ExportOrder, Format
from core.mesh import packing
from core.mesh.formats import exported
from core.mesh.header import read_header
from core.mesh.render import View, drawn
from core.mesh.surface import read_surface
from core.sandbox.models import ModelChildren
from core.settings import harmless_environment
from tests.mesh.models import ball, glb_of
from tests.mesh.tripo_like import BELLY, LEFT, RIGHT, Like, tripo_like

LIKES = {
    "P1": Like(faces=5000, texture_px=256),
    "v3.1": Like(faces=40_000, texture_px=512, is_placed=True, has_extra_looks=True),
    "compressed": Like(is_quantized=True, is_packed=True),
    "quantized, placed": Like(is_quantized=True, is_placed=True),
    "in parts": Like(parts=4, is_quantized=True),
    "in parts, compressed": Like(parts=3, is_quantized=True, is_packed=True, has_extra_looks=True),
}
EXTENTS = (0.729, 1.021, 0.814)  # of the builder's body, by its formula, at 500,000 faces
ORDERS = [
    *(ExportOrder(format=kind, height_mm=80) for kind in Format if kind is not Format.GLB),
    *(ExportOrder(format=Format.GLB, compression=each) for each in (Compression.DRACO, Compression.MESHOPT)),
    *(ExportOrder(format=Format.GLB, faces=1500, compression=each) for each in Compression),
]


@pytest.fixture
def sandbox() -> Iterator[ModelChildren]:
    made = ModelChildren(environment=harmless_environment())
    yield made
    made.close()


@pytest.mark.parametrize("name", LIKES)
def test_it_is_drawn_with_its_pictures_in_their_places(name: str) -> None:
    surface = read_surface(tripo_like(LIKES[name]))

    np.testing.assert_allclose(np.ptp(surface.vertices, axis=0), EXTENTS, rtol=0.01)
    front = drawn(surface, side_px=96, view=View(around=0, above=0)).astype(float)
    back = drawn(surface, side_px=96, view=View(around=180, above=0)).astype(float)
    assert colours(front) == colours(back)[::-1] == ["right", "left"]
    assert colour_of(front[82, 48]) == colour_of(back[82, 48]) == "belly"


def colours(picture: np.ndarray) -> list[str]:
    """Left and right of the middle."""
    return [colour_of(picture[40, column]) for column in (34, 62)]


def colour_of(pixel: np.ndarray) -> str:
    names = {"left": LEFT, "right": RIGHT, "belly": BELLY}
    assert pixel[3] == 255
    seen = pixel[:3] / pixel[:3].max()
    return min(names, key=lambda each: float(np.abs(seen - np.array(names[each]) / max(names[each])).sum()))


@pytest.mark.parametrize("compression", [Compression.DRACO, Compression.MESHOPT])
def test_parts_that_share_their_points_are_packed_and_still_touch(compression: Compression) -> None:
    model = tripo_like(LIKES["in parts"])
    plain = tripo_like(Like(parts=4))
    for faces in (None, 1500):
        order = ExportOrder(format=Format.GLB, compression=compression, faces=faces)
        written, facts = exported(model, order, name="thing")

        assert facts.is_watertight
        header = read_header(written)
        assert header.geometry_bytes < 0.7 * read_header(plain).geometry_bytes
        assert any("compression" in name for name in header.extensions)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIKES)
def test_every_look_and_every_export_works_in_a_real_child(name: str, sandbox: ModelChildren, every: int) -> None:
    model = tripo_like(LIKES[name])
    looked = sandbox.look(model)
    assert looked.shape is not None
    assert looked.shape.is_watertight
    assert (looked.shape.body_count, looked.shape.degenerate_count, looked.shape.duplicate_count) == (1, 0, 0)
    assert looked.shape.extents_m == pytest.approx(EXTENTS, rel=0.01)
    assert Image.open(io.BytesIO(looked.thumbnail)).size == (512, 512)
    assert Image.open(io.BytesIO(sandbox.turntable(model))).n_frames == 24

    whole = read_header(model).face_count
    first = list(LIKES).index(name) % every
    for order in ORDERS[first::every]:
        written, facts = sandbox.export(model, order, name="thing")
        assert facts.is_watertight, order
        assert facts.face_count == (whole if order.faces is None else pytest.approx(order.faces, rel=0.1)), order
        if order.format is Format.OBJ:
            with zipfile.ZipFile(io.BytesIO(written)) as archive:
                pictures = [each for each in archive.namelist() if each.endswith((".jpg", ".jpeg", ".png"))]
            assert len(pictures) == 1, "what is the same for all parts is there once"
        if order.format is Format.GLB:
            uses = {channel for texture in read_header(written).textures for channel in texture.channels}
            assert uses == {"base colour", "metal and roughness", "normal"}


def test_many_parts_that_stand_in_one_place_are_measured_once_and_not_each_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[int] = []
    grid = packing._grid

    def counted(points: list[Any]) -> packing.Grid:
        measured.append(len(points))
        return grid(points)

    monkeypatch.setattr(packing, "_grid", counted)
    again = packing.packed(glb_of(*(ball(1, 0.5 + part / 1000) for part in range(60))), Compression.DRACO)

    assert measured == [60]
    assert read_header(again).mesh_count == 60
