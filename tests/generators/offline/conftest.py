"""Models of the varied pictures, made once for all tests that look at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from core.generators.offline.engine import make_model
from core.imaging.picture import prepare
from tests.pictures import VARIED

FACE_LIMIT = 20_000


@pytest.fixture(scope="session")
def model_of() -> Callable[[str], bytes]:
    """The GLB of a picture of VARIED, by its name."""

    @cache
    def made(name: str) -> bytes:
        return make_model(prepare(VARIED[name](), max_bytes=10**8).data, name=name, face_limit=FACE_LIMIT)

    return made
