"""From the create page to a queued job; a refusal is said beside the place that it is about, and nothing is lost."""

from __future__ import annotations

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import IdempotencyConflict, InputRefused, MaquetteError, PictureRefused
from core.domain.request import MOST_NEGATIVE_PROMPT, Slot
from core.services.candidates import Candidate
from core.services.requests import Sent, SubmitRequest
from core.ui import choices, draft, kinds, made_by, prefill

memory = st.session_state
KEPT = "Everything you entered is still here."
TWICE = (
    "A job was made of this draft already, with other choices; the Jobs page shows it. Nothing was made now: press the "
    f"button again to make this one, too. {KEPT}"
)


def send() -> None:
    """Queue the job; on a refusal, keep everything and say why."""
    memory.pop("refused", None)
    kind = kinds.chosen()
    candidates = get_services().candidates.of(kind, draft.wanted())
    missing = _missing(kinds.INPUTS[kind])
    if missing is not None:
        if missing[1]:
            draft.refuse(*missing)
        return
    if not candidates:
        return  # the page says who could do it
    candidate = made_by.chosen(candidates)
    try:
        job = get_services().submit.submit(_request(candidate)).job
    except IdempotencyConflict:
        draft.renew()
        draft.refuse("name", TWICE)
    except InputRefused as exc:
        is_plain = isinstance(exc, PictureRefused)
        draft.refuse(_place(exc, candidate), exc.message if is_plain else f"{exc.message} {KEPT}")
    except MaquetteError as exc:
        draft.refuse("name", f"{exc.message} {KEPT}")
    else:
        memory.made = (job.id, job.target_object)
        choices.forget_object()
        draft.end()
        prefill.end()


def _missing(inputs: kinds.Inputs) -> tuple[str, str] | None:
    """What has to be given first, as a place and a sentence; an empty sentence for the rest of a double click."""
    name, prompt = (memory.get("object") or "").strip(), (memory.get("prompt") or "").strip()
    is_there = bool(prompt) if inputs.has_words else draft.picture(Slot.FRONT) is not None
    if not is_there:
        return ("name", "") if "made" in memory and not name else inputs.nothing
    return None if name else ("name", inputs.unnamed)


def _request(candidate: Candidate) -> SubmitRequest:
    inputs = kinds.INPUTS[candidate.offer.kind]
    has_negative = inputs.has_words and candidate.offer.takes_negative_prompt
    pictures = {slot: found for slot in inputs.slots if (found := draft.picture(slot)) is not None}
    return SubmitRequest(
        kind=candidate.offer.kind,
        pictures={slot: Sent(data=found.data, name=found.name) for slot, found in pictures.items()},
        prompt=(memory.get("prompt") or "") if inputs.has_words else "",
        negative_prompt=(memory.get("negative_prompt") or "") if has_negative else "",
        target_object=memory.get("object") or "",
        session_id="dashboard",
        generator=candidate.name,
        choices=candidate.choices,
        idempotency_key=f"page-{memory.form}",
    )


PLACES = {
    "views_missing": "views",
    "prompt_missing": "prompt",
    "negative_prompt_refused": "prompt",
    "kind_refused": "maker",
    "generator_unknown": "maker",
}


def _place(exc: InputRefused, candidate: Candidate) -> str:
    """Where the refusal is shown."""
    if exc.code == "prompt_too_long":
        is_second = len((memory.get("negative_prompt") or "").strip()) > MOST_NEGATIVE_PROMPT
        return "negative_prompt" if is_second and "not wanted" in exc.message else "prompt"
    about = exc.code.partition("_")[0]
    others = [slot.value for slot in Slot if slot is not Slot.FRONT]
    if isinstance(exc, PictureRefused):
        return PLACES.get(exc.code) or (about if about in others else Slot.FRONT.value)
    of_choices = {f"{choice.name}_{end}" for choice in candidate.offer.choices for end in ("unknown", "invalid")}
    is_choice = exc.code == "choice_unknown" or exc.code in of_choices
    return "choices" if is_choice else PLACES.get(exc.code, "name")
