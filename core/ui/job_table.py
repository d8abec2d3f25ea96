"""All jobs, newest first; refreshes itself while anything runs."""

from __future__ import annotations

import functools
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from core.bootstrap import get_services
from core.domain.job import Job
from core.domain.status import Stage, Status
from core.ports.job_store import JobPage, JobQuery
from core.ui import account_view, at_hand, batch_export, job_explained, labels, notices, place, selection, word_card

PAGE_SIZE = 50
PICTURE_PX = 96
BUSY_S, IDLE_S = 2, 10  # seconds between refreshes: while anything runs, and to notice jobs that programs add
ROW_PX = 56
OPEN = "Open "
HOW = "Tick rows to export or open them. Keys in the table: arrows move, Shift and Space ticks a row."
COLUMNS: dict[str, Any] = {
    "picture": st.column_config.ImageColumn("Picture", width=70),
    "open": None,  # a button, made with each table
    "object": st.column_config.TextColumn("Object", width="medium"),
    "state": st.column_config.TextColumn("Status", width=140),
    "progress": st.column_config.ProgressColumn("Progress", min_value=0, max_value=100, format="%d %%", width="small"),
    "credits": st.column_config.TextColumn("Credits", width=90, alignment="right"),
    "age": st.column_config.TextColumn("Started", width="small"),
    "error": st.column_config.TextColumn("Note", width="large"),
}


def draw() -> None:
    """Search, filter, the table, and pages."""
    st.title("Jobs", anchor=False)
    search_place, filter_place = st.columns([2, 3], vertical_alignment="bottom")
    search = search_place.text_input(
        "Search", key="search", placeholder="Name or number", persist_state="session", type="search"
    )
    chosen = filter_place.pills(
        "Status",
        list(Status),
        selection_mode="multi",
        format_func=lambda status: labels.ENDS.get(status, "Running"),
        key="statuses",
        wrap=True,
        persist_state="session",
    )
    statuses = frozenset(chosen if isinstance(chosen, list) else ())
    is_busy = bool(st.session_state.get("jobs_busy", True))
    st.fragment(_list, run_every=BUSY_S if is_busy else IDLE_S)(search or "", statuses, is_busy)


def _list(search: str, statuses: frozenset[Status], was_busy: bool) -> None:
    number = int(st.session_state.get("jobs_page", 1)) - 1
    view = f"{search}|{sorted(statuses)}|{number}"
    page: JobPage | None = None
    with notices.refusals_shown(instead=functools.partial(_known, search, statuses, number, view)):
        page = _page_of(search, statuses, number)
        if not page.jobs and number > 0:
            st.session_state.jobs_page = 1
            page = _page_of(search, statuses, 0)
    if page is not None:
        with notices.refusals_shown():
            _listed(page, view, is_filtered=bool(search or statuses), was_busy=was_busy)


def _listed(page: JobPage, view: str, *, is_filtered: bool, was_busy: bool) -> None:
    is_busy = page.running > 0
    st.session_state.jobs_busy = is_busy
    problem = notices.standstill() if is_busy else None
    if problem:
        st.warning(labels.literal(problem), icon=":material/warning:")
    if not page.jobs:
        _nothing(is_filtered=is_filtered)
    else:
        _table(page.jobs, view, now=get_services().reads.now())
        _pages(page.total, page.running)
    _selected(page.jobs)
    place.keep(view)
    if page.jobs:
        account_view.orphaned()
    account_view.leftovers()
    if is_busy != was_busy:
        st.rerun()


def _page_of(search: str, statuses: frozenset[Status], number: int) -> JobPage:
    """Newest first; `number` from 0. Raises: StoreUnavailable."""
    return get_services().overview.page(_query(search, statuses, number))


def _query(search: str, statuses: frozenset[Status], number: int) -> JobQuery:
    return JobQuery(search=search.strip(), statuses=statuses, page=number, page_size=PAGE_SIZE)


def _known(search: str, statuses: frozenset[Status], number: int, view: str) -> None:
    """The list as it was shown last, while the job table is away; nothing where none was."""
    known = get_services().overview.last_page(_query(search, statuses, number))
    if known is None or not known.value.jobs:
        return
    st.caption(f":material/history: The list as of {known.at:%H:%M} UTC")
    _table(known.value.jobs, view, now=known.at)


def _nothing(*, is_filtered: bool) -> None:
    with st.container(border=True, horizontal_alignment="center"):
        if is_filtered:
            st.markdown(":material/search_off: **No job matches.** Clear the search or the status to see all.")
        else:
            st.markdown(":material/deployed_code: **No jobs yet.** Your models will appear here.")
            st.page_link("create.py", label="Make the first one", icon=":material/add_photo_alternate:")


def _table(jobs: tuple[Job, ...], view: str, *, now: datetime) -> None:
    rows = [
        {
            "picture": _picture(job),
            "open": f"{OPEN}{job.id}",
            "object": labels.title(job),
            "state": labels.state(job),
            "progress": job.progress if job.status is not Status.FAILED else 0,
            "credits": _credits(job),
            "age": labels.age(job.created_at, now),
            "error": _note(job),
        }
        for job in jobs
    ]
    key, clicks = f"table-{view}", f"open-{view}"
    selection.show(key, [job.id for job in jobs])
    opening = st.column_config.ButtonColumn("Job", width=90, on_click=_clicked, args=(clicks,), key=clicks)
    st.dataframe(
        pd.DataFrame(rows, columns=list(COLUMNS)),
        column_config={**COLUMNS, "open": opening},
        hide_index=True,
        row_height=ROW_PX,
        height="content" if len(rows) <= 10 else 11 * ROW_PX,
        key=key,
        selection_mode="multi-row",
        on_select=lambda: selection.take(key),
        alt="Jobs, newest first. Tick rows with Shift and Space; what can be done with them is below.",
    )


def _clicked(clicks: str) -> None:
    """A button column tells the row, which moves when a new job comes, and the label, which names the job."""
    _open(st.session_state[clicks]["label"].removeprefix(OPEN))


def _open(number: str) -> None:
    st.query_params["job"] = number
    st.session_state.open_job = True


def _selected(jobs: tuple[Job, ...]) -> None:
    """What can be done with the selected jobs; buttons in the table itself hear no keys."""
    numbers = sorted(selection.numbers())
    with st.container(horizontal=True, vertical_alignment="center"):
        if numbers:
            st.markdown(f"**{len(numbers)} job{'s' if len(numbers) > 1 else ''} selected**", width="content")
            if len(numbers) == 1:
                number = str(numbers[0])
                st.button(f"{OPEN}{number}", icon=":material/open_in_full:", key="open", on_click=_open, args=(number,))
            st.button("Clear the selection", icon=":material/close:", key="clear", on_click=selection.clear)
        batch_export.draw(jobs, numbers)


def _credits(job: Job) -> str:
    """What it cost, or what it may still cost."""
    if job.credits_used is not None or not job.credits_estimate:
        return labels.amount(job.credits_used or Decimal(0))
    if job.stage is Stage.DONE and job.task_id is None:
        return labels.amount(Decimal(0))
    return f"about {labels.amount(job.credits_estimate)}"


def _picture(job: Job) -> str | None:
    """Path of its small picture, or a card with its words."""
    path = get_services().overview.image_url(job)
    return word_card.of(job) if path is None else f"{path}?size={PICTURE_PX}"


def _note(job: Job) -> str:
    absence = get_services().makers.absence(job)
    if absence is not None:
        return absence
    if job.error_message and job.status is not Status.COMPLETED:
        return job.error_message
    if at_hand.has_no_object(job):
        return "No object was found in the picture; the whole picture became a model."
    if job.stage in (Stage.UNCERTAIN, Stage.ATTENTION, Stage.BLOCKED):
        return job_explained.of(job)
    words = next(iter(job.texts.values()), "")
    return f"“{words}”" if words else ""


def _pages(total: int, running: int) -> None:
    count = f"{total} job{'s' if total != 1 else ''}"
    st.caption(f"{count}, {running} under way. {HOW}" if running else f"{count}. {HOW}")
    pages = -(-total // PAGE_SIZE)
    if pages > 1:
        st.pagination(pages, key="jobs_page", persist_state="session")
    if st.session_state.pop("open_job", False):
        st.rerun()
