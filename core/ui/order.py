"""From the create page to a queued job; a refusal is said beside the place that it is about, and nothing is lost."""

from __future__ import annotations

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import IdempotencyConflict, InputRefused, MaquetteError, PictureRefused
from core.domain.request import Kind, Slot
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
    missing = _missing(kind)
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


def _missing(kind: Kind) -> tuple[str, str] | None:
    """What has to be given first, as a place and a sentence; an empty sentence for the rest of a double click."""
    name, about = (memory.get("object") or "").strip(), kind.about
    nothing = []
    if about.slots and draft.picture(Slot.FRONT) is None:
        nothing.append((Slot.FRONT.value, "Please choose a picture first."))
    nothing += [(text.name, text.missing) for text in about.texts if text.is_needed and not _typed(text.name)]
    if nothing:
        return ("name", "") if "made" in memory and not name else nothing[0]
    return None if name else ("name", f"Please name the object{' in the picture' if about.slots else ''}.")


def _typed(name: str) -> str:
    return (memory.get(name) or "").strip()


def _request(candidate: Candidate) -> SubmitRequest:
    slots = candidate.offer.kind.about.slots
    pictures = {slot: found for slot in slots if (found := draft.picture(slot)) is not None}
    return SubmitRequest(
        kind=candidate.offer.kind,
        pictures={slot: Sent(data=found.data, name=found.name) for slot, found in pictures.items()},
        texts={text.name: memory.get(text.name) or "" for text in candidate.offer.texts},
        target_object=memory.get("object") or "",
        session_id="dashboard",
        generator=candidate.name,
        choices=candidate.choices,
        idempotency_key=f"page-{memory.form}",
    )


PLACES = {
    "views_missing": "views",
    "negative_prompt_refused": "prompt",
    "kind_refused": "maker",
    "generator_unknown": "maker",
}


def _place(exc: InputRefused, candidate: Candidate) -> str:
    """Where the refusal is shown."""
    of_texts = {f"{text.name}_{end}": text.name for text in candidate.offer.texts for end in ("missing", "too_long")}
    if exc.code in of_texts:
        return of_texts[exc.code]
    about = exc.code.partition("_")[0]
    others = [slot.value for slot in Slot if slot is not Slot.FRONT]
    if isinstance(exc, PictureRefused):
        return PLACES.get(exc.code) or (about if about in others else Slot.FRONT.value)
    of_choices = {f"{choice.name}_{end}" for choice in candidate.offer.choices for end in ("unknown", "invalid")}
    is_choice = exc.code == "choice_unknown" or exc.code in of_choices
    return "choices" if is_choice else PLACES.get(exc.code, "name")
