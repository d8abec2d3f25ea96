"""The list of prices: what is estimated is what the fake, which has the list from the source, charges."""

from __future__ import annotations

from itertools import product

import pytest

from core.domain.errors import InputRefused
from core.domain.generation import GenerationRequest
from core.domain.job import Conversion, JobOptions
from core.generators.tripo import prices, wire
from tests.fake_tripo.pricing import MODELS, price, refusal


def body(options: JobOptions) -> dict[str, object]:
    request = GenerationRequest(
        job_id=1, attempt=1, target_object="Cup", image_token="file_1", nonce=7, options=options
    )
    return wire.create_body(request)


ALL = [
    JobOptions(model=model, texture=texture, pbr=pbr, texture_quality=quality, geometry_quality=shape, face_limit=faces)
    for model, texture, pbr, quality, shape, faces in product(
        MODELS, (True, False), (True, False), prices.TEXTURE, prices.GEOMETRY, (None, 40, 5000, 30_000)
    )
]


CONVERSIONS = [
    JobOptions(conversion=Conversion(task_id="t", quad=quad, face_limit=faces))
    for quad, faces in product((True, False), (None, 5000))
]


def is_possible(options: JobOptions) -> bool:
    try:
        prices.check(options)
    except InputRefused:
        return False
    return True


def test_every_choice_that_is_allowed_is_taken_by_tripo_and_costs_what_was_said() -> None:
    allowed = [options for options in ALL if is_possible(options)]

    assert len(allowed) > 200
    for options in allowed:
        assert refusal(body(options), {"file_1"}) is None, options
        assert prices.estimate(options) == price(body(options)), options


@pytest.mark.parametrize("options", CONVERSIONS)
def test_a_conversion_costs_what_was_said(options: JobOptions) -> None:
    prices.check(options)
    assert prices.estimate(options) == price(body(options))


def test_every_model_of_the_list_is_one_that_tripo_has() -> None:
    assert {row.model for row in prices.PRICES} == set(MODELS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (JobOptions(model="v3.1"), "Possible are v3.1-20260211"),
        (JobOptions(model="P1-20260311", geometry_quality="detailed"), "one quality only"),
        (JobOptions(model="P1-20260311", face_limit=40), "between 50 and 20,000"),
        (JobOptions(conversion=Conversion(task_id="t", face_limit=3)), "between 100 and 500,000"),
        (JobOptions(texture_quality="ultra"), "standard, detailed, extreme"),
    ],
)
def test_a_refused_choice_says_what_is_possible(options: JobOptions, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        prices.check(options)
