"""The words of which a model is made: what is wanted, and what is not, each with its count of characters."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st

from core.domain.request import MOST_NEGATIVE_PROMPT, MOST_PROMPT
from core.ui import draft, labels

memory = st.session_state
PROMPT, NEGATIVE = "prompt", "negative_prompt"


@functools.cache
def _live() -> Any:
    """Registered once a process. It shows nothing."""
    return st.components.v2.component("maquette_live", js=Path(__file__).with_name("live.js").read_text("utf-8"))


def draw(*, takes_negative: bool, maker: str) -> None:
    """Both fields, or only the first where the second counts for nothing; nothing that is too long is cut."""
    _field(
        PROMPT,
        "Describe it",
        most=MOST_PROMPT,
        height=140,
        placeholder="For example: a wooden rocking chair with a red cushion, worn paint, realistic",
    )
    if takes_negative:
        _field(
            NEGATIVE,
            "What it should not have (optional)",
            most=MOST_NEGATIVE_PROMPT,
            height=72,
            placeholder="For example: a base, text, several objects",
        )
    elif memory.get(NEGATIVE):
        st.caption(f"{labels.literal(maker)} cannot be told what a model should not have: that text is left out.")
    _live()(key="live-words", data={"fields": f".st-key-{PROMPT}, .st-key-{NEGATIVE}"}, height=1)


def _field(key: str, label: str, *, most: int, height: int, placeholder: str) -> None:
    st.text_area(
        label,
        key=key,
        height=height,
        placeholder=placeholder,
        persist_state="session",
        on_change=draft.mended,
        args=(key,),
    )
    count = len((memory.get(key) or "").strip())
    if count > most:
        st.warning(f"{count:,} of {most:,} characters: please shorten it.", icon=":material/format_size:")
    else:
        st.caption(f"{count:,} of {most:,} characters")
    draft.refusal(key)
