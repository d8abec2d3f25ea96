"""What a job asks for: one value for each kind. See core.domain.declaration for who can make it, with which choices."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from types import MappingProxyType

from core.domain import kinds
from core.domain.kind import (
    NO_CHOICES,
    NO_TEXTS,
    NOT_STORED,
    About,
    Choices,
    Inputs,
    JobRequest,
    Kind,
    Page,
    Product,
    Slot,
    StoredImage,
    TextInput,
    Value,
)
from core.domain.kinds.convert import Conversion, ConvertModel
from core.domain.kinds.image import ImageToModel
from core.domain.kinds.multiview import MultiviewToModel
from core.domain.kinds.text import TextToModel

__all__ = [
    "NOT_STORED",
    "NO_CHOICES",
    "NO_TEXTS",
    "About",
    "Choices",
    "Conversion",
    "ConvertModel",
    "ImageToModel",
    "Inputs",
    "JobRequest",
    "Kind",
    "MultiviewToModel",
    "Page",
    "Product",
    "Slot",
    "StoredImage",
    "TextInput",
    "TextToModel",
    "Value",
    "of_pictures",
    "with_choices",
]

for _module in pkgutil.iter_modules(kinds.__path__):
    importlib.import_module(f"{kinds.__name__}.{_module.name}")
Kind.IMAGE, Kind.MULTIVIEW = ImageToModel.kind, MultiviewToModel.kind
Kind.TEXT, Kind.CONVERT = TextToModel.kind, ConvertModel.kind


def with_choices(request: JobRequest, choices: Choices) -> JobRequest:
    """The same request with other choices."""
    return replace(request, choices=MappingProxyType(dict(choices)))


def of_pictures(inputs: Inputs, choices: Choices = NO_CHOICES) -> JobRequest:
    """One picture, or several views of one object; the front is needed."""
    kind = Kind.IMAGE if set(inputs) == {Slot.FRONT} else Kind.MULTIVIEW
    return kind.request.made_of(inputs, NO_TEXTS, choices)
