"""The pottery in its own words."""

from __future__ import annotations

from core.generators.pottery.kind import VesselToModel

from core.domain.declaration import Choice, ChoiceType, Declaration, Evidence, Offer
from core.domain.request import Kind, Slot

NAME = "pottery"
SIDES = Choice(name="sides", label="Sides", type=ChoiceType.WHOLE, least=3, most=64, default=12, help="Of the wall.")
GLAZE = Choice(
    name="glaze",
    label="Glaze",
    type=ChoiceType.ONE_OF,
    values={"red": "Red clay", "blue": "Blue glaze"},
    default="red",
)
DECLARATION = Declaration(
    name=NAME,
    label="Pottery",
    offers=(
        Offer(kind=Kind.IMAGE, choices=(SIDES, GLAZE), uses=(Slot.FRONT,), note="It makes a pot, whatever is shown."),
        Offer(kind=Kind.TEXT, choices=(SIDES, GLAZE)),
        Offer(kind=VesselToModel.kind, choices=(SIDES,), uses=(Slot.FRONT,)),
    ),
    evidence=Evidence.FREE,
    is_paid=False,
    leaves="Nothing leaves this machine.",
    can_begin_again=True,
    knows_cost=True,
)
