"""Picture in, GLB out."""

from __future__ import annotations

import io
import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.generators.offline import engine, network
from core.generators.offline.declaration import LABEL
from core.generators.offline.engine import make_model
from core.mesh.glb import read_facts
from tests import pictures
from tests.generators.offline.shapes import assert_is_closed, body_of, document


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if the weights had not been installed; returns where they would lie."""
    place = tmp_path / "u2netp.onnx"
    monkeypatch.setattr(network, "WEIGHTS", place)
    monkeypatch.setattr(network, "_session", None)
    monkeypatch.setattr(network, "_is_tried", False)
    return place


@cache
def cut_out_picture() -> bytes:
    with Image.open(io.BytesIO(pictures.with_alpha())) as image:
        return pictures.encoded(image.resize((300, 300)), "PNG")


def kind(glb: bytes) -> Any:
    return document(glb)["asset"]["extras"]["kind"]


def test_the_file_says_what_made_it_and_what_is_guessed() -> None:
    asset = document(make_model(cut_out_picture(), name="Dog", face_limit=500))["asset"]

    assert asset["generator"] == f"Maquette, {LABEL}"
    assert asset["extras"] == {
        "engine": "Built-in engine (offline)",
        "kind": "solid",
        "note": "A small network cut the object out of one picture; its depth and its back are guessed.",
    }


@pytest.mark.parametrize("face_limit", [100, 1000, 70_000])
def test_the_face_limit_is_kept_and_used(face_limit: int) -> None:
    facts = read_facts(make_model(cut_out_picture(), name="Dog", face_limit=face_limit))

    assert face_limit * 0.35 < facts.face_count <= face_limit


def test_without_a_face_limit_there_are_at_most_fifty_thousand_faces() -> None:
    facts = read_facts(make_model(cut_out_picture(), name="Dog"))

    assert 35_000 < facts.face_count <= 50_000


def test_without_texture_there_is_no_picture_in_the_file() -> None:
    plain = make_model(cut_out_picture(), name="Dog", face_limit=500, texture=False)

    assert read_facts(plain).texture_count == 0
    assert_is_closed(body_of(plain))


@pytest.mark.parametrize("name", ["Gießkanne 🚿", 'quote " and \\ slash', "\ud800 broken", "", "x" * 300])
def test_any_name_can_be_written(name: str) -> None:
    glb = make_model(cut_out_picture(), name=name, face_limit=200)

    assert document(glb)["nodes"][0]["name"] == name.replace("\ud800", "?")


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert make_model(cut_out_picture(), name="Dog", face_limit=900) == make_model(
        cut_out_picture(), name="Dog", face_limit=900
    )


def test_progress_only_grows() -> None:
    heard: list[int] = []
    make_model(cut_out_picture(), name="Dog", face_limit=500, report=heard.append)

    assert heard == sorted(heard)
    assert len(set(heard)) >= 3
    assert 0 < heard[0] < heard[-1] < 100


def test_without_the_network_a_plain_background_is_still_removed(
    no_network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            glb = make_model(pictures.line_art(), name="Face", face_limit=1000)

    assert kind(glb) == "solid"
    assert len(caplog.records) == 1  # said once
    assert "python -m core.vendor run" in caplog.text


def test_without_the_network_a_photo_becomes_a_relief(no_network: Path) -> None:
    glb = make_model(pictures.portrait(), name="Portrait", face_limit=1000)

    assert kind(glb) == "relief"
    assert_is_closed(body_of(glb))


def test_damaged_weights_are_as_good_as_none(no_network: Path) -> None:
    no_network.write_bytes(b"not a network")

    assert kind(make_model(pictures.portrait(), name="Portrait", face_limit=500)) == "relief"


def test_a_fault_on_the_way_to_a_solid_ends_in_a_relief(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise IndexError("a fault of ours")

    monkeypatch.setattr(engine, "inflated", broken)

    assert kind(make_model(cut_out_picture(), name="Dog", face_limit=500)) == "relief"


@pytest.mark.parametrize("seed", range(12))
def test_no_decodable_picture_is_too_strange(seed: int, no_network: Path) -> None:
    chance = np.random.default_rng(seed)
    height, width = (int(side) for side in chance.integers(1, 300, 2))
    pixels = chance.integers(0, 256, (height, width, 4), dtype=np.uint8)
    if seed % 3 == 0:
        pixels[..., 3] = np.where(pixels[..., 3] > 250, 255, 0)  # scattered dots
    elif seed % 3 == 1:
        pixels[:, :, :] = pixels[0, 0]  # one half transparent colour
    glb = make_model(
        pictures.encoded(Image.fromarray(pixels), "PNG"), name="x", face_limit=int(chance.integers(100, 900))
    )

    assert_is_closed(body_of(glb))
