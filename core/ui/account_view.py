"""The paid account: a few lines in the sidebar, and the tasks that belong to no job."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import MaquetteError
from core.ui import labels

REFRESH_S = 30


def sidebar() -> None:
    """Balance and held credits, when a paid generator is connected; nothing otherwise."""
    if get_services().overview.paid is None:
        return
    with st.sidebar:
        st.fragment(_lines, run_every=REFRESH_S)()


def _lines() -> None:
    st.subheader(f"{labels.literal(_paid_label())} account", anchor=False)
    try:
        account = get_services().account_view.get()
    except MaquetteError as exc:
        st.warning(labels.literal(exc.message), icon=":material/cloud_off:")
        return
    if account.balance is None:
        st.caption("The balance has not been read yet. It is asked for once a minute.")
    else:
        st.metric("Credits left", labels.amount(account.balance.available), help="100 credits are 1 US dollar.")
        held = labels.amount(account.balance.held)
        st.markdown(f"{held} more are **held** for models under way; they are taken when a model succeeds.")
        if account.balance_at is not None:
            st.caption(f"Read {labels.age(account.balance_at, get_services().reads.now())}.")
    if account.most is not None:
        spent, most = labels.amount(account.spent), labels.amount(account.most)
        st.markdown(f"Last 24 hours: **{spent} of {most}** credits of the budget.")
    elif account.spent:
        st.markdown(f"Last 24 hours: **{labels.amount(account.spent)}** credits.")
    for problem in account.problems:
        st.warning(labels.literal(problem), icon=":material/warning:")


def leftovers() -> None:
    """What lies on this server for jobs that are not in this table; nothing when there is nothing."""
    found = get_services().account_view.get().leftovers
    if not found:
        return
    with st.expander(f"Kept on this server for no job here ({len(found)})", icon=":material/inventory_2:"):
        st.markdown(
            "They name tasks that may be paid for. Nothing is done with them, and nothing is deleted. Set the database "
            "or project that they belong to, and they go on by themselves; otherwise look the tasks up by their "
            "numbers at the generator. docs/operations.md says more, under *Notes that fit no job*."
        )
        rows = [
            {
                "Task": left.task_id,
                "What": "Answer to a paid request" if left.what == "note" else "Model",
                "Job": "–" if left.job_id is None else str(left.job_id),
                "Why it is kept": left.why,
            }
            for left in found
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Kept on this server for no job here")


def orphaned() -> None:
    """Tasks at the account that no job of ours has; nothing when there are none."""
    tasks = get_services().orphaned.get()
    if not tasks:
        return
    maker = labels.literal(_paid_label())
    with st.expander(f"Tasks at {maker} that belong to no job ({len(tasks)})", icon=":material/help_center:"):
        st.markdown("They were made with this account, but not for a job in this table, or for one that was given up.")
        rows = [
            {
                "Task": task.task_id,
                "Made": "–" if task.created_at is None else f"{task.created_at:%Y-%m-%d %H:%M} UTC",
                "Status": task.status or "unknown",
                "Credits": labels.amount(task.credits_used),
                "What we know": task.evidence or "Nothing of ours.",
            }
            for task in tasks
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=f"Tasks at {maker} that belong to no job")


def _paid_label() -> str:
    """Whose account is shown."""
    paid = get_services().overview.paid
    return "the generator" if paid is None else paid.label
