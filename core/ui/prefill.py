"""The create page filled in with what a job was asked for, when it is to be made with other pictures or words."""

from __future__ import annotations

import streamlit as st

from core.domain.job import Job
from core.ui import kinds

memory = st.session_state


def take(job: Job) -> None:
    """Take all over but the pictures, which are left to be chosen; the page itself is opened by whoever calls."""
    kinds.choose(job.kind)
    memory.object = job.target_object
    memory.wanted = dict(job.choices)
    memory.maker = job.generator
    for name, text in job.texts.items():
        memory[name] = text
    memory.prefilled_from = (job.id, job.about.change)
    memory.pop("made", None)
    memory.pop("refused", None)


def draw() -> None:
    """On the create page: what was taken over, until the job is made."""
    if "prefilled_from" in memory:
        number, change = memory.prefilled_from
        st.info(f"The name and the choices are those of job {number}. {change}", icon=":material/info:")


def end() -> None:
    memory.pop("prefilled_from", None)
