"""Who makes a job again when its generator is gone: never one that charges, whoever the default is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.domain.claims import Failure
from core.domain.errors import IllegalTransition, InputRefused
from core.domain.request import Conversion, JobRequest, Kind
from core.ports.job_store import JobQuery, Slots
from core.services.decide import Decide
from core.services.makers import Makers
from core.services.throttle import Throttle
from tests.builders import Category
from tests.fake_generator import FakeGenerator
from tests.services.conftest import World

TRIPO = FakeGenerator()
LAB = FakeGenerator(name="comfyui", label="ComfyUI", is_paid=False)
ENGINE = FakeGenerator(name="offline", label="Built-in engine", is_paid=False, kinds=(Kind.IMAGE,))
SLOTS = Slots(limits=dict.fromkeys((*Category, "other"), 10))


def decide(world: World, *connected: FakeGenerator) -> Decide:
    """The first one is the default; the others of the three are known, and not connected."""
    throttles = {each.name: Throttle(each, jobs=world.jobs, clock=world.clock) for each in connected}
    others = tuple(each.declaration for each in (TRIPO, LAB, ENGINE) if each.name not in throttles)
    makers = Makers(connected=throttles, default=throttles[connected[0].name], others=others)
    return replace(world.decide(), makers=makers)


def failed(world: World, **changes: Any) -> int:
    """A job of the lab's own server."""
    told = {"generator": "comfyui", "category": Category.COMFYUI, "credits_estimate": Decimal(0)}
    job_id = world.add(**(told | changes))
    (claimed,) = world.jobs.claim_queued(owner="a", slots=SLOTS, lease_s=60, limit=1)
    world.jobs.fail(claimed.claim, Failure(code="task_failed", message="It failed."))
    return job_id


@pytest.mark.parametrize(
    ("connected", "why"),
    [
        ((TRIPO,), "ComfyUI is not connected here any more."),
        ((TRIPO, replace(LAB, kinds=(Kind.TEXT,))), "ComfyUI no longer makes a model from one picture."),
    ],
)
def test_a_job_that_cost_nothing_is_never_ordered_from_one_that_charges(
    world: World, connected: tuple[FakeGenerator, ...], why: str
) -> None:
    job_id, use = failed(world), decide(world, *connected)
    with pytest.raises(InputRefused) as refused:
        use.retry(job_id)

    assert refused.value.code == "generator_needed"
    assert refused.value.message == (
        f"{why} Tripo could make it, and charges for it: choose it on the create page. Nothing was stored or charged."
    )
    assert use.retry_offer(world.job(job_id)) is None
    assert use.retry_refusal(world.job(job_id)) == refused.value.message
    assert list(world.jobs.find(JobQuery()).jobs) == [world.job(job_id)]


def test_a_job_of_one_that_charges_is_not_ordered_from_another_that_charges(world: World) -> None:
    job_id = failed(world, generator="other", category="other", credits_estimate=Decimal(20))
    with pytest.raises(InputRefused, match=r"^Its generator is not connected here any more\. Tripo could make it"):
        decide(world, TRIPO).retry(job_id)


def test_another_that_costs_nothing_makes_it_and_is_named_with_what_leaves(world: World) -> None:
    job_id, use = failed(world), decide(world, TRIPO, ENGINE)
    offer = use.retry_offer(world.job(job_id))

    assert offer is not None
    assert (
        offer.why == "Making it again costs nothing. Built-in engine makes it this time. Nothing leaves this machine."
    )
    assert (use.retry_refusal(world.job(job_id)), use.retry(job_id).generator) == (None, "offline")


def test_its_own_generator_makes_it_without_a_word_about_who(world: World) -> None:
    job_id, use = failed(world), decide(world, TRIPO, ENGINE, LAB)
    offer = use.retry_offer(world.job(job_id))

    assert offer is not None
    assert offer.why == "Making it again costs nothing."
    assert use.retry(job_id).generator == "comfyui"


def test_where_nobody_can_it_says_who_could(world: World) -> None:
    job_id = failed(world, prompt="a cup")
    with pytest.raises(
        InputRefused, match=r"No generator that is connected here makes a model from words\. Tripo could"
    ):
        decide(world, ENGINE).retry(job_id)


def test_what_its_generator_would_refuse_now_is_refused_before_a_job_is_made(world: World) -> None:
    """As by a lab whose operator put in another workflow."""

    class Changed(FakeGenerator):
        def check(self, request: JobRequest) -> None:
            raise InputRefused("It has no place for this. Nothing was stored.", code="views_missing")

    job_id, use = failed(world), decide(world, Changed(name="comfyui", label="ComfyUI", is_paid=False))
    with pytest.raises(InputRefused, match="It has no place for this"):
        use.retry(job_id)
    assert use.retry_refusal(world.job(job_id)) == "It has no place for this. Nothing was stored."


def test_a_file_of_a_model_whose_account_is_gone_says_so(world: World) -> None:
    job_id = failed(world, conversion=Conversion(task_id="t"), source=1, generator="gone", category="other")
    with pytest.raises(InputRefused, match="Only the account that made the model can make this file"):
        decide(world, TRIPO).retry(job_id)


def test_a_job_that_may_still_end_by_itself_is_said_to_be_under_way(world: World) -> None:
    job_id = world.add()
    assert decide(world, TRIPO).retry_refusal(world.job(job_id)) is None
    with pytest.raises(IllegalTransition, match="it has not failed"):
        decide(world, TRIPO).retry(job_id)
