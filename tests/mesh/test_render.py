"""Pictures of models, by what must be seen in them."""

from __future__ import annotations

import io

import numpy as np
import trimesh
from PIL import Image

from core.mesh.render import View, drawn, thumbnail, turntable
from core.mesh.surface import read_surface
from tests.mesh.models import USHORTS, Written, ball, box, glb_of, mean_colour, textured


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_thumbnail_is_transparent_around_the_model() -> None:
    seen = pixels(thumbnail(read_surface(glb_of(ball(4))), side_px=128))

    assert seen.shape == (128, 128, 4)
    assert seen[0, 0, 3] == seen[-1, -1, 3] == 0
    assert seen[64, 64, 3] == 255
    share = (seen[..., 3] > 128).mean()
    assert 0.55 < share < 0.8  # a ball fills its picture but for the corners


def test_textures_are_the_right_way_up() -> None:
    surface = read_surface(glb_of(textured(ball(4))))
    seen = drawn(surface, side_px=96, view=View(around=40, above=0)).astype(int)

    above, below = seen[20, 48], seen[76, 48]
    assert above[2] > above[0] + 40, "blue above"
    assert below[0] > below[2] + 40, "red below"


def test_the_nearer_part_hides_the_farther() -> None:
    front, back = box(0.5, 0.5, 0.1), box(1, 1, 0.1)
    front.visual.face_colors = [0, 220, 0, 255]
    back.visual.face_colors = [220, 0, 0, 255]
    front.apply_translation([0, 0, 1])
    seen = drawn(read_surface(glb_of(front, back)), side_px=96, view=View(around=0, above=0)).astype(int)
    turned = drawn(read_surface(glb_of(front, back)), side_px=96, view=View(around=180, above=0)).astype(int)

    assert seen[48, 48, 1] > seen[48, 48, 0] + 40
    assert turned[48, 48, 0] > turned[48, 48, 1] + 40


def test_it_agrees_with_the_outline_that_is_computed() -> None:
    """The share of the picture that a box seen from the front covers, by plain perspective."""
    surface = read_surface(glb_of(box(1, 1, 1)))
    seen = drawn(surface, side_px=256, view=View(around=0, above=0))
    radius = np.sqrt(3) / 2
    distance = 1.02 / np.sin(np.radians(15))
    near = 0.5 / radius
    side = near / (distance - near) / np.tan(np.radians(15))  # of half the picture
    assert abs((seen[..., 3] > 128).mean() - side**2) < 0.01


def test_a_turntable_turns() -> None:
    flat = textured(box(1, 1, 0.2))
    moving = Image.open(io.BytesIO(turntable(read_surface(glb_of(flat)), side_px=64, frames=4)))

    assert (moving.format, moving.n_frames) == ("WEBP", 4)
    frames = []
    for number in range(4):
        moving.seek(number)
        frames.append(np.asarray(moving.convert("RGBA"), int)[..., 3])
    assert (np.abs(frames[0] - frames[1]) > 100).mean() > 0.05


def test_a_flat_sheet_seen_from_its_edge_and_a_tiny_and_a_huge_model_are_drawn() -> None:
    for scale in (1e-6, 1.0, 1e6):
        body = box(1, 1, 0.0001)
        body.apply_scale(scale)
        assert pixels(thumbnail(read_surface(glb_of(body)), side_px=64))[..., 3].max() == 255


def test_a_plain_model_is_lit() -> None:
    plain = trimesh.Trimesh(ball(3).vertices, ball(3).faces)
    assert min(mean_colour(thumbnail(read_surface(glb_of(plain)), side_px=64))) > 60


def test_colours_of_points_count_beside_a_material() -> None:
    """Source: glTF 2.0, 3.9.2: they multiply the base colour."""
    file = Written(materials=[{"pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 1]}}])
    body = box(1, 1, 1)
    given = file.part["attributes"]
    given["POSITION"] = file.numbers(body.vertices, "VEC3")
    given["COLOR_0"] = file.numbers(np.tile([1.0, 0, 0, 1], (8, 1)), "VEC4", component=USHORTS, normalized=True)
    part = file.part
    part |= {"indices": file.numbers(body.faces.ravel(), "SCALAR", component=5125), "material": 0}
    red, green, _ = mean_colour(thumbnail(read_surface(file.glb()), side_px=64))

    assert red > 100
    assert green < 20
