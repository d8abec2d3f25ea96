"""One picture becomes a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.domain.kind import About, JobRequest, Page, Slot, StoredImage, known_as

NAME = "image_to_model"


@known_as(NAME)
@dataclass(frozen=True, slots=True, kw_only=True)
class ImageToModel(JobRequest):
    """One picture becomes a model."""

    about: ClassVar[About] = About(
        words="a model from one picture",
        rank=10,
        given="picture",
        sending="Sending the picture.",
        under_way="The picture is on its way.",
        slots=(Slot.FRONT,),
        refused="The picture was refused, and the same picture will most likely be refused again.",
        another="Use another picture",
        change="Choose another picture for it.",
        echo_scope="",  # as tables have had it before there were kinds
        example={
            "imageUrl": "https://example.com/image.png",
            "targetObject": "Golden Retriever",
            "parameters": {"texture": True},
        },
        page=Page(
            label="Picture",
            icon=":material/image:",
            title="Turn a picture into a 3D model",
            slots={Slot.FRONT: "Picture"},
            advice=(
                ":material/photo_camera: **A good picture**",
                (
                    "shows one whole object",
                    "is sharp and well lit",
                    "has a plain background",
                    "is at least 512 pixels wide",
                ),
            ),
        ),
    )
    image: StoredImage

    @classmethod
    def field_of(cls, slot: Slot) -> str:
        return "image"
