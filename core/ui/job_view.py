"""One job: its model or how far it is, its picture, its figures, and what happened when."""

from __future__ import annotations

import streamlit as st

from core.bootstrap import get_services
from core.domain.declaration import NEGATIVE
from core.domain.job import Job
from core.domain.request import StoredImage
from core.domain.status import Stage, Status
from core.services.model_files import KEPT_CODE
from core.ui import at_hand, conversions, job_actions, job_explained, labels, model_view, notices

BUSY_S = 2
PAIR_PX, VIEW_PX = 112, 72  # two pictures, or more, side by side in a quarter of a laptop's page and on a phone


def draw(job_id: int) -> None:
    """Raises: JobNotFound, StoreUnavailable."""
    job = get_services().overview.job(job_id)
    st.title(labels.literal(labels.title(job)), anchor=False)
    main, side = st.columns([3, 1], gap="large")
    with main:
        if job.stage is Stage.DONE:
            _ended(job)
        else:
            st.fragment(_running, run_every=BUSY_S)(job_id)
    with side:
        _facts(job)


def _ended(job: Job) -> None:
    url = get_services().overview.model_url(job)
    if url is not None:
        if job.status is Status.CANCELLED and job.error_message:
            st.warning(labels.literal(job.error_message), icon=labels.ICONS[job.status])
        if job.model is not None and not job.model.is_glb:
            conversions.draw_file(job, url)
        else:
            model_view.draw(job, url)
    elif job.status is Status.COMPLETED and job.model_link:
        st.info("This model was made by an older system and lies where that kept it.", icon=":material/history:")
        st.link_button("Open the model", job.model_link, icon=":material/open_in_new:")
    else:
        st.badge(labels.state(job), icon=labels.ICONS[job.status], color=_colour(job))
        text = labels.literal(job.error_message or labels.UNEXPLAINED[job.status])
        (st.error if job.status is Status.FAILED else st.warning)(text, icon=labels.ICONS[job.status])
        if job.error_code == KEPT_CODE:
            st.link_button("Download the file that came", f"/api/jobs/{job.id}/original", icon=":material/download:")
        job_actions.draw(job)
        st.page_link("create.py", label="Make another model", icon=":material/add_photo_alternate:")
    _timeline(job)


def _running(job_id: int) -> None:
    with notices.refusals_shown():
        job = get_services().overview.job(job_id)
        if job.stage is Stage.DONE:
            st.rerun()
        with st.container(border=True):
            st.badge(labels.state(job), icon=labels.ICONS[job.status], color=_colour(job))
            st.progress(job.progress, text=f"{job.progress} %")
            st.markdown(labels.literal(job_explained.of(job)))
            if job.stage is Stage.QUEUED and get_services().makers.absence(job) is None:
                st.markdown(_place_in_line(job))
            if job.error_message:
                st.warning(labels.literal(job.error_message), icon=":material/info:")
        job_actions.draw(job)
        problem = notices.standstill()
        if problem:
            st.warning(labels.literal(problem), icon=":material/warning:")
        _timeline(job)


def _place_in_line(job: Job) -> str:
    expected = get_services().overview.expected(job)
    ahead = expected.ahead
    line = f"{ahead} job{'s' if ahead > 1 else ''} before this one. " if ahead else "It is the next one. "
    if expected.seconds is None:
        return f"{line}Too few models were made so far to say how long it takes."
    return f"{line}Ready in {labels.about(expected.seconds)}, judging by the last {expected.based_on} models."


def _facts(job: Job) -> None:
    _given(job)
    facts = [("Job", str(job.id)), ("Made by", get_services().overview.maker_of(job))]
    if job.stage is Stage.DONE:
        facts.insert(1, ("Status", labels.state(job)))
    if job.model is not None:
        if job.model.face_count is not None:
            facts.append(("Faces", f"{job.model.face_count:,}"))
        facts.append(("File", labels.size(job.model.size_bytes)))
    if job.finished_at is not None:
        facts.append(("Took", labels.duration((job.finished_at - job.created_at).total_seconds())))
    if job.credits_used is not None:
        facts.append(("Cost", labels.credits_text(job.credits_used)))
    elif job.credits_estimate:
        facts.append(("Cost", f"about {labels.credits_text(job.credits_estimate)}, by the list of prices"))
    if job.retry_of is not None:
        facts.append(("Made again after", f"job {job.retry_of}"))
    if job.source is not None:
        facts.append(("Converted from", f"job {job.source}"))
    facts += [(name, f"{image.name}, {image.width_px} × {image.height_px}") for name, image in _views(job)]
    facts.append(("Submitted", f"{job.created_at:%Y-%m-%d %H:%M} UTC"))
    for name, value in facts:
        st.markdown(f"**{name}** {labels.literal(value)}")
    chosen = get_services().candidates.shown(job)
    if chosen:
        with st.expander("What was chosen", icon=":material/tune:"):
            for name, value in chosen:
                st.markdown(f"**{labels.literal(name)}** {labels.literal(value)}")
    made = at_hand.how_it_was_made(job)
    if made:
        st.caption(labels.literal(made))


def _views(job: Job) -> list[tuple[str, StoredImage]]:
    """Its pictures, each with its side where there are several."""
    views = {} if job.request is None else job.request.inputs()
    if len(views) < 2:
        return [] if job.image is None else [("Picture", job.image)]
    return [(slot.value.capitalize(), image) for slot, image in views.items()]


def _given(job: Job) -> None:
    """What came in, and where there is one, what the generator itself drew of the model."""
    if job.texts:
        _words(job)
    maker, views = get_services().overview.maker_of(job), _views(job)
    found = [
        (
            at_hand.thumbnail(job, image, side_px=512),
            f"The picture of {job.target_object}" + (f", {name.lower()}" if len(views) > 1 else ""),
            "Your picture" if len(views) == 1 else name,
        )
        for name, image in views
    ]
    drawn = f"{maker}'s own picture of the model of {job.target_object}"
    found.append((at_hand.rendered(job), drawn, labels.literal(f"As {maker} drew it")))
    there = [(data, alt, caption) for data, alt, caption in found if data is not None]
    if len(there) == 1:
        st.image(there[0][0], alt=there[0][1], width="stretch")
        return
    with st.container(horizontal=True):
        for data, alt, caption in there:
            st.image(data, alt=alt, caption=caption, width=PAIR_PX if len(there) == 2 else VIEW_PX)


def _words(job: Job) -> None:
    with st.container(border=True):
        for name, text in job.texts.items():
            sign = ":material/block: **Not** " if name == NEGATIVE else ":material/notes: "
            if text:
                st.markdown(f"{sign}{labels.literal(text)}")


def _timeline(job: Job) -> None:
    with st.expander("What happened when", icon=":material/timeline:", expanded=job.status is not Status.COMPLETED):
        for event in get_services().overview.events(job.id):
            st.markdown(f"`{event.at:%H:%M:%S}` &nbsp; {labels.literal(event.note)}")


def _colour(job: Job) -> labels.Colour:
    return labels.COLOURS[job.status]
