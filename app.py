"""Starts everything: `streamlit run app.py` serves the dashboard, /api and the background scheduler in one process."""

from pathlib import Path

import streamlit as st

from core.web.server import check_start, lifespan, make_routes

check_start()

# Streamlit finds the app by this literal assignment.
app = st.App(Path(__file__).parent / "pages" / "main.py", routes=make_routes(), lifespan=lifespan)
