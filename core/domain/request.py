"""What a job asks for: one value for each kind. See core.domain.declaration for who can make it, with which choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

Value = str | int | float | bool
Choices = Mapping[str, Value]
NO_CHOICES: Choices = MappingProxyType({})
MOST_PROMPT, MOST_NEGATIVE_PROMPT = (
    1024,
    255,
)  # characters. Source: Tripo v3, text-to-model; shorter than others' limits


class Kind(StrEnum):
    """What becomes of what, in the field's words."""

    IMAGE = "image_to_model"
    MULTIVIEW = "multiview_to_model"
    TEXT = "text_to_model"
    CONVERT = "convert_model"


class Slot(StrEnum):
    """From which side a picture shows the object."""

    FRONT = "front"
    LEFT = "left"
    BACK = "back"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A picture of a job as it lies in the object store: upright, without metadata.

    Attributes:
        name: what the person's file was called, for people to read; never used as a path.
    """

    key: str
    name: str
    media_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


Inputs = Mapping[Slot, StoredImage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageToModel:
    """One picture becomes a model."""

    kind: ClassVar[Kind] = Kind.IMAGE
    image: StoredImage
    choices: Choices = field(default_factory=lambda: NO_CHOICES)

    def inputs(self) -> Inputs:
        return {Slot.FRONT: self.image}


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiviewToModel:
    """Pictures of one object from the front and at least one other side become a model."""

    kind: ClassVar[Kind] = Kind.MULTIVIEW
    front: StoredImage
    left: StoredImage | None = None
    back: StoredImage | None = None
    right: StoredImage | None = None
    choices: Choices = field(default_factory=lambda: NO_CHOICES)

    def inputs(self) -> Inputs:
        views = {Slot.FRONT: self.front, Slot.LEFT: self.left, Slot.BACK: self.back, Slot.RIGHT: self.right}
        return {slot: image for slot, image in views.items() if image is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextToModel:
    """Words become a model."""

    kind: ClassVar[Kind] = Kind.TEXT
    prompt: str
    negative_prompt: str = ""
    choices: Choices = field(default_factory=lambda: NO_CHOICES)

    def inputs(self) -> Inputs:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Another file of a finished model.

    Attributes:
        task_id: the task that made the model.
        format: in the generator's word.
        quad: the surface is laid anew in four-sided faces.
        face_limit: at most this many faces; None leaves it to the generator.
    """

    task_id: str
    format: str = "FBX"
    quad: bool = False
    face_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertModel:
    """A finished model becomes another file, made by its generator because nothing here can make it.

    Attributes:
        source: the job whose model it is.
        image: that job's picture, to be shown; nothing is made of it.
    """

    kind: ClassVar[Kind] = Kind.CONVERT
    source: int
    conversion: Conversion
    image: StoredImage | None = None
    choices: Choices = field(default_factory=lambda: NO_CHOICES)

    def inputs(self) -> Inputs:
        return {}


# A picture that is not stored yet, in a request that is only priced or checked.
NOT_STORED = StoredImage(key="", name="", media_type="", width_px=0, height_px=0, size_bytes=0, sha256="")

JobRequest = ImageToModel | MultiviewToModel | TextToModel | ConvertModel


def pictures_of(request: JobRequest) -> tuple[StoredImage, ...]:
    """Every stored file that a request rests on, the one to be shown first."""
    if isinstance(request, ConvertModel):
        return () if request.image is None else (request.image,)
    return tuple(request.inputs().values())


def with_choices(request: JobRequest, choices: Choices) -> JobRequest:
    """The same request with other choices."""
    return replace(request, choices=MappingProxyType(dict(choices)))


def of_pictures(inputs: Inputs, choices: Choices = NO_CHOICES) -> ImageToModel | MultiviewToModel:
    """One picture, or several views of one object; the front is needed."""
    views = {slot.value: image for slot, image in inputs.items()}
    if set(inputs) == {Slot.FRONT}:
        return ImageToModel(image=inputs[Slot.FRONT], choices=MappingProxyType(dict(choices)))
    return MultiviewToModel(**views, choices=MappingProxyType(dict(choices)))


# One of each kind before anything of it is there: for its price and its choices.
SKETCHES: Mapping[Kind, JobRequest] = MappingProxyType(
    {
        Kind.IMAGE: ImageToModel(image=NOT_STORED),
        Kind.MULTIVIEW: MultiviewToModel(front=NOT_STORED, back=NOT_STORED),
        Kind.TEXT: TextToModel(prompt=""),
        Kind.CONVERT: ConvertModel(source=0, conversion=Conversion(task_id="")),
    }
)
