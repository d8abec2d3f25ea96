"""The choices that a generator declares, drawn for people: only those that count beside the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from core.domain.declaration import Choice, ChoiceType
from core.domain.request import Value
from core.services.candidates import Candidate
from core.ui import draft

LARGE = 10_000  # a whole number that may be larger is stepped through in thousands
memory = st.session_state


def draw(candidate: Candidate) -> None:
    """An input for each choice that is offered beside the others; nothing where there is nothing to choose."""
    if not candidate.offer.choices:
        return
    with st.expander("More options"):
        found: dict[str, Value] = {}
        for choice in candidate.offer.choices:
            if not choice.is_offered(found):
                continue
            value = candidate.choices.get(choice.name, choice.default)
            if value is not None:
                found[choice.name] = value
            key = f"{candidate.offer.kind.value}-{candidate.name}-{choice.name}"
            INPUTS[choice.type](choice, key, value)


def forget_object() -> None:
    """The next object has another height."""
    for name in memory.get("of_object", ()):
        draft.want(name, None)


def _one_of(choice: Choice, key: str, value: Value | None) -> None:
    names: list[str | None] = [*choice.values]
    if choice.default is None:
        names.insert(0, None)
    _hold(key, value)
    st.selectbox(
        choice.label,
        names,
        format_func=lambda name: "Automatic" if name is None else choice.values[name],
        key=key,
        help=choice.help or None,
        on_change=_taken,
        args=(choice, key),
    )


def _yes_no(choice: Choice, key: str, value: Value | None) -> None:
    _hold(key, bool(value))
    st.toggle(choice.label, key=key, help=choice.help or None, on_change=_taken, args=(choice, key))


def _number(choice: Choice, key: str, value: Value | None) -> None:
    is_whole = choice.type is ChoiceType.WHOLE
    factor = 1.0 if choice.typed is None else choice.typed.factor
    number: Callable[[float], int | float] = int if is_whole else float

    def typed(given: float | None) -> int | float | None:
        return None if given is None else number(round(given * factor, 6))

    if choice.is_of_object:
        memory.of_object = {*memory.get("of_object", ()), choice.name}
    _hold(key, None if value is None else typed(float(value)))
    st.number_input(
        choice.label if choice.typed is None else choice.typed.label,
        min_value=typed(choice.least),
        max_value=typed(choice.most),
        value=None,
        step=(1000 if (choice.most or 0) > LARGE else 1) if is_whole else None,
        key=key,
        placeholder="Unknown" if choice.is_of_object else "Automatic",
        help=choice.help or None,
        on_change=_taken,
        args=(choice, key),
    )


INPUTS: Mapping[ChoiceType, Callable[[Choice, str, Value | None], None]] = {
    ChoiceType.ONE_OF: _one_of,
    ChoiceType.YES_NO: _yes_no,
    ChoiceType.WHOLE: _number,
    ChoiceType.NUMBER: _number,
}


def _hold(key: str, value: Value | None) -> None:
    """The input shows what is wanted, also when it comes back after it was hidden or another page was shown."""
    if key not in memory or memory[key] != value:
        memory[key] = value


def _taken(choice: Choice, key: str) -> None:
    value: Value | None = memory[key]
    if value is not None and choice.typed is not None:
        value = round(float(value) / choice.typed.factor, 9)
    draft.mended("choices")
    draft.want(choice.name, value)
