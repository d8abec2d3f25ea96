"""What an attempt is called, and what its generator gets of it."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from core.domain.errors import NotSent, ObjectMissing
from core.domain.request import Slot
from core.ports.journal import Installation
from core.services.attempts import attempt_id, handed_over, main_token, order_of
from tests.builders import asked, stored_image
from tests.services.conftest import World

HOME = Installation(id="home")


def test_an_attempts_name_is_a_uuid_of_table_job_attempt_and_nonce_whoever_asks(world: World) -> None:
    job = replace(world.job(world.add()), attempt=1, nonce=7)
    others = [replace(job, id=2), replace(job, attempt=2), replace(job, nonce=8)]
    names = {attempt_id(each, HOME) for each in (job, *others)} | {attempt_id(job, Installation(id="other"))}

    assert len(names) == 5
    assert attempt_id(replace(job, progress=50), HOME) == attempt_id(job, HOME)
    assert str(uuid.UUID(attempt_id(job, HOME))) == attempt_id(job, HOME)


def test_a_job_that_was_never_sent_or_has_nothing_to_be_made_of_is_no_order(world: World) -> None:
    job = world.job(world.add())
    with pytest.raises(NotSent):
        order_of(job, HOME)
    with pytest.raises(ObjectMissing):
        order_of(replace(job, nonce=7, request=None), HOME)


def test_pictures_of_sides_that_the_generator_does_not_use_are_not_handed_over(world: World) -> None:
    views = asked(left=stored_image(key="images/a/left.jpg"), back=stored_image(key="images/a/back.jpg"))
    for key in ("left", "back"):
        world.objects.put(f"images/a/{key}.jpg", key.encode(), media_type="image/jpeg")
    world.generator.uses = (Slot.FRONT, Slot.BACK)
    job = replace(world.job(world.add()), request=views)

    assert handed_over(job, world.throttle, world.objects) == {Slot.FRONT: "file_1", Slot.BACK: "file_2"}


def test_words_have_no_token_and_several_views_are_known_by_the_front(world: World) -> None:
    job = world.job(world.add())

    assert main_token(replace(job, request=asked(prompt="a cup")), {}) == ""
    assert main_token(job, {Slot.BACK: "b", Slot.FRONT: "f"}) == "f"
