"""The list of prices: what is estimated is what the fake, which has the list from the source, charges."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from core.domain.errors import InputRefused
from core.domain.request import Conversion, JobRequest, Kind
from core.generators.tripo import prices, wire
from core.generators.tripo.declaration import DECLARATION
from tests.builders import asked, order, stored_image
from tests.fake_tripo.pricing import MODELS, price, refusal


def body(request: JobRequest) -> dict[str, object]:
    tokens = {slot: f"file_{slot}" for slot in request.inputs()}
    return wire.create_body(replace(order(), request=request, tokens=tokens))


KINDS: dict[str, dict[str, Any]] = {
    "image_to_model": {},
    "multiview_to_model": {"back": stored_image(key="images/a/back.jpg")},
    "text_to_model": {"prompt": "a cup", "negative_prompt": "a handle"},
}
ALL = [
    asked(
        choices={"model": model, "texture": texture, "pbr": pbr, "texture_quality": quality, "geometry_quality": shape}
        | ({} if faces is None else {"face_limit": faces})
        | ({} if kind == "text_to_model" else {"orientation": "align_image"}),
        **KINDS[kind],
    )
    for kind, model, texture, pbr, quality, shape, faces in product(
        KINDS, MODELS, (True, False), (True, False), prices.TEXTURE, prices.GEOMETRY, (None, 200, 5000, 30_000)
    )
]


CONVERSIONS = [
    asked(conversion=Conversion(task_id="t", quad=quad, face_limit=faces))
    for quad, faces in product((True, False), (None, 5000))
]


def check(request: JobRequest) -> None:
    prices.check(request)
    DECLARATION.check(request)


def is_possible(request: JobRequest) -> bool:
    try:
        check(request)
    except InputRefused:
        return False
    return True


def test_every_choice_that_is_allowed_is_taken_by_tripo_and_costs_what_was_said() -> None:
    allowed = [request for request in ALL if is_possible(request)]

    counts = Counter(request.kind for request in allowed)
    assert min(counts[kind] for kind in (Kind.IMAGE, Kind.MULTIVIEW, Kind.TEXT)) > 100
    for request in allowed:
        assert refusal(body(request), {"file_front", "file_back"}, request.kind.value) is None, request
        assert prices.estimate(request) == price(body(request)), request


@pytest.mark.parametrize("request_", CONVERSIONS)
def test_a_conversion_costs_what_was_said(request_: JobRequest) -> None:
    prices.check(request_)
    assert prices.estimate(request_) == price(body(request_))


def test_every_model_of_the_list_is_one_that_tripo_has() -> None:
    assert {row.model for row in prices.PRICES} == set(MODELS)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(choices={"model": "v3.1"}), "Possible are v3.1-20260211"),
        (asked(choices={"model": "P1-20260311", "geometry_quality": "detailed"}), "one quality only"),
        (asked(choices={"model": "P1-20260311", "face_limit": 30_000}), "between 50 and 20,000"),
        (asked(conversion=Conversion(task_id="t", face_limit=3)), "between 100 and 500,000"),
        (asked(choices={"texture_quality": "ultra"}), "standard, detailed, extreme"),
        (asked(prompt="a cup", choices={"orientation": "align_image"}), "has no choice 'orientation'"),
        (asked(prompt="a cup", choices={"model": "P1-20260311", "face_limit": 30_000}), "between 50 and 20,000"),
    ],
)
def test_a_refused_choice_says_what_is_possible(request_: JobRequest, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        check(request_)
