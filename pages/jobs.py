"""Jobs: the table, or one job with its model."""

import streamlit as st

from core.ui import job_table, job_view, notices, place

asked = st.query_params.get("job")
if asked is None:
    job_table.draw()
else:
    st.button("All jobs", icon=":material/arrow_back:", key="back", type="tertiary", on_click=place.leave)
    if asked.isascii() and asked.isdecimal() and len(asked) < 19:
        with notices.refusals_shown():
            job_view.draw(int(asked))
    else:
        st.warning("This link names no job. Go back to all jobs.", icon=":material/link_off:")
    place.way_back()
