"""What a model is good for: each limit, from both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.domain.mesh_report import Light, MeshReport, ShapeFacts, TextureFacts, Use
from core.mesh.header import read_header
from core.mesh.shape import measure
from core.mesh.verdicts import verdicts
from tests.mesh.models import ball, box, glb_of, textured

HEADER = read_header(glb_of(textured(ball(2))))
SOLID = measure(box(1, 1, 1).vertices, box(1, 1, 1).faces)


def lights(shape: ShapeFacts | None = SOLID, problem: str = "", **header: Any) -> dict[Use, Light]:
    report = MeshReport(header=replace(HEADER, **header), shape=shape, problem=problem)
    found = verdicts(report)
    assert [each.use for each in found] == list(Use)
    assert all(each.reason.endswith(".") and (not each.remedy or each.remedy.endswith(".")) for each in found)
    assert all(each.remedy for each in found if each.light is Light.RED)
    return {each.use: each.light for each in found}


@pytest.mark.parametrize(
    ("size", "light"), [(9_000_000, Light.GREEN), (11_000_000, Light.AMBER), (41_000_000, Light.RED)]
)
def test_the_web_judges_by_size(size: int, light: Light) -> None:
    assert lights(file_bytes=size)[Use.WEB] is light


@pytest.mark.parametrize(("faces", "light"), [(50_000, Light.GREEN), (50_001, Light.AMBER), (300_001, Light.RED)])
def test_games_judge_by_faces(faces: int, light: Light) -> None:
    assert lights(face_count=faces)[Use.GAMES] is light


def test_ar_judges_by_size_faces_textures_and_how_large_it_would_stand() -> None:
    assert lights()[Use.AR] is Light.GREEN
    assert lights(file_bytes=20_000_000)[Use.AR] is Light.AMBER
    assert lights(file_bytes=60_000_000)[Use.AR] is Light.RED
    assert lights(face_count=600_000)[Use.AR] is Light.RED
    huge = TextureFacts(width_px=8192, height_px=8192, size_bytes=1, media_type="image/png", channels=())
    assert lights(textures=(huge,))[Use.AR] is Light.AMBER
    assert lights(bounds_m=((0, 0, 0), (90.0, 1, 1)))[Use.AR] is Light.AMBER
    assert lights(bounds_m=((0, 0, 0), (0.001, 0.001, 0.001)))[Use.AR] is Light.AMBER


def test_printing_judges_by_the_shape() -> None:
    assert lights()[Use.PRINT] is Light.GREEN
    assert lights(replace(SOLID, is_watertight=False))[Use.PRINT] is Light.RED
    assert lights(replace(SOLID, has_consistent_winding=False))[Use.PRINT] is Light.RED
    assert lights(replace(SOLID, base_share=0.1))[Use.PRINT] is Light.AMBER
    assert lights(replace(SOLID, body_count=3))[Use.PRINT] is Light.AMBER
    assert lights(replace(SOLID, thin_share=0.05))[Use.PRINT] is Light.AMBER
    assert lights(replace(SOLID, thin_share=0.5))[Use.PRINT] is Light.RED
    assert lights(None)[Use.PRINT] is Light.AMBER
    assert lights(None, "It is too large.")[Use.PRINT] is Light.AMBER
