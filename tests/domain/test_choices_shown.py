"""Choices as people read them."""

from __future__ import annotations

import pytest

from core.domain.declaration import Choice, ChoiceType, Typed
from core.domain.request import Value


@pytest.mark.parametrize(
    ("choice", "value", "shown"),
    [
        (Choice(name="a", label="Kind", type=ChoiceType.ONE_OF, values={"x": "An X"}), "x", ("Kind", "An X")),
        (Choice(name="a", label="Kind", type=ChoiceType.ONE_OF, values={"x": "An X"}), "gone", ("Kind", "gone")),
        (Choice(name="a", label="With it", type=ChoiceType.YES_NO), False, ("With it", "no")),
        (Choice(name="a", label="Most faces", type=ChoiceType.WHOLE), 12_000, ("Most faces", "12,000")),
        (
            Choice(name="a", label="In metres", type=ChoiceType.NUMBER, typed=Typed(label="In cm", factor=100.0)),
            0.123,
            ("In cm", "12.3"),
        ),
    ],
)
def test_a_choice_is_shown_in_the_words_of_its_declaration(
    choice: Choice, value: Value, shown: tuple[str, str]
) -> None:
    assert choice.shown(value) == shown
