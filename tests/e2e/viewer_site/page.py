"""`?model=…&poster=…&facts=…&unknown=…`; refreshes itself; "Next" shows the model again under another address."""

import streamlit as st

from core.ui.viewer import model_viewer

st.set_page_config(layout="wide")
asked, memory = st.query_params, st.session_state
number = memory.setdefault("number", 0)
if st.button("Next"):
    memory.number = number = number + 1


@st.fragment(run_every=0.25)
def shown() -> None:
    memory.refreshes = memory.get("refreshes", 0) + 1
    st.text(f"Refresh {memory.refreshes}, model {number}")
    model_viewer(
        f"/files/{asked['model']}?n={number}",
        alt="3D model of Blue Cup",
        key=f"viewer-{number // 2}",  # every second time another element, else another source of the same one
        poster=f"/files/{asked['poster']}" if "poster" in asked else None,
        is_size_known="unknown" not in asked,
        facts=asked.get("facts", "").replace("#", str(memory.refreshes)),  # so that every refresh brings news
    )


st.title("Viewer")
shown()
