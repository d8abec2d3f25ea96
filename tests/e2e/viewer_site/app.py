"""A server with one page that shows any file of a folder in the viewer: run by test_viewer.py."""

import os
from pathlib import Path

import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from core import vendor

app = st.App(
    Path(__file__).with_name("page.py"),
    routes=[
        Mount("/files", StaticFiles(directory=os.environ["VIEWER_FILES"])),
        *(Mount(path, StaticFiles(directory=folder)) for path, folder in vendor.asset_folders().items()),
    ],
)
