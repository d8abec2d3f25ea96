"""The 3D viewer as one function for pages."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent


@functools.cache
def _component() -> Any:
    """Registered once a process, when the first model is shown."""
    html, css, js = (FOLDER.joinpath(f"viewer.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("maquette_viewer", html=html, css=css, js=js)


def model_viewer(src: str, *, alt: str, key: str, height_px: int = 480) -> None:
    """Show a model that mouse, touch and keyboard can turn; the camera survives refreshes.

    Args:
        src: path of the GLB on this server.
        alt: what a screen reader says.
        height_px: explicit, because a height of 100 % is none here.
    """
    _component()(key=key, data={"src": src, "alt": alt, "height": height_px}, height=height_px)
