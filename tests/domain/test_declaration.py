"""What may be chosen: every value gets a sentence or is taken, and no number is too strange for that."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.domain.declaration import CONVERSION, Choice, ChoiceType, Offer
from core.domain.errors import InputRefused
from core.domain.request import Kind

HUGE = 10**400  # larger than any float

FACES = Choice(name="faces", label="Most faces", type=ChoiceType.WHOLE, least=100, most=2_000_000)
TALL = Choice(name="height", label="Height", type=ChoiceType.NUMBER, least=0.5)
SMALL = Choice(name="width", label="Width", type=ChoiceType.NUMBER, most=3)
FREE = Choice(name="seed", label="Seed", type=ChoiceType.NUMBER)


@pytest.mark.parametrize(
    ("choice", "value", "problem"),
    [
        (FACES, 100, None),
        (FACES, HUGE, "Most faces must lie between 100 and 2,000,000."),
        (FACES, -HUGE, "Most faces must lie between 100 and 2,000,000."),
        (FACES, 5000.5, "Most faces is a whole number, not '5000.5'."),
        (FACES, True, "Most faces is a whole number, not 'True'."),
        (FACES, "many", "Most faces is a whole number, not 'many'."),
        (TALL, 0.5, None),
        (TALL, 0.4, "Height must be at least 0.5."),
        (TALL, math.inf, "Height is a number, not 'inf'."),
        (SMALL, 3, None),
        (SMALL, HUGE, "Width must be at most 3."),
        (SMALL, -math.inf, "Width is a number, not '-inf'."),
        (FREE, HUGE, None),
        (FREE, math.nan, "Seed is a number, not 'nan'."),
    ],
    ids=lambda each: str(each)[:20],
)
def test_every_number_is_taken_or_refused_with_a_sentence(choice: Choice, value: Any, problem: str | None) -> None:
    assert choice.problem(value) == problem


def test_what_a_file_of_a_model_is_ordered_with_is_known_without_a_generator() -> None:
    assert [each.name for each in Offer(kind=Kind.CONVERT).all_choices] == ["format", "quad", "face_limit"]
    assert Offer(kind=Kind.IMAGE, choices=(FACES,)).all_choices == (FACES,)
    CONVERSION.check({"format": "fbx", "quad": True, "face_limit": 5000}, label="X")
    with pytest.raises(InputRefused, match="Most faces goes only with quad true") as refused:
        CONVERSION.check({"face_limit": 5000}, label="X")
    assert refused.value.code == "face_limit_invalid"
    with pytest.raises(InputRefused, match="X has no choice 'colour' for this; it knows format, quad, face_limit"):
        CONVERSION.check({"colour": "red"}, label="X")
