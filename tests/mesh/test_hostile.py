"""The server itself reads no more of a hostile file than its description, and survives every one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from core.domain.errors import ModelInvalid
from core.mesh.glb import read_facts
from core.mesh.header import read_header
from tests.mesh.hostile import hostile

FILES = hostile()


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_the_description_is_read_or_refused_with_a_sentence(name: str) -> None:
    for read in (read_facts, read_header):
        sentence = refusal(read, FILES[name])
        assert sentence == "" or sentence.endswith(".")
    if refusal(read_header, FILES[name]) == "":
        told = asdict(read_header(FILES[name]))
        json.dumps(told, allow_nan=False).encode()
        str(told).encode()


def refusal(read: Callable[[bytes], Any], data: bytes) -> str:
    """What is said of it; empty when it is read."""
    try:
        assert read(data).face_count <= 100_000_000
    except ModelInvalid as exc:
        return exc.message
    return ""


@pytest.mark.parametrize(
    "name", [name for name in FILES if name.startswith(("buffer ", "picture beside", "picture of a"))]
)
def test_no_address_is_ever_accepted(name: str) -> None:
    with pytest.raises(ModelInvalid, match=r"points to other files"):
        read_facts(FILES[name])
