"""The create page filled in with the name and the choices of a job that is to be made with another picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.domain.job import Job
from core.ui import access

memory = st.session_state


def choices_of(job: Job) -> None:
    """Take them over; the page itself is opened by whoever calls. The picture is left to be chosen."""
    asked: Mapping[str, Any] = job.choices
    memory.object = job.target_object
    memory.faces = asked.get("face_limit")
    memory.prefilled_from = job.id
    memory.pop("made", None)
    if access.is_offline():
        memory["style"] = asked.get("style", "auto")
        height_m = asked.get("height_m")
        memory.height_cm = None if height_m is None else round(height_m * 100, 6)
        return
    memory.texture = asked.get("texture", True)
    memory.auto_size = asked.get("auto_size", False)
    memory.aligned = asked.get("orientation") == "align_image"
    if any(asked.get("model") == price.model for price in access.model_choices()):
        memory.model = asked["model"]
        memory.texture_quality = asked.get("texture_quality", "standard")
        memory.geometry_quality = asked.get("geometry_quality", "standard")


def draw() -> None:
    """On the create page: what was taken over, until the job is made."""
    if "prefilled_from" in memory:
        st.info(
            f"The name and the choices are those of job {memory.prefilled_from}. Choose another picture for it.",
            icon=":material/info:",
        )


def end() -> None:
    memory.pop("prefilled_from", None)
