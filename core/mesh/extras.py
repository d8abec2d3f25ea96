"""Which optional libraries are installed: what needs one is offered only where it is there."""

from __future__ import annotations

import importlib.util

from core.domain.export import Compression, Format

NEEDS = {Format.USDZ: "pxr", Compression.MESHOPT: "meshoptimizer"}


def is_installed(library: str) -> bool:
    """Without importing it: Pixar's takes a second."""
    return importlib.util.find_spec(library) is not None


def formats() -> tuple[Format, ...]:
    """Files that can be made here, in the order that people see."""
    return tuple(each for each in Format if each not in NEEDS or is_installed(NEEDS[each]))


def packings() -> tuple[Compression, ...]:
    """Ways to pack a GLB that can be used here."""
    return tuple(each for each in Compression if each not in NEEDS or is_installed(NEEDS[each]))
