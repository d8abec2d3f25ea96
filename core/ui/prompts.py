"""The words of which a model is made: what is wanted, and what is not, each with its count of characters."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st

from core.domain.declaration import Offer
from core.domain.request import TextInput
from core.ui import draft, labels

memory = st.session_state
TALL_PX, LOW_PX = 140, 72


@functools.cache
def _live() -> Any:
    """Registered once a process. It shows nothing."""
    return st.components.v2.component("maquette_live", js=Path(__file__).with_name("live.js").read_text("utf-8"))


def draw(offer: Offer, *, maker: str) -> None:
    """A field for each text of the kind that counts for its maker; nothing that is too long is cut."""
    for text in offer.kind.about.texts:
        if text in offer.texts:
            _field(text)
        elif memory.get(text.name):
            st.caption(f"{labels.literal(maker)} cannot be told what a model should not have: that text is left out.")
    fields = ", ".join(f".st-key-{text.name}" for text in offer.kind.about.texts)
    _live()(key="live-words", data={"fields": fields}, height=1)


def _field(text: TextInput) -> None:
    key, most = text.name, text.most
    st.text_area(
        text.label,
        key=key,
        height=TALL_PX if text.is_needed else LOW_PX,
        placeholder=text.placeholder,
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
