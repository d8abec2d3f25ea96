"""GET /api/generators: the declarations, with prices and usual times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.domain.claims import Failure
from core.domain.declaration import Choice, ChoiceType, Offer
from core.domain.errors import LookupFailed
from core.domain.request import Kind
from core.services.makers import Makers
from core.services.throttle import Throttle
from core.system_clock import SystemClock
from core.web.answers import GeneratorsBody
from tests import pictures
from tests.builders import EVERY_SLOT, new_job
from tests.fake_generator import FakeGenerator
from tests.web.conftest import CannedFetcher, Site


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(CannedFetcher(max_bytes=10**7), tripo_api_key="tsk_x", tripo_base_url="http://127.0.0.1:9")


def answer_of(site: Site) -> dict[str, Any]:
    answer = site.client.get("/api/generators")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    body: dict[str, Any] = answer.json()
    GeneratorsBody.model_validate(body)
    return body


def kinds_of(body: dict[str, Any], name: str) -> dict[str, Any]:
    maker = next(each for each in body["generators"] if each["name"] == name)
    return {each["kind"]: each for each in maker["kinds"]}


def test_every_connected_generator_says_all_of_itself_the_usual_one_first(site: Site) -> None:
    body = answer_of(site)
    first, second = body["generators"]

    assert (first["name"], first["is_default"], first["is_paid"], first["evidence"]) == ("tripo", True, True, "echo")
    assert (second["name"], second["is_default"], second["is_paid"], second["evidence"]) == (
        "offline",
        False,
        False,
        "free",
    )
    assert second["leaves"] == "Nothing leaves this machine."
    assert second["can_cancel"]
    assert list(kinds_of(body, "offline")) == ["image_to_model", "multiview_to_model"]
    assert kinds_of(body, "offline")["multiview_to_model"]["uses"] == ["front", "back"]
    assert body["missing"] == []


def test_each_choice_is_told_whole(site: Site) -> None:
    body = answer_of(site)
    paid = {each["name"]: each for each in kinds_of(body, "tripo")["image_to_model"]["choices"]}
    free = {each["name"]: each for each in kinds_of(body, "offline")["image_to_model"]["choices"]}

    assert paid["pbr"] == {
        "name": "pbr",
        "label": "Material maps",
        "help": "How rough and how metallic each part is, so that light falls on it as on the real thing.",
        "type": "yes_no",
        "values": [],
        "default": True,
        "least": None,
        "most": None,
        "needs": {"texture": [True]},
    }
    assert free["style"]["values"][0] == {"value": "auto", "label": "Choose for me"}
    assert (free["height_m"]["least"], free["height_m"]["most"], free["height_m"]["default"]) == (0.001, 1000.0, None)


def test_what_is_told_of_a_kind_is_what_a_job_of_it_may_choose(site: Site) -> None:
    """Each default, sent back by its name, is taken."""
    for maker in answer_of(site)["generators"]:
        for kind in maker["kinds"]:
            if kind["kind"] != "image_to_model":
                continue
            parameters = {each["name"]: each["default"] for each in kind["choices"] if each["default"] is not None}
            said = {"targetObject": "Cup", "imageUrl": "https://example.com/image.png", "generator": maker["name"]}
            answer = site.client.post("/api/jobs?estimate=true", json=said | {"parameters": parameters})
            assert answer.status_code == 202, answer.text
            assert answer.json()["estimated_credits"] == kind["estimated_credits"]


def test_of_a_conversion_the_order_is_told_as_choices(site: Site) -> None:
    names = [each["name"] for each in kinds_of(answer_of(site), "tripo")["convert_model"]["choices"]]

    assert names == ["format", "quad", "face_limit"]


def test_what_is_wrong_with_a_generator_is_told(site: Site) -> None:
    assert [each["problem"] for each in answer_of(site)["generators"]] == [None, None]

    paid = site.services.makers.connected["tripo"]
    with pytest.raises(LookupFailed):
        paid.check_account()  # nobody listens there
    first, second = answer_of(site)["generators"]
    assert first["problem"] == paid.problem
    assert "could not be reached" in first["problem"]
    assert second["problem"] is None


@pytest.mark.parametrize(
    ("generator", "code", "is_refused"),
    [
        ("tripo", "2008", True),
        ("tripo", "2018", False),
        ("offline", "engine_failed", True),
        ("offline", "2008", False),
        ("comfyui", "comfyui_picture", True),
        ("comfyui", "comfyui_out_of_memory", False),
        ("gone", "2008", False),
    ],
)
def test_whether_another_picture_is_needed_is_what_the_generator_declares(
    site: Site, generator: str, code: str, is_refused: bool
) -> None:
    """Also one that is not connected any more."""
    jobs = site.services.jobs
    job_id = jobs.add(new_job(generator=generator)).job.id
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.fail(claimed.claim, Failure(code=code, message="It failed."))
    offer = site.client.get(f"/api/jobs/{job_id}/retry").json()

    assert (offer["possible"], offer["needs_another_picture"]) == (True, is_refused)


def test_the_usual_time_is_told_after_a_few_models(site: Site) -> None:
    for number in (1, 2, 3):
        assert kinds_of(answer_of(site), "offline")["image_to_model"]["seconds"] is None
        files = {"image": ("a.png", pictures.cat())}
        site.client.post("/api/jobs", files=files, data={"targetObject": "Cup", "generator": "offline"})
        site.finish(number)

    kinds = kinds_of(answer_of(site), "offline")
    assert kinds["image_to_model"]["seconds"] >= 0
    assert kinds_of(answer_of(site), "tripo")["image_to_model"]["seconds"] is None


def test_what_nobody_here_makes_says_who_could(make_site: Callable[..., Site]) -> None:
    missing = {each["kind"]: each for each in answer_of(make_site())["missing"]}

    assert set(missing) == {"text_to_model", "convert_model"}
    assert "tripo" in missing["text_to_model"]["could"]
    assert missing["convert_model"]["could"] == ["tripo"]
    assert missing["convert_model"]["message"].startswith("No generator that is connected here makes another file")


def test_a_generator_that_is_added_is_told_with_nothing_else_changed(site: Site) -> None:
    class Added(FakeGenerator):
        @property
        def declaration(self) -> Any:
            seed = Choice(name="seed", label="Seed", type=ChoiceType.WHOLE)
            told = super().declaration
            offers = tuple(replace(each, choices=(seed,)) for each in told.offers)
            return replace(told, name="added", label="Added", offers=offers)

    makers = site.services.makers
    added = Throttle(Added(is_paid=False), jobs=site.services.jobs, clock=None)  # type: ignore[arg-type]
    site.services = replace(
        site.services,
        makers=Makers(connected={**makers.connected, "added": added}, default=makers.default, others=makers.others),
    )
    kinds = kinds_of(answer_of(site), "added")

    assert {kind: [each["name"] for each in told["choices"]] for kind, told in kinds.items()} == {
        "image_to_model": ["seed"],
        "multiview_to_model": ["seed"],
        "text_to_model": ["seed"],
        "convert_model": ["format", "quad", "face_limit", "seed"],
    }
    assert {told["estimated_credits"] for told in kinds.values()} == {0}


def test_whether_words_may_say_what_is_not_wanted_is_told_of_each_kind(site: Site) -> None:
    body = answer_of(site)
    told = {name: each["takes_negative_prompt"] for name, each in kinds_of(body, "tripo").items()}

    assert told == {"image_to_model": False, "multiview_to_model": False, "text_to_model": True, "convert_model": False}


def test_a_workflow_without_a_place_for_it_takes_no_negative_prompt(site: Site) -> None:
    makers = site.services.makers
    words = Offer(kind=Kind.TEXT, takes_negative_prompt=False)
    fake = FakeGenerator(name="lab", label="Lab", is_paid=False)
    lab = Throttle(fake, jobs=site.services.jobs, clock=SystemClock())
    declared = replace(fake.declaration, offers=(words,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeGenerator, "declaration", declared)
        site.services = replace(site.services, makers=replace(makers, connected={"lab": lab}, default=lab))
        assert [each["takes_negative_prompt"] for each in kinds_of(answer_of(site), "lab").values()] == [False]
