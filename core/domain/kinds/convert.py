"""A finished model becomes another file, made by its generator because nothing here can make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from core.domain.kind import About, JobRequest, Json, Product, Slot, StoredImage, known_as

NAME = "convert_model"


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


@known_as(NAME)
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertModel(JobRequest):
    """A finished model becomes another file.

    Attributes:
        source: the job whose model it is.
        image: that job's picture, to be shown; nothing is made of it.
    """

    about: ClassVar[About] = About(
        words="another file of a model",
        rank=90,
        given="order",
        sending="Sending the order.",
        under_way="The order is on its way.",
        product=Product.FILE,
        is_of_a_job=True,
        echo_scope=" conversions",  # as tables have had it before there were kinds
        example={"source": 1, "parameters": {"quad": True, "face_limit": 20_000}},
    )
    source: int
    conversion: Conversion
    image: StoredImage | None = None

    @property
    def source_job(self) -> int | None:
        return self.source

    @property
    def pictures(self) -> tuple[StoredImage, ...]:
        return () if self.image is None else (self.image,)

    def main_token(self, tokens: Mapping[Slot, str]) -> str:
        return self.conversion.task_id

    @classmethod
    def sketch(cls) -> Self:
        return cls(source=0, conversion=Conversion(task_id=""))

    def to_json(self) -> Json:
        written: Json = {"kind": self.kind.value, "choices": dict(self.choices), "source": self.source}
        shown = None if self.image is None else asdict(self.image)
        return written | {"conversion": asdict(self.conversion), "image": shown}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> ConvertModel:
        return cls(
            source=int(written["source"]),
            conversion=Conversion(**written["conversion"]),
            image=None if written["image"] is None else StoredImage(**written["image"]),
            choices=MappingProxyType(dict(written["choices"])),
        )
