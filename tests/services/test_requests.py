"""What may be asked for: every bad combination is refused in a sentence, with nothing stored and nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import IdempotencyConflict, InputRefused
from core.domain.kinds.text import MOST_NEGATIVE_PROMPT, MOST_PROMPT
from core.domain.request import Kind, MultiviewToModel, Slot, TextToModel
from core.generators.offline import declaration as engine
from core.generators.tripo import declaration as tripo
from core.ports.job_store import JobQuery
from core.services.makers import Makers
from core.services.requests import Sent, SubmitRequest
from core.services.submit import Submit
from core.services.throttle import Throttle
from tests import pictures
from tests.fake_generator import FakeGenerator
from tests.picture_sandbox import PicturesHere
from tests.services.conftest import World

CAT, CUP = Sent(data=pictures.cat(), name="cat.jpg"), Sent(data=pictures.product_on_white(), name="cup.png")
VIEWS = {Slot.FRONT: CAT, Slot.BACK: CUP}


class AsTripo(FakeGenerator):
    declaration = tripo.DECLARATION  # type: ignore[assignment]


class AsEngine(FakeGenerator):
    declaration = engine.DECLARATION  # type: ignore[assignment]


@pytest.fixture
def submit(world: World) -> Submit:
    """With Tripo, which is the default, and the built-in engine."""
    made = [Throttle(each, jobs=world.jobs, clock=world.clock) for each in (AsTripo(), AsEngine())]
    return Submit(
        jobs=world.jobs,
        objects=world.objects,
        pictures=PicturesHere(),
        makers=Makers(connected={each.name: each for each in made}, default=made[0]),
        max_credits_per_day=None,
        max_image_bytes=10**7,
        on_queued=lambda: None,
    )


def request(**changes: Any) -> SubmitRequest:
    return with_changes(SubmitRequest(target_object="Cup", session_id="s"), **changes)


def with_changes(asked: SubmitRequest, **changes: Any) -> SubmitRequest:
    """Its words by the names of their fields."""
    texts = {name: changes.pop(name) for name in ("prompt", "negative_prompt") if name in changes}
    return replace(asked, **changes, texts={**asked.texts, **texts})


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        (request(), "image_missing", "front is missing"),
        (request(kind=Kind.MULTIVIEW), "image_missing", "front is missing"),
        (request(pictures={Slot.BACK: CUP}), "image_missing", "front is missing"),
        (request(kind=Kind.IMAGE, pictures=VIEWS), "picture_unwanted", "front only"),
        (request(kind=Kind.MULTIVIEW, pictures={Slot.FRONT: CAT}), "views_missing", "at least one of left, back"),
        (request(pictures={Slot.FRONT: CAT, Slot.LEFT: CAT}), "left_repeated", "front and of the left are the same"),
        (request(pictures=VIEWS | {Slot.RIGHT: CUP}), "right_repeated", "back and of the right are the same"),
        (request(pictures=VIEWS | {Slot.LEFT: Sent(data=b"no")}), "left_not_a_picture", "picture of the left"),
        (request(pictures=VIEWS, prompt="a cup"), "prompt_unwanted", "made of pictures"),
        (request(pictures=VIEWS, negative_prompt="a cup"), "prompt_unwanted", "made of pictures"),
        (request(kind=Kind.TEXT, pictures=VIEWS, prompt="a cup"), "picture_unwanted", "takes no picture"),
        (request(kind=Kind.TEXT), "prompt_missing", "say in words"),
        (request(kind=Kind.TEXT, prompt=" \n\u200b "), "prompt_missing", "say in words"),
        (request(kind=Kind.TEXT, negative_prompt="a handle"), "prompt_missing", "say in words"),
        (request(prompt="x" * (MOST_PROMPT + 1)), "prompt_too_long", "1,025 characters; at most 1,024"),
        (
            request(prompt="a cup", negative_prompt="x" * (MOST_NEGATIVE_PROMPT + 1)),
            "negative_prompt_too_long",
            "not wanted has 256 characters; at most 255",
        ),
        (request(prompt="a\0cup"), "text_unstorable", "cannot be stored"),
        (request(prompt="a cup", negative_prompt="\ud800"), "text_unstorable", "cannot be stored"),
        (request(kind=Kind.CONVERT, pictures={Slot.FRONT: CAT}), "kind_refused", "of a finished job"),
        (request(prompt="a cup", generator="comfyui"), "generator_unknown", "there is tripo, "),
        (request(prompt="a cup", generator="offline"), "kind_refused", "cannot do this: a model from words"),
        (request(prompt="a cup", choices={"orientation": "default"}), "choice_unknown", "no choice 'orientation'"),
        (request(pictures=VIEWS, choices={"style": "coin"}), "choice_unknown", "no choice 'style'"),
        (request(pictures=VIEWS, choices={"model": "v9"}), "model_unknown", "Possible are v3.1"),
        (request(prompt="a cup", target_object=""), "name_missing", "Please name the object. "),
        (request(pictures=VIEWS, target_object=""), "name_missing", "the object in the picture"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_combination_is_refused_in_a_sentence_and_nothing_is_stored(
    submit: Submit, world: World, tmp_path: Path, asked: SubmitRequest, code: str, words: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        submit.submit(asked)

    assert (refused.value.code, words in refused.value.message) == (code, True), refused.value.message
    assert refused.value.message.endswith(".")
    assert world.jobs.find(JobQuery()).total == 0
    assert not list((tmp_path / "files").rglob("*.*"))


def test_what_is_refused_without_its_pictures_fetches_none(submit: Submit) -> None:
    def fetch(_: SubmitRequest) -> SubmitRequest:
        raise AssertionError("a picture was fetched")

    addresses = {slot: Sent(address=f"https://example.com/{slot}.png") for slot in Slot}
    for asked in (
        request(kind=Kind.IMAGE, pictures=addresses),
        request(pictures=addresses, choices={"style": "coin"}),
        request(pictures=addresses, generator="nobody"),
    ):
        with pytest.raises(InputRefused):
            submit.submit(asked, fetch=fetch)


@pytest.mark.parametrize("sides", [(Slot.LEFT,), (Slot.BACK,), (Slot.RIGHT,), (Slot.LEFT, Slot.RIGHT)])
def test_the_front_and_any_other_sides_are_several_views(submit: Submit, sides: tuple[Slot, ...]) -> None:
    others = dict(zip(sides, (CUP, Sent(data=pictures.line_art())), strict=False))
    job = submit.submit(request(pictures={Slot.FRONT: CAT} | others)).job

    assert isinstance(job.request, MultiviewToModel)
    assert set(job.request.inputs()) == {Slot.FRONT, *sides}
    assert (job.generator, job.credits_estimate) == ("tripo", 30)


def test_words_of_full_length_are_kept_as_they_were_said(submit: Submit) -> None:
    asked = request(prompt=f" {'x' * MOST_PROMPT} ", negative_prompt="y" * MOST_NEGATIVE_PROMPT)
    job = submit.submit(asked).job

    assert isinstance(job.request, TextToModel)
    assert (job.request.prompt, job.request.negative_prompt) == ("x" * MOST_PROMPT, "y" * MOST_NEGATIVE_PROMPT)
    assert job.image is None


@pytest.mark.parametrize(
    "change",
    [
        lambda asked: with_changes(asked, prompt="a jug"),
        lambda asked: with_changes(asked, negative_prompt="a handle"),
        lambda asked: with_changes(asked, kind=None, prompt="", pictures={Slot.FRONT: CAT}),
    ],
)
def test_the_same_key_with_other_words_is_refused_and_with_the_same_gives_the_same_job(
    submit: Submit, change: Callable[[SubmitRequest], SubmitRequest]
) -> None:
    asked = request(prompt="a cup", idempotency_key="k")
    first = submit.submit(asked)

    assert submit.submit(asked).job == first.job
    with pytest.raises(IdempotencyConflict):
        submit.submit(change(asked))
