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


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_description_is_read_or_refused_with_a_sentence(name: str) -> None:
    assert said_of(read_facts, FILES[name]).endswith((".", "read"))
    assert said_of(read_header, FILES[name]).endswith((".", "read"))


def said_of(read: Callable[[bytes], Any], data: bytes) -> str:
    """The sentence, or that it is read, and that what is told of it can be written down."""
    try:
        facts = read(data)
    except ModelInvalid as exc:
        return exc.message
    assert facts.face_count <= 100_000_000
    told = asdict(facts)
    json.dumps(told, allow_nan=False).encode()
    str(told).encode()
    return "read"


@pytest.mark.parametrize(
    "name", [name for name in FILES if name.startswith(("buffer ", "picture beside", "picture of a"))]
)
def test_no_address_is_ever_accepted(name: str) -> None:
    with pytest.raises(ModelInvalid, match=r"points to other files"):
        read_facts(FILES[name])
