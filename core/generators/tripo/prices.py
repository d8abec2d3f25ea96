"""What a model costs by Tripo's list, before it is made. What it did cost is the task's own `credits_consumed`.

Source: Tripo v3, prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.domain.errors import InputRefused
from core.domain.job import Conversion, JobOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """One model version that may be chosen; prices in credits (100 are 1 US dollar).

    Attributes:
        bare, textured: without and with a texture.
        has_grades: whether detailed textures and geometry can be chosen, for `TEXTURE` and `GEOMETRY` more.
    """

    model: str
    label: str
    bare: Decimal
    textured: Decimal
    has_grades: bool


def _row(model: str, label: str, bare: int, textured: int, *, has_grades: bool) -> ModelPrice:
    return ModelPrice(model=model, label=label, bare=Decimal(bare), textured=Decimal(textured), has_grades=has_grades)


PRICES: tuple[ModelPrice, ...] = (
    _row("v3.1-20260211", "3.1, high fidelity", 20, 30, has_grades=True),
    _row("P1-20260311", "P1, clean low poly", 40, 50, has_grades=False),
    _row("P2-20260801", "P2, preview of the next", 100, 110, has_grades=False),
    _row("v3.0-20250812", "3.0, older", 20, 30, has_grades=True),
    _row("v2.5-20250123", "2.5, oldest", 20, 30, has_grades=False),
)
BY_MODEL = {price.model: price for price in PRICES}
TEXTURE = {"standard": Decimal(0), "detailed": Decimal(10), "extreme": Decimal(20)}
GEOMETRY = {"standard": Decimal(0), "detailed": Decimal(20)}
CONVERSION, CONVERSION_WITH_OPTIONS = Decimal(5), Decimal(10)
CONVERSION_FACES = (100, 500_000)
P_FACES = (50, 20_000)  # told of P1; P2 is held to the same. Source: Tripo v3, image-to-model


def check(options: JobOptions) -> None:
    """Raises: InputRefused for what Tripo would refuse."""
    if options.conversion is not None:
        _check_conversion(options.conversion)
        return
    price = BY_MODEL.get(options.model)
    if price is None:
        known = ", ".join(BY_MODEL)
        raise InputRefused(f"There is no model version {options.model!r}. Possible are {known}.", code="model_unknown")
    if options.texture_quality not in TEXTURE or options.geometry_quality not in GEOMETRY:
        raise InputRefused(
            f"A texture's quality is one of {', '.join(TEXTURE)}; that of a shape one of {', '.join(GEOMETRY)}.",
            code="quality_unknown",
        )
    if options.style != "auto" or options.height_m is not None or options.back is not None:
        raise InputRefused(
            "A style, a real height and a picture of the back are for the built-in engine; Tripo takes none of them. "
            "Nothing was stored.",
            code="option_refused",
        )
    is_graded = options.texture_quality != "standard" or options.geometry_quality != "standard"
    if is_graded and not price.has_grades:
        raise InputRefused(
            f"{price.label} has one quality only; leave texture and shape at standard.", code="quality_refused"
        )
    least, most = P_FACES
    if options.model.startswith("P") and options.face_limit is not None and not least <= options.face_limit <= most:
        raise InputRefused(
            f"With {price.label} the most faces must lie between {least} and {most:,}.", code="face_limit_invalid"
        )


def estimate(options: JobOptions) -> Decimal | None:
    """Credits by the list; None for a model that is not on it."""
    conversion = options.conversion
    if conversion is not None:
        is_plain = not conversion.quad and conversion.face_limit is None
        return CONVERSION if is_plain else CONVERSION_WITH_OPTIONS
    price = BY_MODEL.get(options.model)
    if price is None:
        return None
    if not price.has_grades:
        return price.textured if options.texture else price.bare
    texture = price.textured + TEXTURE[options.texture_quality] if options.texture else price.bare
    return texture + GEOMETRY[options.geometry_quality]


def _check_conversion(conversion: Conversion) -> None:
    least, most = CONVERSION_FACES
    if conversion.face_limit is not None and not least <= conversion.face_limit <= most:
        raise InputRefused(f"The most faces must lie between {least} and {most:,}.", code="face_limit_invalid")
