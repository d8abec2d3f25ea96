"""The 3D viewer as one function for pages."""

from __future__ import annotations

import functools
import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import segno
import streamlit as st

from core.domain.naming import slug

FOLDER = Path(__file__).parent


@functools.cache
def _component() -> Any:
    """Registered once a process, when the first model is shown."""
    html, css = (FOLDER.joinpath(f"viewer.{kind}").read_text("utf-8") for kind in ("html", "css"))
    return st.components.v2.component("maquette_viewer", html=html, css=css, js=script())


def script() -> str:
    """The module that draws: both files as one, because a component's script can import none of ours."""
    return "\n".join(FOLDER.joinpath(name).read_text("utf-8") for name in ("viewer_library.js", "viewer.js"))


def model_viewer(
    src: str,
    *,
    alt: str,
    key: str,
    height_px: int = 480,
    poster: str | None = None,
    facts: str | None = None,
    is_size_known: bool = False,
) -> None:
    """Show a model that mouse, touch and keyboard can turn; the camera survives refreshes.

    Args:
        src: path of the GLB on this server.
        alt: what a screen reader says; a snapshot's file is named after it.
        key: one for each model, so that a page that shows another one begins afresh.
        height_px: of the whole frame; explicit, because a height of 100 % is none here.
        poster: path on this server of a picture of the model, shown until the model is drawn or when it cannot be.
        facts: a few words shown in the corner, such as its size.
        is_size_known: its lengths are the object's own and shown in centimetres; otherwise its proportions are.
    """
    data = {
        "src": src,
        "alt": alt,
        "height": height_px,
        "poster": poster,
        "facts": facts,
        "isSizeKnown": is_size_known,
        "file": f"{slug(alt.removeprefix('3D model of '))}.png",
        "phone": _phone(),
    }
    _component()(key=key, data=data, height=height_px)


def _phone() -> dict[str, str] | None:
    """How to open this page on a phone; None where the browser did not tell the page's address."""
    address = st.context.url
    if not address:
        return None
    query = urlencode(st.query_params.to_dict())
    return phone_hint(urlsplit(address)._replace(path=urlsplit(address).path or "/", query=query).geturl())


@functools.lru_cache(maxsize=256)
def phone_hint(url: str) -> dict[str, str]:
    """A QR code of an address with its text, or why a phone cannot reach it."""
    host = urlsplit(url).hostname or ""
    if _is_loopback(host):
        return {
            "text": f"A phone cannot reach {host}: that name means the phone itself. Open the dashboard under this "
            "machine's name or its address in your network, and a QR code appears here."
        }
    # a quiet zone of 2 beside the picture's own white margin; dark on light in both themes, or scanners fail
    code = segno.make(url, error="m", micro=False).svg_data_uri(border=2, dark="#000", light="#fff")
    return {"text": url, "code": code}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
