"""Starts everything: `streamlit run app.py` serves the dashboard, /api and the background scheduler in one process."""

from pathlib import Path

import streamlit as st

from core.web.server import check_start, lifespan, make_routes, open_doors

doors = open_doors(check_start())
pages = Path(__file__).parent / "pages" / "main.py"

# Streamlit finds the app by this literal assignment.
app = st.App(pages, routes=make_routes(), middleware=doors, lifespan=lifespan)
