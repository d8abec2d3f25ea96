"""Values that tests need often."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.domain.claims import Intent, Slots
from core.domain.generation import GenerationRequest
from core.domain.job import NewJob, StoredModel
from core.domain.request import Conversion, ConvertModel, JobRequest, Slot, StoredImage, TextToModel, of_pictures


class Category(StrEnum):
    """Of the generators that there are, as their jobs have them."""

    STANDARD = "standard"
    P_SERIES = "p"
    CONVERT = "convert"
    OFFLINE = "offline"
    COMFYUI = "comfyui"


EVERY_SLOT = Slots(limits=dict.fromkeys(Category, 10))


def stored_image(**changes: Any) -> StoredImage:
    values: dict[str, Any] = {
        "key": "images/a/cup.jpg",
        "name": "cup.jpg",
        "media_type": "image/jpeg",
        "width_px": 640,
        "height_px": 480,
        "size_bytes": 1000,
        "sha256": "ab" * 32,
    }
    return StoredImage(**(values | changes))


def asked(
    *,
    image: StoredImage | None = None,
    back: StoredImage | None = None,
    left: StoredImage | None = None,
    choices: Mapping[str, Any] | None = None,
    conversion: Conversion | None = None,
    source: int = 1,
    prompt: str | None = None,
    negative_prompt: str = "",
) -> JobRequest:
    """A model of a picture, of several, or of words; or another file of a model."""
    if prompt is not None:
        return TextToModel(prompt=prompt, negative_prompt=negative_prompt, choices=choices or {})
    front = image or stored_image()
    if conversion is not None:
        return ConvertModel(source=source, conversion=conversion, image=front)
    views = {Slot.FRONT: front, Slot.LEFT: left, Slot.BACK: back}
    return of_pictures({slot: view for slot, view in views.items() if view is not None}, choices or {})


FILE = "file_1"
ASKED = frozenset({"image", "back", "left", "choices", "conversion", "source", "prompt", "negative_prompt"})


def new_job(**changes: Any) -> NewJob:
    """Changes are those of NewJob, and what `asked` takes."""
    values: dict[str, Any] = {
        "session_id": "s",
        "target_object": "Cup",
        "iteration": 1,
        "request": asked(**{name: value for name, value in changes.items() if name in ASKED}),
        "generator": "tripo",
        "category": Category.STANDARD,
    }
    if changes.get("generator") == "offline":
        values["credits_estimate"] = Decimal(0)
    return NewJob(**(values | {name: value for name, value in changes.items() if name not in ASKED}))


def stored_model(**changes: Any) -> StoredModel:
    values: dict[str, Any] = {
        "key": "models/1/cup.glb",
        "size_bytes": 10,
        "sha256": "cd" * 32,
        "face_count": 12,
        "vertex_count": 8,
    }
    return StoredModel(**(values | changes))


def intent(**changes: Any) -> Intent:
    return Intent(**({"nonce": 7, "image_token": "file_1", "send_within_s": 20.0} | changes))


def order(token: str = FILE, *, back: str | None = None, **changes: Any) -> GenerationRequest:
    """An attempt ready to be sent. Changes are those of GenerationRequest, and what `asked` takes."""
    told = {name: value for name, value in changes.items() if name in ASKED}
    if back is not None:
        told["back"] = stored_image(key="images/a/back.jpg")
    tokens = {Slot.FRONT: token} if back is None else {Slot.FRONT: token, Slot.BACK: back}
    values: dict[str, Any] = {
        "job_id": 1,
        "attempt": 1,
        "attempt_id": "00000000-0000-5000-8000-000000000001",
        "target_object": "Cup",
        "request": asked(**told),
        "tokens": tokens,
        "nonce": 77,
    }
    return GenerationRequest(**(values | {name: value for name, value in changes.items() if name not in ASKED}))
