"""ComfyUI in its own words, as far as its workflow goes."""

from __future__ import annotations

from core.domain.declaration import Choice, ChoiceType, Declaration, Evidence, Offer
from core.domain.request import Kind, Slot
from core.generators.comfyui import LABEL
from core.generators.comfyui.answers import PICTURE_REFUSED
from core.generators.comfyui.places import sides_of
from core.generators.comfyui.workflow import FACES, IMAGE, NEGATIVE, PROMPT, Workflow

NAME = "comfyui"
LEAST_FACES, MOST_FACES = 100, 2_000_000
LEAVES = "Your pictures and words go to the ComfyUI server that the operator has set."


def declared(workflow: Workflow) -> Declaration:
    """What a graph has places for is what can be asked for."""
    choices = (_faces(),) if workflow.has(FACES) else ()
    views = (Slot.FRONT, *sides_of(workflow))
    offers = []
    if workflow.has(IMAGE):
        offers.append(Offer(kind=Kind.IMAGE, choices=choices, uses=(Slot.FRONT,), note=workflow.makes))
        if len(views) > 1:
            offers.append(Offer(kind=Kind.MULTIVIEW, choices=choices, uses=views, note=workflow.makes))
    if workflow.has(PROMPT) and not workflow.has(IMAGE):
        takes_negative = workflow.has(NEGATIVE)
        offers.append(Offer(kind=Kind.TEXT, choices=choices, note=workflow.makes, takes_negative_prompt=takes_negative))
    return Declaration(
        name=NAME,
        label=LABEL if not workflow.label else f"{LABEL}: {workflow.label}",
        offers=tuple(offers),
        evidence=Evidence.NAMED,
        is_paid=False,
        leaves=LEAVES,
        terms=" ".join(part for part in (workflow.licence, workflow.licence_url) if part),
        can_cancel=True,
        can_begin_again=True,
        knows_cost=True,
        input_codes=frozenset({PICTURE_REFUSED}),
    )


def _faces() -> Choice:
    return Choice(
        name="face_limit",
        label="Most faces",
        type=ChoiceType.WHOLE,
        least=LEAST_FACES,
        most=MOST_FACES,
        help="Fewer faces make a lighter file; leave it empty if unsure.",
    )


# Before it is connected nobody knows the operator's workflow: those of ours are what it could do.
TEMPLATE = Declaration(
    name=NAME,
    label=LABEL,
    offers=(Offer(kind=Kind.IMAGE), Offer(kind=Kind.MULTIVIEW), Offer(kind=Kind.TEXT)),
    evidence=Evidence.NAMED,
    is_paid=False,
    leaves=LEAVES,
    connected_by="COMFYUI_URL",
    can_cancel=True,
    can_begin_again=True,
    knows_cost=True,
    input_codes=frozenset({PICTURE_REFUSED}),
)
