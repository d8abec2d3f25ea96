"""Models that move: kept whole where a file can hold it, and in their rest pose everywhere else."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.errors import ModelInvalid
from core.domain.export import Compression, ExportOrder, Format
from core.mesh.formats import exported
from core.mesh.header import read_header
from core.mesh.shape import measure
from core.mesh.surface import read_surface
from core.mesh.unpacked import unpacked
from tests.mesh.models import FLOATS, UBYTES, USHORTS, Written, arm, box
from tests.mesh.test_texture_coordinates import changed, description

# An upright post with a thickness of 0.1 whose upper half lies along -X, from the middle of the lower one
LOW, HIGH = [-0.5, 0.0, -0.05], [0.05, 0.55, 0.05]


@pytest.mark.parametrize("joints", [UBYTES, USHORTS])
@pytest.mark.parametrize("weights", [(FLOATS, False), (UBYTES, True), (USHORTS, True)])
def test_a_model_with_bones_stands_as_its_bones_stand(joints: int, weights: tuple[int, bool]) -> None:
    surface = read_surface(arm(joints=joints, weights=weights))

    np.testing.assert_allclose(surface.vertices.min(axis=0), LOW, atol=1e-5)
    np.testing.assert_allclose(surface.vertices.max(axis=0), HIGH, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1, atol=1e-5)
    end = surface.normals[surface.vertices[:, 0] < -0.45]
    assert end[:, 0].mean() < -0.3, "what looked up looks towards -X"


@pytest.mark.parametrize("kind", Format)
def test_every_export_holds_the_rest_pose(kind: Format) -> None:
    written, facts = exported(arm(), ExportOrder(format=kind, faces=100, height_mm=55), name="arm")

    expected = (55, 10, 55) if kind in (Format.STL, Format.THREE_MF) else (0.55, 0.55, 0.1)
    assert facts.extents == pytest.approx(expected, rel=0.02)
    assert facts.is_watertight
    if kind is Format.GLB:
        header = read_header(written)
        assert (header.animation_count, header.skin_count) == (0, 0)
        assert measure(read_surface(written).vertices, read_surface(written).faces).extents_m == pytest.approx(
            (0.55, 0.55, 0.1), rel=0.02
        )


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("joints", [UBYTES, USHORTS])
def test_all_faces_keep_animations_and_skins_however_packed(compression: Compression, joints: int) -> None:
    model = arm(joints=joints)
    written, _ = exported(model, ExportOrder(format=Format.GLB, compression=compression), name="arm")

    header = read_header(written)
    assert (header.animation_count, header.skin_count) == (1, 1)
    before, after = unpacked(model), unpacked(written)
    for name in ("skins", "animations", "nodes"):
        assert len(after.gltf[name]) == len(before.gltf[name])
    for file in (before, after):
        (part,) = file.primitives()
        assert file.gltf["accessors"][part["attributes"]["JOINTS_0"]]["componentType"] == joints
    for name in ("POSITION", "JOINTS_0", "WEIGHTS_0"):
        np.testing.assert_array_equal(_points(before, name), _points(after, name))
    for index in (after.gltf["skins"][0]["inverseBindMatrices"], *after.gltf["animations"][0]["samplers"][0].values()):
        np.testing.assert_array_equal(after.numbers(index), before.numbers(index))
    np.testing.assert_allclose(read_surface(written).vertices.max(axis=0), HIGH, atol=1e-5)


def _points(file: object, name: str) -> np.ndarray:
    (part,) = file.primitives()  # type: ignore[attr-defined]
    return file.numbers(part["attributes"][name])  # type: ignore[attr-defined, no-any-return]


def test_the_header_tells_no_bounds_where_bones_move_the_points() -> None:
    """Without the bones they would be 70 m."""
    assert read_header(arm()).bounds_m is None


def test_a_moved_morph_counts_and_one_at_rest_does_not() -> None:
    def morphed(**more: object) -> bytes:
        file = Written()
        body = box(1, 1, 1)
        file.part["attributes"]["POSITION"] = file.numbers(body.vertices, "VEC3")
        file.part["indices"] = file.numbers(body.faces.ravel(), "SCALAR", component=5125)
        file.part["targets"] = [{"POSITION": file.numbers(np.tile([4.0, 0, 0], (8, 1)), "VEC3")}]
        file.gltf["meshes"][0] |= more
        return file.glb()

    assert read_surface(morphed()).vertices[:, 0].max() == pytest.approx(0.5)
    assert read_surface(morphed(weights=[0.25])).vertices[:, 0].max() == pytest.approx(1.5)


@pytest.mark.parametrize(
    "skins",
    [
        [],
        [{"joints": [77]}],
        [{"joints": [2]}],
        [{"joints": [2, 3], "inverseBindMatrices": 0}],
        [{"joints": "bones"}],
        [{}],
    ],
)
def test_bones_that_contradict_the_rest_end_in_a_sentence(skins: list[object]) -> None:
    with pytest.raises(ModelInvalid, match="contradicts itself"):
        read_surface(changed(arm(), skins=skins))


def test_bones_in_a_circle_end() -> None:
    nodes = description(arm())["nodes"]
    nodes[3]["children"] = [2]
    with pytest.raises(ModelInvalid, match="nested without end"):
        read_surface(changed(arm(), nodes=nodes))
