"""What the description of a GLB tells, without its geometry."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
import trimesh
from PIL import Image

from core.domain.errors import ModelInvalid
from core.mesh.header import picture_size, read_header
from tests.fake_generator import glb
from tests.mesh.models import ball, box, glb_of, textured


def changed(**parts: object) -> bytes:
    data = glb()
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length]) | {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]} | parts
    document["accessors"][0] |= {"min": [-1, -2, -3], "max": [1, 2, 5]}
    return glb(json.dumps(document).encode())


def test_counts_size_and_textures_of_a_real_model() -> None:
    data = glb_of(textured(ball(3)))
    facts = read_header(data)

    assert facts.face_count == 1280
    assert facts.vertex_count == 3840
    assert facts.bounds_m is not None
    np.testing.assert_allclose(facts.bounds_m, [[-0.5] * 3, [0.5] * 3], atol=1e-6)
    (texture,) = facts.textures
    assert (texture.width_px, texture.height_px, texture.channels) == (128, 64, ("base colour",))
    assert facts.file_bytes == len(data) > facts.geometry_bytes + facts.texture_bytes
    assert facts.texture_bytes == texture.size_bytes > 0


def test_instances_are_counted_and_moved_parts_are_where_they_are() -> None:
    scene = trimesh.Scene()
    scene.add_geometry(box(1, 1, 1), geom_name="b", node_name="one")
    for number in range(3):
        matrix = np.eye(4)
        matrix[0, 3] = 2.0 * (number + 1)
        scene.graph.update(f"again {number}", geometry="b", matrix=matrix)
    facts = read_header(bytes(scene.export(file_type="glb")))

    assert (facts.face_count, facts.mesh_count) == (48, 1)
    assert facts.bounds_m is not None
    np.testing.assert_allclose(facts.bounds_m, [[-0.5, -0.5, -0.5], [6.5, 0.5, 0.5]], atol=1e-6)


def test_turned_and_scaled_parts_have_the_right_bounds() -> None:
    half = float(np.sqrt(0.5))
    facts = read_header(
        changed(nodes=[{"mesh": 0, "rotation": [0, half, 0, half], "scale": [2, 3, 4], "translation": [10, 0, 0]}])
    )
    plain = read_header(changed())
    assert plain.bounds_m is not None
    assert facts.bounds_m is not None
    corners = np.array([[plain.bounds_m[i >> k & 1][k] for k in range(3)] for i in range(8)]) * [2, 3, 4]
    turned = np.stack([corners[:, 2], corners[:, 1], -corners[:, 0]], axis=1) + np.array([10, 0, 0])
    np.testing.assert_allclose(facts.bounds_m, [turned.min(axis=0), turned.max(axis=0)], atol=1e-6)


@pytest.mark.parametrize(
    "nodes",
    [
        [{"mesh": 0, "children": [1]}, {"children": [0]}],
        [{"mesh": 0, "children": [0]}],
        [{"mesh": 0, "children": [1, 1]}] + [{"children": [i + 2, i + 2]} for i in range(40)] + [{}, {}],
    ],
)
def test_trees_without_end_are_refused(nodes: list[dict[str, object]]) -> None:
    with pytest.raises(ModelInvalid, match="nested without end"):
        read_header(changed(nodes=nodes))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_the_size_of_a_picture_is_read_from_its_first_bytes(kind: str, options: dict[str, bool]) -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), (9, 99, 200)).save(out, kind, **options)

    assert picture_size(out.getvalue()) == (300, 200)


def test_a_picture_nobody_knows_has_no_size() -> None:
    assert picture_size(b"GIF89a") == (0, 0)
    assert picture_size(b"") == (0, 0)
