"""The built-in engine in its own words."""

from __future__ import annotations

from core.domain.declaration import Choice, ChoiceType, Declaration, Evidence, Offer, Typed
from core.domain.request import Kind, Slot

NAME = "offline"
LABEL = "Built-in engine (offline)"  # wherever its work is shown
STYLES = {
    "auto": "Choose for me",
    "solid": "Solid: a body with a front and a back",
    "relief": "Relief: the whole picture raised from a plate",
    "lithophane": "Lithophane: a thin plate to hold against the light",
    "coin": "Coin: the picture embossed on a disc",
}
FAILED = "engine_failed"  # the work ended without a model: it is the picture
HEIGHTS_M = (0.001, 1000.0)
CHOICES = (
    Choice(
        name="style",
        label="Shape",
        type=ChoiceType.ONE_OF,
        values=STYLES,
        default="auto",
        help="A solid needs an object that stands out from its background.",
    ),
    Choice(
        name="height_m",
        label="Real height in metres",
        type=ChoiceType.NUMBER,
        least=HEIGHTS_M[0],
        most=HEIGHTS_M[1],
        help="The model gets this size, for AR and for printing.",
        typed=Typed(label="Real height in centimetres", factor=100.0),
        is_of_object=True,
    ),
    Choice(name="texture", label="With texture", type=ChoiceType.YES_NO, default=True),
    Choice(
        name="face_limit",
        label="Most faces",
        type=ChoiceType.WHOLE,
        least=100,
        most=2_000_000,
        help="Fewer faces make a lighter file; leave it empty if unsure.",
    ),
)
DECLARATION = Declaration(
    name=NAME,
    label=LABEL,
    offers=(
        Offer(
            kind=Kind.IMAGE,
            choices=CHOICES,
            uses=(Slot.FRONT,),
            note="A small network cuts the object out; its depth and its back are guessed. A plain background or a "
            "transparent PNG works best.",
        ),
        Offer(
            kind=Kind.MULTIVIEW,
            choices=CHOICES,
            uses=(Slot.FRONT, Slot.BACK),
            note="It uses the front and the back. Pictures of the sides are kept with the job, and left out.",
        ),
    ),
    evidence=Evidence.FREE,
    is_paid=False,
    leaves="Nothing leaves this machine.",
    can_cancel=True,
    can_begin_again=True,
    knows_cost=True,
    input_codes=frozenset({FAILED}),
)
