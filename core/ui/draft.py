"""What is chosen and typed on the create page: in this session, and on this server under a number in the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import PictureRefused, SandboxFailed
from core.domain.request import Choices, Kind, Slot
from core.services.drafts import ChosenPicture
from core.ui import labels

__all__ = ["ChosenPicture", "begin", "end", "picture", "preview", "refusal", "refuse", "renew", "uploader", "wanted"]
ADDRESS = "draft"
FILES = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif", "heic", "heif"]
MOST_KEPT = 20_000  # characters of a text: many times what may be sent
memory = st.session_state


def typed() -> tuple[str, ...]:
    """Keys of the fields that are typed in: the name, and the texts of every kind."""
    texts = [text.name for kind in Kind.all() for text in kind.about.texts]
    return ("object", *dict.fromkeys(texts))


def begin() -> None:
    """Once a session: a new draft, or the one that the address names. At each run: the address names the draft."""
    if "form" not in memory:
        _restore(st.query_params.get(ADDRESS, ""))
    _keep_entries()
    is_empty = not any(picture(slot) for slot in Slot) and not set(_entries()) - {"object"}
    if is_empty:
        st.query_params.pop(ADDRESS, None)
    elif st.query_params.get(ADDRESS) != memory.form:
        st.query_params[ADDRESS] = memory.form


def _restore(asked: str) -> None:
    kept = {slot: found for slot in Slot if (found := get_services().drafts.find(asked, slot)) is not None}
    entries = get_services().drafts.entries(asked)
    memory.form = asked if kept or entries else get_services().drafts.new()
    for slot, found in kept.items():
        _show(slot, found)
    for name in typed():
        text = entries.get(name)
        if isinstance(text, str) and not memory.get(name) and name not in st.query_params:
            memory[name] = text
    choices, maker = entries.get("choices"), entries.get("maker")
    memory.setdefault("wanted", dict(choices) if isinstance(choices, Mapping) else {})
    memory.setdefault("maker", maker if isinstance(maker, str) else None)


def _entries() -> dict[str, Any]:
    """What is typed and chosen now."""
    texts = {name: (memory.get(name) or "")[:MOST_KEPT] for name in typed()}
    found = texts | {"choices": dict(wanted()), "maker": memory.get("maker")}
    return {name: value for name, value in found.items() if value}


def _keep_entries() -> None:
    """On this server: what is typed while a picture is on its way can get lost in the page's address."""
    entries = _entries()
    now = (memory.form, entries)
    if memory.get("kept_entries") == now:
        return
    if set(entries) - {"object"} or any(picture(slot) for slot in Slot) or memory.get("kept_entries"):
        get_services().drafts.keep_entries(memory.form, entries)
        memory.kept_entries = now


def wanted() -> Choices:
    """What was chosen by hand, of whichever generator: what counts for the chosen one is its own to say."""
    found: Choices = memory.get("wanted", {})
    return found


def want(name: str, value: str | float | bool | None) -> None:
    """None leaves it to the generator."""
    others = {other: was for other, was in wanted().items() if other != name}
    memory.wanted = others if value is None else others | {name: value}


def end() -> None:
    """It was submitted: the next object has other pictures, another name and other words."""
    get_services().drafts.keep_entries(memory.form, {})
    for slot in Slot:
        drop(slot)
    for name in typed():
        memory[name] = ""
    memory.form = get_services().drafts.new()


def renew() -> None:
    """The same under a new number: a job was made with the old one, perhaps in another tab."""
    before, memory.form = memory.form, get_services().drafts.new()
    get_services().drafts.keep_entries(before, {})
    for slot in Slot:
        get_services().drafts.forget(before, slot)
        kept = picture(slot)
        if kept is not None and preview(slot) is not None:
            get_services().drafts.keep(memory.form, slot, kept)


def uploader(slot: Slot, label: str, *, help: str) -> None:
    """Where a picture is dropped; one that was chosen before the page was left or loaded again is still there."""
    st.file_uploader(
        label,
        type=FILES,
        key=_key(slot),
        on_change=_changed,
        args=(slot,),
        max_upload_size=get_services().settings.max_image_mb,
        help=help,
    )
    kept = picture(slot)
    if kept is not None and _uploaded(slot) is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/image: Still here: {labels.literal(kept.name)}", width="content")
            st.button(
                "Remove it" if slot is Slot.FRONT else f"Remove the {slot.value}",
                icon=":material/close:",
                key=f"drop-{slot.value}",
                type="tertiary",
                on_click=drop,
                args=(slot,),
            )


def picture(slot: Slot) -> ChosenPicture | None:
    """What is chosen now."""
    kept: ChosenPicture | None = memory.get(f"kept-{slot.value}")
    return _uploaded(slot) or kept


def preview(slot: Slot) -> bytes | None:
    """The chosen picture as it will be used; None when it cannot be used."""
    shown: bytes | None = memory.get(f"preview-{slot.value}")
    return shown


def drop(slot: Slot) -> None:
    """Forget the picture."""
    get_services().drafts.forget(memory.form, slot)
    for name in (f"kept-{slot.value}", f"preview-{slot.value}"):
        memory.pop(name, None)
    mended(slot.value, "views")


def refuse(place: str, sentence: str) -> None:
    """Say this at the place, until something is mended there."""
    memory.refused = (place, sentence)


def mended(*places: str) -> None:
    """Something was changed there."""
    if memory.get("refused", ("", ""))[0] in places:
        memory.pop("refused")


def refusal(place: str) -> None:
    """The sentence that belongs here, if there is one."""
    where, sentence = memory.get("refused", (None, ""))
    if where == place:
        st.error(labels.literal(sentence), icon=":material/error:")


def _key(slot: Slot) -> str:
    return f"{slot.value}-{memory.form}"


def _uploaded(slot: Slot) -> ChosenPicture | None:
    """What lies in the uploader, which is empty after the page was left or loaded again."""
    file = memory.get(_key(slot))
    return None if file is None else ChosenPicture(name=file.name, data=file.getvalue())


def _changed(slot: Slot) -> None:
    chosen = _uploaded(slot)
    drop(slot)
    if chosen is not None and _show(slot, chosen):
        get_services().drafts.keep(memory.form, slot, chosen)


def _show(slot: Slot, chosen: ChosenPicture) -> bool:
    """Whether the picture can be used; if not, it is said at once what is wrong."""
    memory[f"kept-{slot.value}"] = chosen
    try:
        memory[f"preview-{slot.value}"] = get_services().previews.of_choice(chosen.data)
    except PictureRefused as exc:
        refuse(slot.value, exc.message)
        return False
    except SandboxFailed as exc:  # nothing is wrong with the picture
        refuse(slot.value, f"{exc.message} The picture is kept, and can be sent without being shown here.")
    return True
