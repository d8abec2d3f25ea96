"""Where a person was in the list of jobs, and the way back to it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st


@functools.cache
def _component() -> Any:
    """Registered once a process. It shows nothing."""
    return st.components.v2.component("maquette_place", js=Path(__file__).with_name("place.js").read_text("utf-8"))


def keep(view: str) -> None:
    """On the list: scroll to where this view of it was left, and remember where it is left next."""
    _component()(key="place-of-list", data={"isList": True, "view": view}, height=1)


def way_back() -> None:
    """On the page of a job: the navigation's own link leads to the list, which is the same page to Streamlit."""
    _component()(key="way-back", data={"isList": False}, height=1, on_left_change=leave)


def leave() -> None:
    """Show the list."""
    st.query_params.pop("job", None)
