"""Every export is read again by another reader than the one that wrote it, and holds the same model."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import trimesh
from PIL import Image

from core.domain.errors import ExportFailed
from core.domain.export import Compression, ExportOrder, Format
from core.mesh import formats
from core.mesh.formats import exported
from core.mesh.header import read_header
from core.mesh.render import thumbnail
from core.mesh.shape import measure
from core.mesh.surface import read_surface
from tests.mesh.models import ball, box, glb_of, mean_colour, ring, textured

WHOLE = glb_of(textured(ball(4)))  # 5120 faces


@pytest.mark.parametrize("kind", Format)
def test_faces_size_and_closedness_are_kept(kind: Format) -> None:
    written, facts = exported(WHOLE, ExportOrder(format=kind, height_mm=80), name="ball")

    assert facts.face_count == 5120
    assert facts.is_watertight
    assert facts.size_bytes == len(written)
    side = 80 if kind in (Format.STL, Format.THREE_MF) else 1.0
    assert facts.extents == pytest.approx((side, side, side), rel=0.01)


def test_a_print_is_in_millimetres_z_up_and_stands_on_the_plate() -> None:
    written, _ = exported(glb_of(box(1, 2, 0.5)), ExportOrder(format=Format.STL, height_mm=50), name="box")
    low, high = trimesh.load_mesh(io.BytesIO(written), file_type="stl").bounds

    np.testing.assert_allclose(low, [-12.5, -6.25, 0], atol=1e-3)
    np.testing.assert_allclose(high, [12.5, 6.25, 50], atol=1e-3)


def test_a_3mf_says_its_unit() -> None:
    written, _ = exported(WHOLE, ExportOrder(format=Format.THREE_MF, height_mm=50), name="ball")
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        model = next(archive.read(name) for name in archive.namelist() if name.endswith(".model"))

    assert b'unit="millimeter"' in model


def test_an_obj_comes_with_bright_materials_and_its_texture() -> None:
    written, _ = exported(WHOLE, ExportOrder(format=Format.OBJ), name="ball")
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        names = archive.namelist()
        material = archive.read("ball.mtl").decode()
        text = archive.read("ball.obj").decode()
        (picture,) = [name for name in names if name.endswith((".png", ".jpg", ".jpeg"))]
        assert Image.open(io.BytesIO(archive.read(picture))).size == (128, 64)

    assert "mtllib ball.mtl" in text
    assert f"map_Kd {picture}" in material
    assert "Kd 1.0" in material


def test_a_ply_has_the_colours_of_the_texture() -> None:
    written, _ = exported(WHOLE, ExportOrder(format=Format.PLY), name="ball")
    mesh = trimesh.load_mesh(io.BytesIO(written), file_type="ply", process=False)
    colours = mesh.visual.vertex_colors[:, :3].astype(int)

    above, below = mesh.vertices[:, 1] > 0.1, mesh.vertices[:, 1] < -0.1
    assert (colours[above][:, 2] > colours[above][:, 0] + 100).mean() > 0.98
    assert (colours[below][:, 0] > colours[below][:, 2] + 100).mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("faces", [100, 1000, 4000])
@pytest.mark.parametrize("body", ["ball", "ring", "two"])
def test_fewer_faces_keep_the_limit_the_closed_surface_and_the_look(body: str, faces: int) -> None:
    far = ball(3)
    far.apply_translation([2, 0, 0])
    whole = {"ball": ball(4), "ring": ring(), "two": trimesh.util.concatenate([ball(4), far])}[body]
    data = glb_of(textured(whole))
    written, facts = exported(data, ExportOrder(format=Format.GLB, faces=faces), name=body)

    again = read_surface(written)
    assert 0.5 * min(faces, len(whole.faces)) <= len(again.faces) <= faces
    shape, before = measure(again.vertices, again.faces), measure(whole.vertices, whole.faces)
    assert shape.is_watertight
    assert shape.volume_m3 == pytest.approx(before.volume_m3, rel=0.25 if faces == 100 else 0.05)
    assert shape.body_count == before.body_count
    old, new = mean_colour(thumbnail(read_surface(data), side_px=128)), mean_colour(thumbnail(again, side_px=128))
    np.testing.assert_allclose(new, old, atol=25 if faces == 100 else 8)
    assert facts.face_count == len(again.faces)


@pytest.mark.parametrize("compression", [Compression.DRACO, Compression.MESHOPT])
def test_packed_files_are_smaller_and_hold_the_same(compression: Compression) -> None:
    written, facts = exported(WHOLE, ExportOrder(format=Format.GLB, compression=compression), name="ball")

    assert len(written) < 0.8 * len(WHOLE)
    assert facts.face_count == 5120
    header = read_header(written)
    assert header.face_count == 5120
    assert any(name.endswith(("draco_mesh_compression", "meshopt_compression")) for name in header.extensions)
    before = mean_colour(thumbnail(read_surface(WHOLE), side_px=96))
    np.testing.assert_allclose(mean_colour(thumbnail(read_surface(written), side_px=96)), before, atol=3)


def test_faces_without_area_do_not_keep_a_model_from_being_packed() -> None:
    """Draco drops them; some generators leave a few in."""
    whole = ball(2)
    body = trimesh.Trimesh(whole.vertices, np.vstack([whole.faces, [[0, 0, 1], [5, 5, 5]]]), process=False)
    written, facts = exported(glb_of(body), ExportOrder(format=Format.GLB, compression=Compression.DRACO), name="ball")

    assert facts.face_count == 320
    assert read_header(written).face_count == 320


def test_a_glb_with_all_its_faces_is_the_file_itself() -> None:
    assert exported(WHOLE, ExportOrder(format=Format.GLB), name="ball")[0] == WHOLE


def test_an_export_that_lost_something_is_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_obj", lambda surface, name: _zip(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"))
    with pytest.raises(ExportFailed, match="did not hold the whole model"):
        exported(WHOLE, ExportOrder(format=Format.OBJ), name="ball")
    monkeypatch.setattr(formats, "_obj", lambda surface, name: b"no zip")
    with pytest.raises(ExportFailed, match="could not be read again"):
        exported(WHOLE, ExportOrder(format=Format.OBJ), name="ball")


def _zip(text: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.obj", text)
    return out.getvalue()
