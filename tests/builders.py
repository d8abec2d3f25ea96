"""Values that tests need often."""

from __future__ import annotations

from typing import Any

from core.domain.claims import Intent, Slots
from core.domain.job import Category, NewJob, StoredImage, StoredModel

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


def new_job(**changes: Any) -> NewJob:
    values: dict[str, Any] = {
        "session_id": "s",
        "target_object": "Cup",
        "iteration": 1,
        "image": stored_image(),
        "generator": "tripo",
        "category": Category.STANDARD,
    }
    return NewJob(**(values | changes))


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
