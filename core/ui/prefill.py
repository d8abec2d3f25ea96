"""The create page filled in with the name and the choices of a job that is to be made with another picture."""

from __future__ import annotations

import streamlit as st

from core.domain.job import Job
from core.ui import access

memory = st.session_state


def choices_of(job: Job) -> None:
    """Take them over; the page itself is opened by whoever calls. The picture is left to be chosen."""
    asked = job.options
    memory.object = job.target_object
    memory.faces = asked.face_limit
    memory.prefilled_from = job.id
    memory.pop("made", None)
    if access.is_offline():
        memory["style"] = asked.style
        memory.height_cm = None if asked.height_m is None else round(asked.height_m * 100, 6)
        return
    memory.texture = asked.texture
    memory.auto_size = asked.auto_size
    memory.aligned = asked.orientation == "align_image"
    if any(asked.model == price.model for price in access.model_choices()):
        memory.model = asked.model
        memory.texture_quality = asked.texture_quality
        memory.geometry_quality = asked.geometry_quality


def draw() -> None:
    """On the create page: what was taken over, until the job is made."""
    if "prefilled_from" in memory:
        st.info(
            f"The name and the choices are those of job {memory.prefilled_from}. Choose another picture for it.",
            icon=":material/info:",
        )


def end() -> None:
    memory.pop("prefilled_from", None)
