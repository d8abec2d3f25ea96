"""Requests as JSON and back, for both job tables, the archive, and whoever shows them.

Before kinds, a row had `options` (a fixed bag of choices), `image` and `converted_from`. They are written still, so
that a server of the version before can read the row while servers are replaced one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from core.domain.kind import Json
from core.domain.request import Conversion, ConvertModel, JobRequest, Kind, Slot, StoredImage, of_pictures

# The bag of choices of rows before kinds, with its defaults.
OLD_CHOICES: Mapping[str, Any] = MappingProxyType(
    {
        "model": "v3.1-20260211",
        "face_limit": None,
        "texture": True,
        "pbr": True,
        "texture_quality": "standard",
        "geometry_quality": "standard",
        "orientation": "default",
        "auto_size": False,
        "style": "auto",
        "height_m": None,
    }
)
# A job of any other kind they would make again of its first picture alone, for credits: without one they cannot.
KNOWN_BEFORE = frozenset({Kind.IMAGE, Kind.CONVERT})
ALWAYS_KEPT = frozenset({"model"})  # a later default must not change what an old job was made with


def from_json(written: Mapping[str, Any]) -> JobRequest:
    """Raises: ValueError, TypeError, LookupError for what `JobRequest.to_json` never wrote."""
    return Kind(written["kind"]).request.from_json(written)


def from_old_columns(
    options: Mapping[str, Any], image: Mapping[str, Any] | None, converted_from: int | None
) -> JobRequest | None:
    """The request of a row that has none in its own column; None where an older system left no picture."""
    shown = None if image is None else StoredImage(**image)
    conversion, back = options.get("conversion"), options.get("back")
    if conversion is not None and converted_from is not None:
        return ConvertModel(source=converted_from, conversion=Conversion(**conversion), image=shown)
    if shown is None:
        return None
    choices = {
        name: options[name]
        for name, usual in OLD_CHOICES.items()
        if name in options and options[name] is not None and (name in ALWAYS_KEPT or options[name] != usual)
    }
    inputs = {Slot.FRONT: shown} | ({} if back is None else {Slot.BACK: StoredImage(**back)})
    return of_pictures(inputs, choices)


def to_old_columns(request: JobRequest | None) -> tuple[Json, Json | None, int | None]:
    """`options`, `image` and `converted_from`, for servers of the version before."""
    choices = {} if request is None else request.choices
    options: Json = {name: choices.get(name, usual) for name, usual in OLD_CHOICES.items()}
    options |= {"back": None, "conversion": None}
    if request is None:
        return options, None, None
    if isinstance(request, ConvertModel):
        options["conversion"] = asdict(request.conversion)
    is_known = request.kind in KNOWN_BEFORE and bool(request.pictures)
    return options, asdict(request.pictures[0]) if is_known else None, request.source_job


def stored_request(
    request: Mapping[str, Any] | None,
    options: Mapping[str, Any],
    image: Mapping[str, Any] | None,
    converted_from: int | None,
) -> JobRequest | None:
    """What a row asks for, whichever version wrote it."""
    return from_json(request) if request is not None else from_old_columns(options, image, converted_from)
