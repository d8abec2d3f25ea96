"""Files that its generator makes of a finished model for credits: the price before the click, and what became of it."""

from __future__ import annotations

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.domain.status import Stage
from core.services.convert import ConversionOffer
from core.ui import labels, notices

BUSY_S = 2
memory = st.session_state


def draw_orders(job: Job) -> None:
    """A button for each file that can be ordered; nothing where nobody can convert this model."""
    offers = get_services().convert.offers(job)
    if not offers:
        return
    maker = labels.literal(get_services().overview.maker_of(job))
    with st.popover(f"FBX, by {maker}", icon=":material/payments:"):
        st.markdown(
            f"FBX is for Unity, Unreal, Maya and 3ds Max. This server cannot make it; {maker} does, for credits. "
            "What was ordered once is kept and costs nothing again."
        )
        ordered = _orders(job)
        for offer in offers:
            _offer(job, offer, ordered)
        if problem := memory.get(f"order-problem-{job.id}"):
            st.error(labels.literal(problem), icon=":material/error:")


def _offer(job: Job, offer: ConversionOffer, ordered: list[Job]) -> None:
    with st.container(border=True):
        faces = None
        if offer.quad:
            st.markdown("**FBX with four-sided faces**: the surface is laid anew, for modelling and animation.")
            faces = st.number_input(
                "Most faces",
                min_value=100,
                max_value=500_000,
                value=None,
                step=1000,
                placeholder="Automatic",
                key=f"quad-faces-{job.id}",
            )
        else:
            st.markdown("**FBX** as the model is.")
        known = next((each for each in ordered if _is_of(each, offer.quad, faces)), None)
        if known is not None:
            st.page_link(
                "jobs.py",
                label=f"Ordered as job {known.id}: {labels.state(known).lower()}",
                icon=labels.ICONS[known.status],
                query_params={"job": str(known.id)},
            )
            return
        st.button(
            f"Order for about {labels.credits_text(offer.credits)}",
            key=f"order-{job.id}-{offer.quad}",
            icon=":material/shopping_cart:",
            on_click=_order,
            args=(job.id, offer.quad, faces),
            width="stretch",
        )


def _is_of(ordered: Job, quad: bool, faces: int | None) -> bool:
    asked = ordered.conversion
    return asked is not None and (asked.quad, asked.face_limit) == (quad, faces)


def _order(job_id: int, quad: bool, faces: int | None) -> None:
    memory.pop(f"order-problem-{job_id}", None)
    try:
        get_services().convert.order(job_id, quad=quad, face_limit=faces)
    except MaquetteError as exc:
        memory[f"order-problem-{job_id}"] = exc.message


def draw_ordered(job: Job) -> None:
    """What was ordered, and how far it is; refreshes itself while any is under way. Raises: StoreUnavailable."""
    ordered = _orders(job)
    if ordered:
        is_busy = any(each.stage is not Stage.DONE for each in ordered)
        st.fragment(_ordered, run_every=BUSY_S if is_busy else None)(job, is_busy)


def _ordered(job: Job, was_busy: bool) -> None:
    with notices.refusals_shown():
        ordered = _orders(job)
        for each in ordered:
            _row(each)
        if was_busy and all(each.stage is Stage.DONE for each in ordered):
            st.rerun()  # ends the refreshing


def _row(job: Job) -> None:
    url = get_services().overview.model_url(job)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.badge(labels.state(job), icon=labels.ICONS[job.status], color=labels.COLOURS[job.status])
        st.markdown(f"**{labels.literal(labels.conversion(job))}**, {labels.spent(job)}")
        if url is not None:
            download(job, url, is_first=False)
        st.page_link("jobs.py", label=f"Job {job.id}", query_params={"job": str(job.id)})


def download(job: Job, url: str, *, is_first: bool) -> None:
    """The button that gives a converted file away."""
    kind = "FBX" if job.model is None or job.model.kind == "fbx" else "FBX (zip)"
    st.link_button(
        f"Download {kind}",
        f"{url}?download=1",
        type="primary" if is_first else "secondary",
        icon=":material/download:",
        help="Opens in Unity, Unreal, Maya, 3ds Max and Blender.",
    )


def draw_file(job: Job, url: str) -> None:
    """The page of a conversion that is done."""
    download(job, url, is_first=True)
    st.markdown(
        f"{labels.literal(get_services().overview.maker_of(job))} made this file of a finished model. It cannot be "
        "shown in the page; the model it was made of can."
    )
    st.page_link(
        "jobs.py",
        label=f"See the model of job {job.source}",
        icon=":material/view_in_ar:",
        query_params={"job": str(job.source)},
    )


def _orders(job: Job) -> list[Job]:
    """The jobs that convert this one's model, newest first; no generator that is free makes any."""
    return [] if job.is_free else get_services().convert.ordered(job.id)
