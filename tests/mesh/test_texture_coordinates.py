"""Pictures lie where KHR_texture_transform, the set of coordinates and the kind of numbers say.

Expected places come from the extension's text and its two examples, and from glTF 2.0, 3.11 (normalized integers).
"""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import DracoPy
import numpy as np
import pytest
import trimesh
from PIL import Image

from core.domain.export import Compression, ExportOrder, Format
from core.mesh.formats import exported
from core.mesh.render import View, drawn, turntable
from core.mesh.surface import Surface, read_surface
from tests.mesh.models import BYTES, QUARTERS, SHORTS, UBYTES, USHORTS, Written, quad, quarters

PLAIN = ("upper left", "upper right", "lower left", "lower right")
UPSIDE_DOWN = ("lower left", "lower right", "upper left", "upper right")
CLOCKWISE = ("lower left", "upper left", "lower right", "upper right")
QUARTER_TURN = 1.57079632679
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "nothing": ({}, PLAIN),
    "the extension's first example: the lower left quadrant": (
        {"offset": [0, 1], "rotation": QUARTER_TURN, "scale": [0.5, 0.5]},
        ("lower left",) * 4,
    ),
    "the extension's second example: T inverted": ({"offset": [0, 1], "scale": [1, -1]}, UPSIDE_DOWN),
    "moved by half": ({"offset": [0.5, 0]}, ("upper right", "upper left", "lower right", "lower left")),
    "an atlas: the upper right quarter": ({"offset": [0.5, 0], "scale": [0.5, 0.5]}, ("upper right",) * 4),
    "coordinates counter-clockwise, the picture clockwise": ({"offset": [0, 1], "rotation": QUARTER_TURN}, CLOCKWISE),
    "scaled before it is turned": (
        {"rotation": QUARTER_TURN, "scale": [0.5, 1]},
        ("lower left", "lower left", "lower right", "lower right"),
    ),
}


def seen(surface: Surface) -> tuple[str, ...]:
    """The colours in the middles of the square's quarters, in the order of PLAIN."""
    picture = drawn(surface, side_px=96, view=View(around=0, above=0)).astype(float)
    assert picture[48, 48, 3] == 255
    quarter = 14  # of 96 pixels, from the middle of the picture to the middle of a quarter
    return tuple(
        _nearest(picture[48 + down * quarter, 48 + along * quarter, :3])
        for down, along in ((-1, -1), (-1, 1), (1, -1), (1, 1))
    )


def _nearest(colour: np.ndarray) -> str:
    return min(QUARTERS, key=lambda name: float(np.abs(colour / colour.max() - np.array(QUARTERS[name]) / 220).sum()))


def colours_at(points: np.ndarray, colours: np.ndarray) -> tuple[str, ...]:
    """Of points well inside each quarter of the square; all of one quarter agree."""
    found = []
    for down, along in ((1, -1), (1, 1), (-1, -1), (-1, 1)):
        inside = (np.abs(points[:, 0] - along * 0.25) < 0.15) & (np.abs(points[:, 1] - down * 0.25) < 0.15)
        names = {_nearest(colour) for colour in colours[inside].astype(float)}
        assert len(names) == 1
        found.append(names.pop())
    return tuple(found)


def expected_uv(transform: dict[str, Any], points: np.ndarray) -> np.ndarray:
    """Origin at the upper left, as in glTF: by matrices, one after the other."""
    angle = transform.get("rotation", 0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scaled = np.stack([points[:, 0] + 0.5, 0.5 - points[:, 1]], axis=1) * transform.get("scale", [1, 1])
    return scaled @ turn.T + transform.get("offset", [0, 0])


def description(glb: bytes) -> dict[str, Any]:
    length = struct.unpack_from("<I", glb, 12)[0]
    told: dict[str, Any] = json.loads(glb[20 : 20 + length])
    return told


@pytest.mark.parametrize("name", CASES)
def test_a_transformed_picture_is_drawn_where_it_belongs(name: str) -> None:
    transform, expected = CASES[name]

    assert seen(read_surface(quad(transform))) == expected


def test_it_turns_with_the_model() -> None:
    moving = Image.open(
        io.BytesIO(turntable(read_surface(quad({"offset": [0.5, 0], "scale": [0.5, 0.5]})), side_px=64, frames=2))
    )

    pixels = np.asarray(moving.convert("RGBA"), float)
    assert _nearest(pixels[pixels[..., 3] > 250][:, :3].mean(axis=0)) == "upper right"


@pytest.mark.parametrize(
    ("component", "is_normalized"), [(UBYTES, True), (USHORTS, True), (UBYTES, False), (SHORTS, False)]
)
@pytest.mark.parametrize("name", ["nothing", "moved by half", "coordinates counter-clockwise, the picture clockwise"])
def test_coordinates_in_integers_are_read(component: int, is_normalized: bool, name: str) -> None:
    transform, expected = CASES[name]
    model = quad(transform, uv=(component, is_normalized), steps=8 if is_normalized else 1)

    assert seen(read_surface(model)) == expected


@pytest.mark.parametrize("place", [(SHORTS, True), (BYTES, True), (SHORTS, False), (USHORTS, False)])
@pytest.mark.parametrize("normal", [(BYTES, True), (SHORTS, True)])
def test_quantized_places_and_normals_are_read(place: tuple[int, bool], normal: tuple[int, bool]) -> None:
    surface = read_surface(quad(place=place, normal=normal))

    width = np.ptp(surface.vertices, axis=0)
    np.testing.assert_allclose(width, [1, 1, 0], atol=0.01)
    np.testing.assert_allclose(surface.normals, np.tile([0, 0, 1], (len(surface.normals), 1)), atol=1e-6)
    assert seen(surface) == PLAIN


def test_the_extensions_choice_of_a_set_counts_more_than_the_plain_one() -> None:
    """`texCoord` of the extension overrides that of the picture; without both it is the first set."""
    upside_down = np.array([[1.0, 0, 0], [0, -1, 1]])
    chosen_by_both = {"texCoord": 1, "offset": [0.5, 0]}

    assert seen(read_surface(quad({"texCoord": 1}, second_set=upside_down))) == UPSIDE_DOWN
    assert seen(read_surface(quad({}, second_set=upside_down))) == PLAIN
    both = seen(read_surface(quad(chosen_by_both, second_set=upside_down)))
    assert both == ("lower right", "lower left", "upper right", "upper left")


def test_where_pictures_differ_the_base_colour_rules() -> None:
    transform, expected = CASES["moved by half"]
    told = description(quad(transform))
    model = changed(
        quad(transform),
        materials=[
            told["materials"][0]
            | {"normalTexture": {"index": 0, "extensions": {"KHR_texture_transform": {"scale": [9, 9]}}}}
        ],
    )

    assert seen(read_surface(model)) == expected


@pytest.mark.parametrize("name", CASES)
def test_every_export_with_a_picture_has_it_in_the_right_place(name: str) -> None:
    transform, expected = CASES[name]
    model = quad(transform)

    points, colours = _ply(model)
    assert colours_at(points, colours) == expected
    for points, uv in (_obj(model), _usdz(model), _fewer_faces(model)):
        np.testing.assert_allclose(np.stack([uv[:, 0], 1 - uv[:, 1]], 1), expected_uv(transform, points), atol=1e-4)


def _ply(model: bytes) -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.load_mesh(
        io.BytesIO(exported(model, ExportOrder(format=Format.PLY), name="quad")[0]), file_type="ply", process=False
    )
    return np.asarray(mesh.vertices), mesh.visual.vertex_colors[:, :3]


def _obj(model: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read line by line: each point has the coordinates of its own number."""
    written, _ = exported(model, ExportOrder(format=Format.OBJ), name="quad")
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        lines = archive.read("quad.obj").decode().splitlines()
    points, uv = ([line.split()[1:] for line in lines if line.startswith(kind)] for kind in ("v ", "vt "))
    corners = [corner.split("/") for line in lines if line.startswith("f ") for corner in line.split()[1:]]
    pairs = np.array([(int(corner[0]) - 1, int(corner[1]) - 1) for corner in corners])
    return np.array(points, float)[pairs[:, 0], :3], np.array(uv, float)[pairs[:, 1]]


def _usdz(model: bytes) -> tuple[np.ndarray, np.ndarray]:
    from pxr import Usd, UsdGeom

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.usdz"
        file.write_bytes(exported(model, ExportOrder(format=Format.USDZ), name="quad")[0])
        stage = Usd.Stage.Open(str(file))
        (mesh,) = [UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
        uv = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").Get(), float)
        points = np.array(mesh.GetPointsAttr().Get(), float)
        del stage
    return points, uv


def _fewer_faces(model: bytes) -> tuple[np.ndarray, np.ndarray]:
    """By trimesh alone, which knows nothing of the extension: the file has plain coordinates, and says so."""
    written, facts = exported(model, ExportOrder(format=Format.GLB, faces=100), name="quad")
    assert facts.face_count <= 100
    assert "extensionsUsed" not in description(written)
    mesh = trimesh.load_mesh(io.BytesIO(written), file_type="glb", process=False)
    return np.asarray(mesh.vertices), np.asarray(mesh.visual.uv)


@pytest.mark.parametrize("compression", [Compression.DRACO, Compression.MESHOPT])
@pytest.mark.parametrize("uv", [(5126, False), (USHORTS, True)])
def test_a_packed_file_keeps_the_extension_and_is_not_transformed_twice(
    compression: Compression, uv: tuple[int, bool]
) -> None:
    transform, expected = CASES["coordinates counter-clockwise, the picture clockwise"]
    written, _ = exported(quad(transform, uv=uv), ExportOrder(format=Format.GLB, compression=compression), name="quad")

    told = description(written)
    assert told["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["extensions"] == {
        "KHR_texture_transform": transform
    }
    assert "KHR_texture_transform" in told["extensionsUsed"]
    assert seen(read_surface(written)) == expected
    again, _ = exported(written, ExportOrder(format=Format.GLB, compression=Compression.DRACO), name="quad")
    assert seen(read_surface(again)) == expected, "what was packed is unpacked, and packed again"


def test_a_plain_copy_is_the_file_itself() -> None:
    model = quad(CASES["moved by half"][0], uv=(USHORTS, True), place=(SHORTS, True))

    assert exported(model, ExportOrder(format=Format.GLB), name="quad")[0] == model


def test_a_draco_file_of_another_program_is_transformed_too() -> None:
    """Written here with DracoPy, as other programs do: its lists have no view."""
    transform, expected = CASES["moved by half"]
    plain = read_surface(quad())
    raw = DracoPy.encode(
        plain.vertices.astype(float),
        plain.faces.astype(np.uint32),
        tex_coord=np.stack([plain.uv[:, 0], 1 - plain.uv[:, 1]], 1).astype(float),
        quantization_bits=14,
    )
    numbers = {each["attribute_type"]: each["unique_id"] for each in DracoPy.decode(raw).attributes}
    file = Written(**{name: description(quad(transform))[name] for name in ("materials", "textures")})
    file.gltf["images"] = [{"bufferView": file.plain_view(quarters()), "mimeType": "image/png"}]
    packed = {"bufferView": file.plain_view(raw), "attributes": {"POSITION": numbers[0], "TEXCOORD_0": numbers[3]}}
    count = len(plain.vertices)
    file.gltf["accessors"] = [
        {"componentType": 5126, "count": count, "type": "VEC3", "min": [-0.5] * 3, "max": [0.5] * 3},
        {"componentType": 5126, "count": count, "type": "VEC2"},
        {"componentType": 5123, "count": plain.faces.size, "type": "SCALAR"},
    ]
    part = file.part
    part |= {
        "attributes": {"POSITION": 0, "TEXCOORD_0": 1},
        "indices": 2,
        "material": 0,
        "extensions": {"KHR_draco_mesh_compression": packed},
    }
    file.gltf["extensionsUsed"] = ["KHR_draco_mesh_compression", "KHR_texture_transform"]

    assert seen(read_surface(file.glb())) == expected


def changed(glb: bytes, **parts: Any) -> bytes:
    """The same file with parts of its description replaced."""
    length = struct.unpack_from("<I", glb, 12)[0]
    text = json.dumps(description(glb) | parts).encode()
    text += b" " * (-len(text) % 4)
    rest = glb[20 + length :]
    return struct.pack("<5I", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest
