"""A kind of the pottery's own: a pot with a picture of what it is for, and the words that are scratched into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.domain.kind import About, JobRequest, Page, Slot, StoredImage, TextInput, known_as

NAME = "vessel_to_model"


@known_as(NAME)
@dataclass(frozen=True, slots=True, kw_only=True)
class VesselToModel(JobRequest):
    """A picture and an inscription become a pot."""

    about: ClassVar[About] = About(
        words="a vessel with an inscription",
        rank=40,
        given="picture and inscription",
        sending="Carrying the clay to the wheel.",
        under_way="The clay is carried to the wheel.",
        slots=(Slot.FRONT,),
        texts=(
            TextInput(
                name="maker_mark",
                label="Inscription",
                placeholder="For example: for Ada",
                what="inscription",
                means="What is scratched into the clay.",
                most=40,
                missing="Please say what is to be scratched into the clay.",
            ),
        ),
        example={"makerMark": "for Ada", "targetObject": "Cup", "imageUrl": "https://example.com/cup.png"},
        page=Page(
            label="Vessel",
            icon=":material/local_cafe:",
            title="Throw a vessel",
            slots={Slot.FRONT: "What it is for"},
            advice=("**A good inscription**", ("is short",)),
        ),
    )
    front: StoredImage
    maker_mark: str
