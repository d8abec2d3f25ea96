"""Create: pictures or words, and a name, become a job."""

import streamlit as st

from core.bootstrap import get_services
from core.domain.request import Kind, Slot
from core.ui import choices, draft, kinds, labels, made_by, notices, order, prefill, prompts

memory = st.session_state
FORMATS = "JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC."


def announce() -> None:
    """The job that was made last."""
    if "made" not in memory:
        return
    number, made_name = memory.made
    with st.container(border=True):
        st.success(
            f"**{labels.literal(made_name)}** is on its way as job {number}. You can leave this page.",
            icon=":material/check_circle:",
        )
        st.page_link(
            "jobs.py",
            label=f"Watch job {number}",
            icon=":material/arrow_forward:",
            query_params={"job": str(number)},
        )


def pictures(slots: dict[Slot, str], used: tuple[Slot, ...], maker: str) -> None:
    """A place for each picture: one alone, or two in a row, each with what is in it."""
    if len(slots) == 1:
        draft.uploader(Slot.FRONT, slots[Slot.FRONT], help=f"A photo or drawing of one object. {FORMATS}")
        draft.refusal(Slot.FRONT.value)
        return
    rest = list(slots)
    while rest:
        for place, slot in zip(st.columns(2), rest[:2], strict=False):
            with place:
                side(slot, slots[slot], is_used=slot in used, maker=maker)
        rest = rest[2:]
    draft.refusal("views")


def side(slot: Slot, label: str, *, is_used: bool, maker: str) -> None:
    """One of several views."""
    draft.uploader(slot, label, help=f"The object from its {slot.value}. {FORMATS}")
    shown = draft.preview(slot)
    if shown is not None:
        st.image(shown, alt=f"The picture of the {slot.value}", width=160)
    if not is_used:
        st.caption(f"{labels.literal(maker)} leaves this side out.")
    draft.refusal(slot.value)


def form(kind: Kind) -> None:
    """What is given, who makes it and how, and the button."""
    candidates = get_services().candidates.of(kind, draft.wanted())
    if not candidates:
        st.info(labels.literal(get_services().candidates.nobody(kind)), icon=":material/link_off:")
        return
    candidate = made_by.chosen(candidates)
    if kind.about.slots:
        pictures(dict(kinds.page(kind).slots), candidate.offer.uses, candidate.declaration.label)
    if kind.about.texts:
        prompts.draw(candidate.offer, maker=candidate.declaration.label)
    st.text_input(
        "What is it?",
        key="object",
        max_chars=200,
        placeholder="For example: Golden Retriever",
        bind="query-params",
        live=True,
        help="The model and its file get this name.",
    )
    draft.refusal("name")
    candidate = made_by.draw(candidates)
    choices.draw(candidate)
    draft.refusal("choices")
    made_by.price(candidate)
    st.button(
        "Make the 3D model",
        type="primary",
        icon=":material/view_in_ar:",
        on_click=order.send,
        key="make",
        width="stretch",
    )
    st.caption("You can leave this page while it is made.")


def beside(kind: Kind) -> None:
    """The one picture as it will be used, or what makes a good model."""
    alone = draft.preview(Slot.FRONT) if len(kind.about.slots) == 1 else None
    if alone is not None:
        st.image(alone, alt="The picture you chose", width="stretch")
    else:
        heading, points = kinds.page(kind).advice
        with st.container(border=True):
            st.markdown(heading)
            st.markdown("\n".join(f"- {point}" for point in points))
    problem = notices.standstill()
    if problem:
        st.warning(labels.literal(problem), icon=":material/warning:")


kinds.begin()
draft.begin()
st.title(kinds.page(kinds.chosen()).title, anchor=False)
damage = get_services().jobs.damage()
if damage:
    st.error(labels.literal(damage), icon=":material/report:")
announce()
prefill.draw()
chosen = kinds.draw()
left, right = st.columns([3, 2], gap="large")
with left:
    form(chosen)
with right:
    beside(chosen)
