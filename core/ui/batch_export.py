"""Several models in one file, from the table of jobs."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from core.domain.export import FORMATS, ExportOrder, Format
from core.domain.job import Job
from core.mesh import extras
from core.services.zip_size import MOST_BYTES, known_size, megabytes


def draw(jobs: tuple[Job, ...], chosen: list[int]) -> None:
    """For the chosen jobs, or else for the models of the jobs that are shown; other numbers can be typed."""
    finished = sorted(job.id for job in jobs if job.model is not None)
    if not chosen and not finished:
        return
    with st.popover("Export models", icon=":material/folder_zip:", key="export"):
        _order(chosen or finished, jobs)
        waiting = ranges(sorted(job.id for job in jobs if job.id in chosen and job.model is None))
        if waiting:
            st.caption(f"Without a model until now: {waiting}. The list in the zip says why.")


def _order(suggested: list[int], jobs: tuple[Job, ...]) -> None:
    """Which jobs, in which format, and the link."""
    numbers = st.text_input(
        "Jobs",
        value=ranges(suggested),
        key=f"export-jobs-{ranges(suggested)}",
        help="Numbers, such as 3,5-9. To begin with, the selected ones; without any, the finished ones shown here.",
    )
    kind = st.selectbox("Format", extras.formats(), format_func=lambda each: FORMATS[each].label, key="export-format")
    size = sum(known_size(job, ExportOrder(format=kind or Format.GLB)) for job in jobs if job.id in suggested)
    asked = urlencode({"jobs": (numbers or "").replace(" ", ""), "format": (kind or Format.GLB).value})
    st.link_button(
        "Download as one zip",
        f"/api/export.zip?{asked}",
        type="primary",
        icon=":material/download:",
        width="stretch",
        disabled=not numbers,
    )
    known = f"The chosen models are {megabytes(size)}; one" if size else "One"
    (st.warning if size > MOST_BYTES else st.caption)(f"{known} zip holds at most {megabytes(MOST_BYTES)}.")
    st.caption(
        "With a list of where each model came from, what is known of it, and what its file cannot hold, such as "
        "animations. GLB is ready at once."
    )


def ranges(numbers: list[int]) -> str:
    """`[3, 5, 6, 7]` as `3,5-7`; numbers ascend."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
