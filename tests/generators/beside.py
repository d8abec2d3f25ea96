"""The further generator, put beside the others on the path of the package, as if its folder lay there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import core.generators

FURTHER = Path(__file__).parent / "further"
NAME = "core.generators.pottery"


@contextmanager
def pottery_beside_the_others() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.generators, "__path__", [*core.generators.__path__, str(FURTHER)])
        yield
    for name in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[name]
    vars(core.generators).pop("pottery", None)
