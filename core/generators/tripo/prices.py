"""What a model costs by Tripo's list, before it is made. What it did cost is the task's own `credits_consumed`.

Source: Tripo v3, prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.domain.errors import InputRefused
from core.domain.request import Conversion, ConvertModel, JobRequest, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """One model version that may be chosen; prices in credits (100 are 1 US dollar).

    Attributes:
        of_pictures, of_words: without and with a texture; several views cost what one picture costs.
        has_grades: whether detailed textures and geometry can be chosen, for `TEXTURE` and `GEOMETRY` more.
    """

    model: str
    label: str
    of_pictures: tuple[int, int]
    of_words: tuple[int, int]
    has_grades: bool

    def base(self, kind: Kind, *, has_texture: bool) -> Decimal:
        """Credits before what graded textures and shapes cost more."""
        bare, textured = self.of_words if kind is Kind.TEXT else self.of_pictures
        return Decimal(textured if has_texture else bare)


def _row(
    model: str, label: str, of_pictures: tuple[int, int], of_words: tuple[int, int], *, has_grades: bool = False
) -> ModelPrice:
    return ModelPrice(model=model, label=label, of_pictures=of_pictures, of_words=of_words, has_grades=has_grades)


PRICES: tuple[ModelPrice, ...] = (
    _row("v3.1-20260211", "3.1, high fidelity", (20, 30), (10, 20), has_grades=True),
    _row("P1-20260311", "P1, clean low poly", (40, 50), (30, 40)),
    _row("P2-20260801", "P2, preview of the next", (100, 110), (100, 110)),
    _row("v3.0-20250812", "3.0, older", (20, 30), (10, 20), has_grades=True),
    _row("v2.5-20250123", "2.5, oldest", (20, 30), (10, 20)),
)
BY_MODEL = {price.model: price for price in PRICES}
GRADED = tuple(price.model for price in PRICES if price.has_grades)
STANDARD, P_SERIES, CONVERT = "standard", "p", "convert"
TEXTURE = {"standard": Decimal(0), "detailed": Decimal(10), "extreme": Decimal(20)}
GEOMETRY = {"standard": Decimal(0), "detailed": Decimal(20)}
CONVERSION, CONVERSION_WITH_OPTIONS = Decimal(5), Decimal(10)
CONVERSION_FACES = (100, 500_000)
P_FACES = (50, 20_000)  # told of P1; P2 is held to the same. Source: Tripo v3, image-to-model


def check(request: JobRequest) -> None:
    """Raises: InputRefused for what Tripo would refuse and its declaration cannot say as data."""
    if isinstance(request, ConvertModel):
        _check_conversion(request.conversion)
        return
    chosen: Mapping[str, Any] = request.choices
    if {"style", "height_m"} & chosen.keys():
        raise InputRefused(
            "A style and a real height are for the built-in engine; Tripo takes neither of them. Nothing was stored.",
            code="option_refused",
        )
    price = BY_MODEL.get(chosen.get("model", PRICES[0].model))
    if price is None:
        return  # the declaration says which there are
    usual = ("standard", None)
    is_graded = chosen.get("texture_quality") not in usual or chosen.get("geometry_quality") not in usual
    if is_graded and not price.has_grades:
        raise InputRefused(
            f"{price.label} has one quality only; leave texture and shape at standard.", code="quality_refused"
        )
    (least, most), limit = P_FACES, chosen.get("face_limit")
    if price.model.startswith("P") and limit is not None and not least <= limit <= most:
        raise InputRefused(
            f"With {price.label} the most faces must lie between {least} and {most:,}.", code="face_limit_invalid"
        )


def category(request: JobRequest) -> str:
    """Tasks of one category share Tripo's limit of tasks open at once. Source: Tripo v3, limits."""
    if isinstance(request, ConvertModel):
        return CONVERT
    return P_SERIES if str(request.choices.get("model", "")).startswith("P") else STANDARD


def estimate(request: JobRequest) -> Decimal | None:
    """Credits by the list; None for a model that is not on it."""
    if isinstance(request, ConvertModel):
        is_plain = not request.conversion.quad and request.conversion.face_limit is None
        return CONVERSION if is_plain else CONVERSION_WITH_OPTIONS
    chosen: Mapping[str, Any] = request.choices
    price = BY_MODEL.get(chosen.get("model", PRICES[0].model))
    if price is None:
        return None
    has_texture = bool(chosen.get("texture", True))
    credits = price.base(request.kind, has_texture=has_texture)
    if not price.has_grades:
        return credits
    texture = TEXTURE[chosen.get("texture_quality", "standard")] if has_texture else Decimal(0)
    return credits + texture + GEOMETRY[chosen.get("geometry_quality", "standard")]


def _check_conversion(conversion: Conversion) -> None:
    least, most = CONVERSION_FACES
    if conversion.face_limit is not None and not least <= conversion.face_limit <= most:
        raise InputRefused(f"The most faces must lie between {least} and {most:,}.", code="face_limit_invalid")
