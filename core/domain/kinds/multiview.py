"""Pictures of one object from the front and at least one other side become a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.domain.kind import About, JobRequest, Page, Slot, StoredImage, known_as

NAME = "multiview_to_model"


@known_as(NAME)
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiviewToModel(JobRequest):
    """Pictures of one object from the front and at least one other side become a model."""

    about: ClassVar[About] = About(
        words="a model from pictures of several sides",
        rank=20,
        given="pictures",
        sending="Sending the pictures.",
        under_way="The pictures are on their way.",
        slots=tuple(Slot),
        needs_more_sides=True,
        refused="A picture was refused, and the same pictures will most likely be refused again.",
        another="Use other pictures",
        change="Choose other pictures for it.",
        example={
            "imageUrl": "https://example.com/image.png",
            "imageBackUrl": "https://example.com/back.png",
            "targetObject": "Golden Retriever",
        },
        page=Page(
            label="Several views",
            icon=":material/view_carousel:",
            title="Turn several views into a 3D model",
            slots={slot: slot.value.capitalize() for slot in Slot},
            advice=(
                ":material/360: **Good views**",
                (
                    "the front, and at least one other side",
                    "one object, as it stands, in the same light",
                    "from the same height and distance",
                    "each side whole, and nothing else in the picture",
                ),
            ),
        ),
    )
    front: StoredImage
    left: StoredImage | None = None
    back: StoredImage | None = None
    right: StoredImage | None = None
