"""Who makes models here, of what, with which choices, at what price and in what time."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from core.domain.declaration import Choice
from core.services.offers import KindOffer, MakerOffers, Offers
from core.web.answers import GeneratorsBody
from core.web.bodies import number
from core.web.described import errors, json_of
from core.web.jobs_api import ServicesNeeded

router = APIRouter()


@router.get("/generators", responses=errors() | json_of(GeneratorsBody), summary="Who makes what, with which choices")
def generators(services: ServicesNeeded) -> JSONResponse:
    """The generators that are connected, the usual one first, and what nobody here can make.

    `choices` are what `POST /jobs` takes as `parameters`. `estimated_credits` are of one job with the usual choices.
    """
    offers = Offers(jobs=services.jobs, makers=services.makers)
    missing = [
        {"kind": each.kind.value, "label": each.kind.about.words, "message": each.message, "could": list(each.could)}
        for each in offers.missing()
    ]
    body = {"generators": [_maker(each) for each in offers.connected()], "missing": missing}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _maker(maker: MakerOffers) -> dict[str, Any]:
    declaration = maker.declaration
    return {
        "name": declaration.name,
        "label": declaration.label,
        "is_default": maker.is_default,
        "is_paid": declaration.is_paid,
        "problem": maker.problem,
        "leaves": declaration.leaves,
        "terms": declaration.terms,
        "can_cancel": declaration.can_cancel,
        "evidence": declaration.evidence.value,
        "kinds": [_kind(each) for each in maker.kinds],
    }


def _kind(kind: KindOffer) -> dict[str, Any]:
    return {
        "kind": kind.offer.kind.value,
        "label": kind.offer.kind.about.words,
        "note": kind.offer.note,
        "uses": [slot.value for slot in kind.offer.uses],
        "takes_negative_prompt": kind.offer.has_negative_prompt,
        "estimated_credits": number(kind.credits),
        "seconds": None if kind.seconds is None else round(kind.seconds, 1),
        "choices": [_choice(each) for each in kind.offer.all_choices],
    }


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "name": choice.name,
        "label": choice.label,
        "help": choice.help,
        "type": choice.type.value,
        "values": [{"value": value, "label": label} for value, label in choice.values.items()],
        "default": choice.default,
        "least": choice.least,
        "most": choice.most,
        "needs": {name: list(values) for name, values in choice.needs.items()},
    }
