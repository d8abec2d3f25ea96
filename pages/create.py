"""Create: a picture and a name become a job."""

import streamlit as st

from core.domain.errors import IdempotencyConflict, MaquetteError, PictureRefused
from core.domain.request import Value
from core.ui import access, draft, labels, prefill
from core.ui.draft import Side

memory = st.session_state


def send() -> None:
    """Queue the job; on a refusal, keep everything and say why."""
    memory.pop("refused", None)
    front, name = draft.picture(Side.FRONT), memory.get("object") or ""
    if front is None:
        if "made" not in memory or name.strip():  # else: the second half of a double click
            draft.refuse("front", "Please choose a picture first.")
        return
    if not name.strip():
        draft.refuse("name", "Please name the object in the picture.")
        return
    back = draft.picture(Side.BACK) if access.is_offline() else None
    order = access.Draft(
        image=front.data,
        image_name=front.name,
        target_object=name,
        choices=options(),
        key=memory.form,
        back=None if back is None else back.data,
    )
    try:
        job = access.submit(order)
    except PictureRefused as exc:
        draft.refuse("back" if exc.code.startswith("back_") else "front", exc.message)
    except IdempotencyConflict:
        draft.renew()
        draft.refuse(
            "name",
            "A job was made of this draft already, with other choices; the Jobs page shows it. Nothing was made now: "
            "press the button again to make this one, too. Everything you entered is still here.",
        )
    except MaquetteError as exc:
        draft.refuse("name", f"{exc.message} Everything you entered is still here.")
    else:
        memory.made = (job.id, job.target_object)
        draft.end()
        prefill.end()
        memory.object = ""
        if "height_cm" in memory:
            memory.height_cm = None  # the next object has another height


def options() -> dict[str, Value]:
    """What was chosen; where nothing was, it is left to the generator."""
    if access.is_offline():
        chosen = {"style": memory.get("style"), "height_m": height_m(), "face_limit": memory.get("faces")}
    else:
        chosen = {
            "model": memory.get("model"),
            "face_limit": memory.get("faces"),
            "texture": memory.get("texture", True),
            "texture_quality": memory.get("texture_quality"),
            "geometry_quality": memory.get("geometry_quality"),
            "orientation": "align_image" if memory.get("aligned") else None,
            "auto_size": memory.get("auto_size"),
        }
    return {name: value for name, value in chosen.items() if value is not None}


def height_m() -> float | None:
    """The real height that was typed, in metres."""
    height_cm = memory.get("height_cm")
    return None if height_cm is None else height_cm / 100


def shapes() -> None:
    """What the built-in engine lets people choose."""
    st.selectbox(
        "Shape",
        list(labels.SHAPES),
        format_func=labels.SHAPES.__getitem__,
        key="style",
        persist_state="session",
        help="A solid needs an object that stands out from its background.",
    )
    st.number_input(
        "Real height in centimetres",
        min_value=0.1,
        max_value=100_000.0,
        value=None,
        key="height_cm",
        placeholder="Unknown",
        persist_state="session",
        help="The model gets this size, for AR and for printing.",
    )
    draft.uploader(
        Side.BACK,
        "Picture of the back, if you have one",
        help="The same object from behind. Without it the back is guessed from the front.",
    )
    behind = draft.preview(Side.BACK)
    if behind is not None:
        st.image(behind, alt="The picture of the back", width=120)
    draft.refusal("back")


def choices() -> None:
    """Options that cost more or less, with Tripo only."""
    models = {price.model: price for price in access.model_choices()}
    if not models:
        shapes()
        return
    chosen = st.selectbox(
        "Model version",
        list(models),
        format_func=lambda model: models[model].label,
        key="model",
        persist_state="session",
    )
    has_texture = st.toggle("With texture", value=True, key="texture", persist_state="session")
    if models[chosen].has_grades:
        if has_texture:
            st.selectbox(
                "Texture quality",
                ["standard", "detailed", "extreme"],
                format_func=str.capitalize,
                key="texture_quality",
                persist_state="session",
            )
        st.selectbox(
            "Shape quality",
            ["standard", "detailed"],
            format_func=str.capitalize,
            key="geometry_quality",
            persist_state="session",
        )
    else:
        memory.pop("texture_quality", None)
        memory.pop("geometry_quality", None)
    st.toggle(
        "Turned as in the picture",
        key="aligned",
        persist_state="session",
        help="Otherwise its front, as Tripo understands it, looks ahead.",
    )
    st.toggle(
        "Real size, as Tripo guesses it",
        key="auto_size",
        persist_state="session",
        help="For AR and printing. Otherwise the model says nothing about how large the object is.",
    )


def price() -> None:
    """What the button will cost, beside what is left."""
    credits = access.estimate(options())
    balance = access.account().balance
    left = f" You have {labels.amount(balance.available)} left." if balance is not None else ""
    st.markdown(
        f":material/payments: **About {labels.credits_text(credits)}** by Tripo's list, "
        f"charged when the model succeeds."
        f"{labels.literal(left)}"
    )
    if balance is not None and credits is not None and balance.available < credits:
        st.warning(
            "That is more than is left: the job will wait until the account is topped up.", icon=":material/info:"
        )


draft.begin()
st.title("Turn a picture into a 3D model", anchor=False)
problem = access.damage()
if problem:
    st.error(labels.literal(problem), icon=":material/report:")

if "made" in memory:
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

prefill.draw()
left, right = st.columns([3, 2], gap="large")
with left:
    draft.uploader(
        Side.FRONT,
        "Picture",
        help="A photo or drawing of one object. JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC.",
    )
    draft.refusal("front")
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
    with st.expander("More options", expanded=draft.picture(Side.BACK) is not None):
        choices()
        st.number_input(
            "Most faces",
            min_value=100,
            max_value=2_000_000,
            value=None,
            step=1000,
            key="faces",
            placeholder="Automatic",
            persist_state="session",
            help="Fewer faces make a lighter file; leave it empty if unsure.",
        )
    if not access.is_offline():
        with access.refusals_shown():
            price()
    st.button(
        "Make the 3D model", type="primary", icon=":material/view_in_ar:", on_click=send, key="make", width="stretch"
    )
    if access.is_offline():
        st.caption(
            f"**{access.engine_label()}** makes the model on this machine, free of charge, in seconds. "
            "A small network cuts the object out; its depth and its back are guessed. "
            "A plain background or a transparent PNG works best."
        )
    else:
        st.caption(f"**{access.engine_label()}** makes the model. It takes minutes. You can leave this page meanwhile.")
with right:
    seen = draft.preview(Side.FRONT)
    if seen is not None:
        st.image(seen, alt="The picture you chose", width="stretch")
    else:
        with st.container(border=True):
            st.markdown(":material/photo_camera: **A good picture**")
            st.markdown(
                "- shows one whole object\n- is sharp and well lit\n- has a plain background\n"
                "- is at least 512 pixels wide"
            )
    problem = access.scheduler_problem()
    if problem:
        st.warning(labels.literal(problem), icon=":material/warning:")
