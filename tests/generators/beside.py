"""The further generator, put beside the others on the path of the package, as if its folder lay there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import core.generators
from core.domain.request import Kind

FURTHER = Path(__file__).parent / "further"
NAME = "core.generators.pottery"


@contextmanager
def pottery_beside_the_others() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core.generators, "__path__", [*core.generators.__path__, str(FURTHER)])
        yield
    for kind in [kind for kind in Kind.all() if kind.request.__module__.startswith(NAME)]:
        Kind.drop(kind)
    for name in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[name]
    vars(core.generators).pop("pottery", None)
