"""Khronos' own validator judges every GLB that leaves an export."""

from __future__ import annotations

from pathlib import Path

import pytest
import trimesh

from core.domain.export import Compression, ExportOrder, Format
from core.generators.offline.engine import make_model
from core.mesh.formats import exported
from tests import pictures
from tests.generators.offline.test_validator import judged
from tests.mesh.models import BYTES, SHORTS, UBYTES, USHORTS, arm, ball, box, glb_of, quad, textured

pytestmark = pytest.mark.slow


def models() -> dict[str, bytes]:
    scene = trimesh.Scene()
    scene.add_geometry(box(1, 1, 1), node_name="plain")
    scene.add_geometry(textured(ball(3)), node_name="pictured")
    painted = ball(2)
    painted.visual.vertex_colors = [200, 100, 50, 255]
    return {
        "textured": glb_of(textured(ball(4))),
        "plain": glb_of(box(1, 2, 3)),
        "two materials": bytes(scene.export(file_type="glb", include_normals=True)),
        "coloured points": glb_of(painted),
        "transformed": quad({"offset": [0, 1], "rotation": 1.5, "scale": [0.5, 0.5], "texCoord": 0}),
        "in integers": quad({"scale": [0.5, 0.5]}, uv=(USHORTS, True), place=(SHORTS, True), normal=(BYTES, True)),
        "with bones": arm(is_moved=False, weights=(UBYTES, True)),
        "the engine's": make_model(pictures.cat(), name="cat", face_limit=8000),
    }


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("faces", [None, 300])
def test_no_error_in_any_glb_that_leaves(compression: Compression, faces: int | None, tmp_path: Path) -> None:
    order = ExportOrder(format=Format.GLB, faces=faces, compression=compression)
    found = {}
    for name, data in models().items():
        written, _ = exported(data, order, name="thing")
        found[name] = [
            message
            for message in judged(written, tmp_path)["issues"]["messages"]
            if message["severity"] <= 1 and message["code"] != "UNSUPPORTED_EXTENSION"
        ]
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
