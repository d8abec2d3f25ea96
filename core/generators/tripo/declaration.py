"""Tripo in its own words: kinds, choices, and how a lost answer is settled. Source: Tripo v3, generation and models."""

from __future__ import annotations

from core.domain.declaration import Choice, ChoiceType, Declaration, Evidence, Offer, WebhookTerms
from core.domain.request import Kind, Slot
from core.generators.tripo.prices import GEOMETRY, GRADED, PRICES, TEXTURE

NAME = "tripo"
LABEL = "Tripo"
FACES = (100, 2_000_000)  # below, nothing is recognisable; above, no viewer keeps up

MODEL = Choice(
    name="model",
    label="Model version",
    type=ChoiceType.ONE_OF,
    values={price.model: price.label for price in PRICES},
    default=PRICES[0].model,
)
SHAPE = (
    MODEL,
    Choice(name="texture", label="With texture", type=ChoiceType.YES_NO, default=True),
    Choice(
        name="pbr",
        label="Material maps",
        type=ChoiceType.YES_NO,
        default=True,
        needs={"texture": (True,)},
        help="How rough and how metallic each part is, so that light falls on it as on the real thing.",
    ),
    Choice(
        name="texture_quality",
        label="Texture quality",
        type=ChoiceType.ONE_OF,
        values={name: name.capitalize() for name in TEXTURE},
        default="standard",
        needs={"texture": (True,), "model": GRADED},
    ),
    Choice(
        name="geometry_quality",
        label="Shape quality",
        type=ChoiceType.ONE_OF,
        values={name: name.capitalize() for name in GEOMETRY},
        default="standard",
        needs={"model": GRADED},
    ),
    Choice(
        name="face_limit",
        label="Most faces",
        type=ChoiceType.WHOLE,
        least=FACES[0],
        most=FACES[1],
        help="Fewer faces make a lighter file; leave it empty if unsure.",
    ),
)
SIZE = Choice(
    name="auto_size",
    label="Real size, as Tripo guesses it",
    type=ChoiceType.YES_NO,
    default=False,
    help="For AR and printing. Otherwise the model says nothing about how large the object is.",
)
OF_WORDS = (*SHAPE, SIZE)  # no direction: there is no picture to be turned as in
OF_PICTURES = (
    *SHAPE,
    Choice(
        name="orientation",
        label="Direction",
        type=ChoiceType.ONE_OF,
        values={"default": "Its front looks ahead, as Tripo understands it", "align_image": "Turned as in the picture"},
        default="default",
    ),
    SIZE,
)
DECLARATION = Declaration(
    name=NAME,
    label=LABEL,
    offers=(
        Offer(kind=Kind.IMAGE, choices=OF_PICTURES, uses=(Slot.FRONT,)),
        Offer(kind=Kind.MULTIVIEW, choices=OF_PICTURES, uses=(Slot.FRONT, Slot.LEFT, Slot.BACK, Slot.RIGHT)),
        Offer(kind=Kind.TEXT, choices=OF_WORDS),
        Offer(kind=Kind.CONVERT),
    ),
    evidence=Evidence.ECHO,
    is_paid=True,
    connected_by="TRIPO_API_KEY",
    leaves="Your pictures and words go to Tripo, a paid service on the internet.",
    lists_tasks=True,
    knows_cost=True,
    credit_codes=frozenset({"2010"}),  # Source: Tripo v3, error codes
    input_codes=frozenset({"2008", "2021", "2022"}),  # its content, its size. Source: Tripo v3, error codes
    webhook=WebhookTerms(
        signature_header="Tripo-Webhook-Signature",
        turned_on_by="TRIPO_WEBHOOK_SECRET",
        news=frozenset({"task.completed", "task.failed", "balance.low"}),
    ),
)
