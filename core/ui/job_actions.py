"""What a person can do about a job: cancel it, make it again, fetch it again, decide about it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.domain.status import Stage, Status
from core.ui import labels, prefill

memory = st.session_state
CERTAIN = frozenset({Stage.QUEUED, Stage.BLOCKED})


def draw(job: Job) -> None:
    """The buttons that make sense for this job now."""
    _notice(job)
    if job.stage is Stage.ATTENTION:
        _decision(job)
    if job.stage is Stage.SAVING and job.fetch_tries:
        st.button(
            "Fetch the model again now",
            icon=":material/refresh:",
            key=f"fetch-{job.id}",
            on_click=_do,
            args=(job.id, get_services().decide.fetch_again, "The model is fetched again; this costs nothing."),
        )
    if job.stage is not Stage.DONE and job.status is not Status.CANCELLED:
        _cancel(job)
    elif job.stage is Stage.DONE:
        _retry(job)


def _cancel(job: Job) -> None:
    maker = labels.literal(get_services().overview.maker_of(job))
    with st.popover("Cancel", icon=":material/cancel:"):
        if job.is_free:
            st.markdown(
                "It has not begun: the job ends at once and costs nothing."
                if job.stage in CERTAIN
                else "The work on it stops at once, and it costs nothing."
            )
        elif job.stage in CERTAIN:
            st.markdown("Nothing was sent yet: the job ends at once and costs nothing.")
        elif job.stage is Stage.ATTENTION:
            st.markdown(
                f"It is not sent again. We go on searching for what {maker} may have made of it: that can still be "
                "charged, and is kept here when it is found."
            )
        else:
            st.markdown(
                f"**{maker} cannot be stopped.** It may finish this model and charge for it all the same; then the "
                "model is kept here, and you see what it cost."
            )
        st.button(
            "Cancel this job",
            key=f"cancel-{job.id}",
            on_click=_do,
            args=(job.id, get_services().decide.cancel, "The job is cancelled."),
        )


def _retry(job: Job) -> None:
    offer = get_services().decide.retry_offer(job)
    if offer is None:
        refusal = get_services().decide.retry_refusal(job)
        if refusal is not None:
            st.caption(labels.literal(refusal))
        return
    about = job.about
    is_refused = bool(about.another) and (offer.needs_another_picture or offer.needs_other_words)
    if is_refused and st.button(
        about.another,
        type="primary",
        icon=":material/edit:" if job.image is None else ":material/add_photo_alternate:",
        key=f"another-{job.id}",
        help="Its name and its choices are filled in already.",
    ):
        prefill.take(job)
        st.switch_page("create.py", query_params={"object": job.target_object})
    label = f"Make it again with the same {about.given}" if is_refused else "Make it again"
    with st.popover(label, icon=":material/replay:"):
        st.markdown(labels.literal(offer.why))
        st.button(
            label,
            type="secondary" if is_refused else "primary",
            key=f"retry-{job.id}",
            on_click=_again,
            args=(job.id,),
        )


def _decision(job: Job) -> None:
    """The candidates with what speaks for each, and the two buttons."""
    tasks = get_services().decide.candidates(job.id)
    maker = labels.literal(get_services().overview.maker_of(job))
    is_cancelled = job.cancelled_at is not None
    if is_cancelled and not tasks:
        return  # nobody is asked: the search ends it
    with st.container(border=True):
        st.markdown(
            ":material/gavel: **Which of these is this job's?**" if tasks else ":material/gavel: **Your decision**"
        )
        if tasks:
            chosen = st.radio(
                f"Tasks at {maker} that may be this job's",
                [task.task_id for task in tasks],
                format_func=labels.literal,
                captions=[labels.literal(_evidence(task.status, task.created_at, task.evidence)) for task in tasks],
                key=f"candidate-{job.id}",
            )
            st.button(
                "Take this one",
                type="primary",
                icon=":material/check:",
                key=f"take-{job.id}",
                help="Its model becomes this job's. Nothing is ordered again.",
                on_click=_do,
                args=(
                    job.id,
                    lambda number: get_services().decide.take(number, str(chosen)),
                    "The task is this job's now.",
                ),
            )
        else:
            st.markdown(
                f"Look at the usage page of your {maker} account for a task made at "
                f"{job.intent_at or job.created_at:%Y-%m-%d %H:%M:%S} UTC. We go on searching, too."
            )
        if is_cancelled:
            st.caption("You cancelled this job. You need not choose: then it ends, and these tasks stay listed.")
            return
        price = labels.credits_text(job.credits_estimate)
        st.button(
            "None of these: send it again" if tasks else "Nothing was made: send it again",
            icon=":material/send:",
            key=f"again-{job.id}",
            help=f"Only if you are sure. If {maker} did make one, this costs {price} a second time.",
            on_click=_do,
            args=(job.id, get_services().decide.send_again, "It is sent again."),
        )


def _evidence(status: str, created_at: object, evidence: str) -> str:
    made = f"made {created_at:%Y-%m-%d %H:%M:%S} UTC" if created_at else "time unknown"
    return f"{evidence} Status: {status or 'unknown'}, {made}."


def _do(job_id: int, act: Callable[[int], Job], message: str) -> None:
    """Run it and keep what to say, so that the next drawing of the page says it."""
    try:
        act(job_id)
    except MaquetteError as exc:
        memory[f"notice-{job_id}"] = (False, exc.message)
    else:
        memory[f"notice-{job_id}"] = (True, message)


def _again(job_id: int) -> None:
    try:
        new = get_services().decide.retry(job_id)
    except MaquetteError as exc:
        memory[f"notice-{job_id}"] = (False, exc.message)
    else:
        st.query_params["job"] = str(new.id)


def _notice(job: Job) -> None:
    went_well, message = memory.pop(f"notice-{job.id}", (True, ""))
    if message:
        (st.success if went_well else st.warning)(labels.literal(message), icon=":material/info:")
