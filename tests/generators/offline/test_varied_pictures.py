"""The whole engine, with its network, on real and drawn pictures."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from core.generators.offline.engine import make_model
from core.imaging.picture import prepare
from core.mesh.glb import read_facts
from tests.drawings import PHOTOS
from tests.generators.offline.conftest import FACE_LIMIT
from tests.generators.offline.shapes import assert_is_closed, body_of, document
from tests.pictures import VARIED, encoded

pytestmark = pytest.mark.slow
SOLID = ("product on white", "portrait", "with alpha", "dark and cluttered", "line art", "phone photo", "cat")
RELIEF = ("noise", "one colour")


@pytest.mark.parametrize("name", VARIED)
def test_every_picture_becomes_one_closed_body_within_the_face_limit(
    name: str, model_of: Callable[[str], bytes]
) -> None:
    glb = model_of(name)

    assert FACE_LIMIT * 0.7 < read_facts(glb).face_count <= FACE_LIMIT
    assert read_facts(glb).texture_count == 1
    shape = body_of(glb)
    assert_is_closed(shape)
    assert max(shape.extents) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", SOLID)
def test_an_object_that_stands_out_becomes_a_solid(name: str, model_of: Callable[[str], bytes]) -> None:
    assert document(model_of(name))["asset"]["extras"]["kind"] == "solid"
    assert body_of(model_of(name)).extents[2] > 0.1


@pytest.mark.parametrize("name", RELIEF)
def test_a_picture_without_an_object_becomes_a_relief(name: str, model_of: Callable[[str], bytes]) -> None:
    assert document(model_of(name))["asset"]["extras"]["kind"] == "relief"


def test_many_like_objects_become_a_relief_unless_a_solid_is_asked_for() -> None:
    coins = PHOTOS["coins"]()

    assert document(make_model(coins, name="coins", face_limit=3000))["asset"]["extras"]["kind"] == "relief"
    forced = make_model(coins, name="coins", face_limit=3000, style="solid")
    assert document(forced)["asset"]["extras"]["kind"] == "solid"
    assert_is_closed(body_of(forced))


@pytest.mark.parametrize("page", [(255, 255, 255), (200, 205, 210), (90, 120, 90)])
def test_a_photo_of_a_cat_on_a_plain_page_becomes_a_solid(page: tuple[int, int, int]) -> None:
    picture = Image.new("RGB", (700, 500), page)
    with Image.open(io.BytesIO(VARIED["cat"]())) as cat:
        picture.paste(cat.resize((300, 200)), (200, 150))
    glb = make_model(encoded(picture, "JPEG"), name="cat", face_limit=3000)

    assert document(glb)["asset"]["extras"]["kind"] == "solid"


def test_the_cup_keeps_its_handle_and_leaves_its_shadow(model_of: Callable[[str], bytes]) -> None:
    shape = body_of(model_of("product on white"))

    assert shape.euler_number == 0  # one hole
    width, height, _ = shape.extents
    assert 0.75 < height / width < 1.15  # with the shadow it would be wider


def test_the_network_decides_the_same_every_time(model_of: Callable[[str], bytes]) -> None:
    picture = prepare(VARIED["portrait"](), max_bytes=10**8).data

    assert make_model(picture, name="portrait", face_limit=FACE_LIMIT) == model_of("portrait")
