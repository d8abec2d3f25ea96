"""Page configuration and navigation."""

from pathlib import Path

import streamlit as st

import core.ui
from core.ui import account_view

st.set_page_config(
    page_title="Maquette",
    page_icon=str(Path(core.ui.__file__).with_name("icon.png")),
    layout="wide",
)
st.html(Path(core.ui.__file__).with_name("style.css"))
page = st.navigation(
    [
        st.Page("create.py", title="Create", icon=":material/add_photo_alternate:", default=True),
        st.Page("jobs.py", title="Jobs", icon=":material/view_list:"),
    ],
    position="top",
)
account_view.sidebar()
page.run()
