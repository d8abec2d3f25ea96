"""Facts from a GLB's header, and refusals of what is none."""

from __future__ import annotations

import json
import random
import struct

import pytest

from core.domain.errors import ModelInvalid
from core.mesh.glb import read_facts
from tests.fake_generator import glb
from tests.fake_tripo.server import sample_model


def changed(**parts: object) -> bytes:
    """The smallest GLB with parts of its description replaced."""
    data = glb()
    length = struct.unpack_from("<I", data, 12)[0]
    return glb(json.dumps(json.loads(data[20 : 20 + length]) | parts).encode())


def test_a_real_model_is_counted() -> None:
    facts = read_facts(sample_model())

    assert (facts.face_count, facts.material_count, facts.texture_count) == (12, 1, 1)
    assert facts.vertex_count >= 8
    assert "trimesh" in facts.generator


def test_strips_and_fans_are_counted() -> None:
    mesh = {"primitives": [{"attributes": {"POSITION": 0}, "mode": mode} for mode in (5, 6)]}
    accessors = [{"componentType": 5126, "count": 10, "type": "VEC3"}]

    assert read_facts(changed(meshes=[mesh], accessors=accessors)).face_count == 16


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<html>not found</html>", "not a GLB"),
        (b"\x89PNG" + b"\0" * 60, "not a GLB"),
        (glb()[:-10], "cut short"),
        (glb()[:40], "cut short"),
        (glb(b"{"), "cannot be read"),
        (glb(b"[" * 100_000), "cannot be read"),
        (glb(b"[1]"), "cannot be read"),
        (changed(meshes=[]), "no surface"),
        (changed(meshes=[{"primitives": [{"attributes": {"POSITION": 7}}]}]), "contradicts"),
        (changed(meshes=[{"primitives": [{"attributes": {}}]}]), "contradicts"),
        (changed(meshes=3), "contradicts"),
        (changed(bufferViews=[{"buffer": 0, "byteLength": 10**9}]), "cut short"),
        (changed(buffers=[{"byteLength": 36, "uri": "http://example.com/x.bin"}]), "never fetched"),
        (changed(images=[{"uri": "../../etc/passwd"}]), "never fetched"),
    ],
)
def test_what_is_no_usable_model_is_refused_with_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(ModelInvalid, match=words):
        read_facts(data)


def test_whatever_bytes_come_it_answers_or_refuses() -> None:
    chance = random.Random(7)
    whole = sample_model()
    for _ in range(2000):
        data = bytearray(whole[: chance.randrange(20, len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randrange(1, 20)):
            data[chance.randrange(min(len(data), 1500))] = chance.randrange(256)
        try:
            assert read_facts(bytes(data)).face_count > 0
        except ModelInvalid:
            continue
