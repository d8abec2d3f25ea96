"""The pictures chosen on the create page: in this session, and on this server under a number in the page's address."""

from __future__ import annotations

import streamlit as st

from core.domain.errors import PictureRefused, SandboxFailed
from core.services.drafts import ChosenPicture, Side
from core.ui import access, labels

__all__ = ["ChosenPicture", "Side", "begin", "end", "picture", "preview", "refusal", "refuse", "renew", "uploader"]
ADDRESS = "draft"
KINDS = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "heic", "heif"]
memory = st.session_state


def begin() -> None:
    """Once a session: a new draft, or the one that the address names. At each run: the address names the draft."""
    if "form" not in memory:
        asked = st.query_params.get(ADDRESS, "")
        kept = {side: access.drafts().find(asked, side) for side in Side}
        memory.form = asked if any(kept.values()) else access.drafts().new()
        for side, found in kept.items():
            if found is not None:
                _show(side, found)
        if any(kept.values()) and not memory.get("object") and "object" not in st.query_params:
            memory.object = access.drafts().name(asked)
    _keep_name()
    wanted = memory.form if any(picture(side) for side in Side) else None
    if wanted is None:
        st.query_params.pop(ADDRESS, None)
    elif st.query_params.get(ADDRESS) != wanted:
        st.query_params[ADDRESS] = wanted


def _keep_name() -> None:
    """Beside the pictures: what is typed while a picture is on its way can get lost in the page's address."""
    named = (memory.form, memory.get("object") or "")
    if memory.get("kept_name") != named and any(picture(side) for side in Side):
        access.drafts().keep_name(*named)
        memory.kept_name = named


def end() -> None:
    """It was submitted: the next object has other pictures and another name."""
    access.drafts().keep_name(memory.form, "")
    for side in Side:
        drop(side)
    memory.form = access.drafts().new()


def renew() -> None:
    """The same pictures under a new number: a job was made with the old one, perhaps in another tab."""
    before, memory.form = memory.form, access.drafts().new()
    for side in Side:
        access.drafts().forget(before, side)
        kept = picture(side)
        if kept is not None and preview(side) is not None:
            access.drafts().keep(memory.form, side, kept)


def uploader(side: Side, label: str, *, help: str) -> None:
    """Where a picture is dropped; one that was chosen before the page was left or loaded again is still there."""
    st.file_uploader(
        label,
        type=KINDS,
        key=_key(side),
        on_change=_changed,
        args=(side,),
        max_upload_size=access.most_megabytes(),
        help=help,
    )
    kept = picture(side)
    if kept is not None and _uploaded(side) is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/image: Still here: {labels.literal(kept.name)}", width="content")
            st.button(
                "Remove it" if side is Side.FRONT else "Remove the back",
                icon=":material/close:",
                key=f"drop-{side.value}",
                type="tertiary",
                on_click=drop,
                args=(side,),
            )


def picture(side: Side) -> ChosenPicture | None:
    """What is chosen now."""
    kept: ChosenPicture | None = memory.get(f"kept-{side.value}")
    return _uploaded(side) or kept


def preview(side: Side) -> bytes | None:
    """The chosen picture as it will be used; None when it cannot be used."""
    shown: bytes | None = memory.get(f"preview-{side.value}")
    return shown


def drop(side: Side) -> None:
    """Forget the picture."""
    access.drafts().forget(memory.form, side)
    for name in (f"kept-{side.value}", f"preview-{side.value}"):
        memory.pop(name, None)
    if memory.get("refused", ("", ""))[0] == side.value:
        memory.pop("refused")


def refuse(place: str, sentence: str) -> None:
    """Say this at the place, until something is mended there."""
    memory.refused = (place, sentence)


def refusal(place: str) -> None:
    """The sentence that belongs here, if there is one."""
    where, sentence = memory.get("refused", (None, ""))
    if where == place:
        st.error(labels.literal(sentence), icon=":material/error:")


def _key(side: Side) -> str:
    return f"{side.value}-{memory.form}"


def _uploaded(side: Side) -> ChosenPicture | None:
    """What lies in the uploader, which is empty after the page was left or loaded again."""
    file = memory.get(_key(side))
    return None if file is None else ChosenPicture(name=file.name, data=file.getvalue())


def _changed(side: Side) -> None:
    chosen = _uploaded(side)
    drop(side)
    if chosen is not None and _show(side, chosen):
        access.drafts().keep(memory.form, side, chosen)


def _show(side: Side, chosen: ChosenPicture) -> bool:
    """Whether the picture can be used; if not, it is said at once what is wrong."""
    memory[f"kept-{side.value}"] = chosen
    try:
        memory[f"preview-{side.value}"] = access.preview(chosen.data)
    except PictureRefused as exc:
        refuse(side.value, exc.message)
        return False
    except SandboxFailed as exc:  # nothing is wrong with the picture
        refuse(side.value, f"{exc.message} The picture is kept, and can be sent without being shown here.")
    return True
