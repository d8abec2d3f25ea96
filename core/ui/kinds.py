"""What a person gives for each kind of job, and which kind is chosen: kept in the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from core.domain.request import Kind, Slot

ADDRESS = "kind"
FIRST = Kind.IMAGE
memory = st.session_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs of one kind.

    Attributes:
        slots: the places for pictures, with their labels; the front comes first.
        has_words: a description is asked for.
        unnamed, nothing: what is said when the name, or all else, is missing.
        advice: a heading, and what makes a good model.
    """

    label: str
    title: str
    icon: str
    slots: Mapping[Slot, str]
    has_words: bool
    unnamed: str
    nothing: tuple[str, str]
    advice: tuple[str, tuple[str, ...]]


UNNAMED = "Please name the object in the picture."
NO_PICTURE = (Slot.FRONT.value, "Please choose a picture first.")
INPUTS: Mapping[Kind, Inputs] = {
    Kind.IMAGE: Inputs(
        label="Picture",
        title="Turn a picture into a 3D model",
        icon=":material/image:",
        slots={Slot.FRONT: "Picture"},
        has_words=False,
        unnamed=UNNAMED,
        nothing=NO_PICTURE,
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
    Kind.MULTIVIEW: Inputs(
        label="Several views",
        title="Turn several views into a 3D model",
        icon=":material/view_carousel:",
        slots={
            Slot.FRONT: "Front",
            Slot.LEFT: "Left",
            Slot.BACK: "Back",
            Slot.RIGHT: "Right",
        },
        has_words=False,
        unnamed=UNNAMED,
        nothing=NO_PICTURE,
        advice=(
            ":material/360: **Good views**",
            (
                "the front, and at least one other side",
                "one object, as it stands, in the same light",
                "from the same height and distance",
                "each side whole, and nothing else in the picture",
            ),
        ),
    ),
    Kind.TEXT: Inputs(
        label="Words",
        title="Turn words into a 3D model",
        icon=":material/notes:",
        slots={},
        has_words=True,
        unnamed="Please name the object.",
        nothing=("prompt", "Please say in words what is to be made."),
        advice=(
            ":material/edit_note: **Good words**",
            (
                "name one object first: *a wooden rocking chair*",
                "then its shape, its material and its colours",
                "then its style: realistic, cartoon, low poly",
                "leave out the scene around it",
            ),
        ),
    ),
}


def begin() -> None:
    """Once a session the kind that the address names; at each run the address names the kind."""
    if "chosen_kind" not in memory:
        asked = st.query_params.get(ADDRESS, "")
        memory.chosen_kind = next((kind for kind in INPUTS if kind.value == asked), FIRST)
    if chosen() is FIRST:
        st.query_params.pop(ADDRESS, None)
    elif st.query_params.get(ADDRESS) != chosen().value:
        st.query_params[ADDRESS] = chosen().value


def chosen() -> Kind:
    """The kind whose inputs are shown."""
    return Kind(memory.chosen_kind)


def choose(kind: Kind) -> None:
    """Show the inputs of this kind, if there are any on the page."""
    if kind in INPUTS:
        memory.chosen_kind = kind


def draw() -> Inputs:
    """The kinds, to choose from; the inputs of the chosen one."""
    if memory.get("kind") != chosen():
        memory.kind = chosen()  # the choice outlives its widget, which forgets when another page is shown
    st.segmented_control(
        "Made from",
        list(INPUTS),
        format_func=lambda kind: f"{INPUTS[kind].icon} {INPUTS[kind].label}",
        key="kind",
        required=True,
        on_change=_taken,
        wrap=True,
    )
    return INPUTS[chosen()]


def _taken() -> None:
    choose(Kind(memory.kind))
