"""Which kind of job is chosen on the create page: kept in the page's address. What each asks for is its own to say."""

from __future__ import annotations

import streamlit as st

from core.domain.request import Kind, Page

ADDRESS = "kind"
memory = st.session_state


def offered() -> tuple[Kind, ...]:
    """The kinds that have a place on the page."""
    return tuple(kind for kind in Kind.all() if kind.about.page is not None)


def begin() -> None:
    """Once a session the kind that the address names; at each run the address names the kind."""
    first = offered()[0]
    if "chosen_kind" not in memory:
        asked = st.query_params.get(ADDRESS, "")
        memory.chosen_kind = next((kind for kind in offered() if kind.value == asked), first)
    if chosen() is first:
        st.query_params.pop(ADDRESS, None)
    elif st.query_params.get(ADDRESS) != chosen().value:
        st.query_params[ADDRESS] = chosen().value


def chosen() -> Kind:
    """The kind whose inputs are shown."""
    return Kind(memory.chosen_kind)


def page(kind: Kind) -> Page:
    """How the page asks for it."""
    found = kind.about.page
    assert found is not None  # noqa: S101 - only those with a page are offered
    return found


def choose(kind: Kind) -> None:
    """Show the inputs of this kind, if there are any on the page."""
    if kind in offered():
        memory.chosen_kind = kind


def draw() -> Kind:
    """The kinds, to choose from; the chosen one."""
    if memory.get("kind") != chosen():
        memory.kind = chosen()  # the choice outlives its widget, which forgets when another page is shown
    st.segmented_control(
        "Made from",
        list(offered()),
        format_func=lambda kind: f"{page(kind).icon} {page(kind).label}",
        key="kind",
        required=True,
        on_change=_taken,
        wrap=True,
    )
    return chosen()


def _taken() -> None:
    choose(Kind(memory.kind))
