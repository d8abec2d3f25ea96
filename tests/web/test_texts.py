"""Texts from outside, by every route: what no table can hold is refused with a sentence, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.domain.errors import InputRefused
from core.domain.request import Slot
from core.ports.job_store import JobQuery
from core.services.requests import Sent, SubmitRequest
from tests import pictures
from tests.builders import new_job
from tests.web.conftest import CannedFetcher, Site

UNSTORABLE = ["\ud800", "a\udfffb", "a\0b"]
JSON = {"targetObject": "Cup", "imageUrl": "https://example.com/image.png"}
INVISIBLE = ["\u200b", "\u2800", "\u3164\uffa0", "\u0301", "\ufe0f\u200d", "\U000e0041", "\ue000"]
TURNING = ["cup\u202egnp.exe", "\u2066cup", "cup\u2069", "\u200fcup", "cup\u061c"]


@pytest.fixture
def json_site(make_site: Callable[..., Site]) -> Site:
    return make_site(CannedFetcher(max_bytes=10**7))


def post(site: Site, path: str, body: dict[str, Any]) -> Any:
    return site.client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize(
    "field",
    ["targetObject", "sessionId", "imageUrl", "backUrl", "model", "textureQuality", "geometryQuality", "orientation"],
)
def test_json_with_a_text_that_no_table_holds_is_refused(json_site: Site, field: str, text: str) -> None:
    is_option = field in ("model", "textureQuality", "geometryQuality", "orientation")
    answer = post(json_site, "/api/generate-3d", JSON | ({"options": {field: text}} if is_option else {field: text}))

    assert (answer.status_code, answer.json()["success"]) == (422, False)
    assert field in answer.json()["error"]
    assert json_site.services.jobs.find(JobQuery()).total == 0
    assert not list((json_site.services.settings.data_dir / "files").rglob("*.*"))


@pytest.mark.parametrize("field", ["targetObject", "sessionId", "model", "textureQuality"])
def test_a_form_with_such_a_text_is_refused(site: Site, field: str) -> None:
    answer = site.client.post(
        "/api/generate-3d", files={"image": ("a.jpg", pictures.cat())}, data={"targetObject": "Cup", field: "a\0b"}
    )

    assert (answer.status_code, answer.json()["success"]) == (422, False)
    assert site.services.jobs.find(JobQuery()).total == 0


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/jobs/1/decision", {"take": ""}), ("/api/jobs/1/conversions", {"format": ""})],
)
def test_decisions_and_orders_refuse_such_texts(site: Site, path: str, body: dict[str, str], text: str) -> None:
    site.services.jobs.add(new_job())

    answer = post(site, path, dict.fromkeys(body, text))

    assert (answer.status_code, answer.json()["success"]) == (422, False)


@pytest.mark.parametrize("key", [b"a\tb", b"a\x7fb", b"\x01", b" ", b"x" * 256])
def test_a_key_with_control_characters_or_none_or_too_many_is_refused(site: Site, key: bytes) -> None:
    answer = site.client.post(
        "/api/generate-3d",
        files={"image": ("a.jpg", pictures.cat())},
        data={"targetObject": "Cup"},
        headers=[(b"idempotency-key", key)],
    )

    assert (answer.status_code, answer.json()["success"]) == (422, False)
    assert site.services.jobs.find(JobQuery()).total == 0


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize("field", ["session_id", "model", "style"])
def test_a_page_cannot_hand_such_a_text_over_either(site: Site, field: str, text: str) -> None:
    front = Sent(data=pictures.cat(), name=text)
    values: dict[str, Any] = {"pictures": {Slot.FRONT: front}, "target_object": "Cup", "session_id": "s"}
    values |= {"session_id": text} if field == "session_id" else {"choices": {field: text}}

    with pytest.raises(InputRefused):
        site.services.submit.submit(SubmitRequest(**values))


@pytest.mark.parametrize("text", UNSTORABLE)
def test_a_search_for_such_a_text_is_a_search_for_the_rest_of_it(site: Site, text: str) -> None:
    site.services.jobs.add(new_job(target_object="abc"))

    found = site.services.overview.page(JobQuery(search=f"a{text.strip('ab')}b"))

    assert found.total == 1


@pytest.mark.parametrize("sign", UNSTORABLE)
def test_a_sentence_that_repeats_such_a_text_can_be_sent(site: Site, sign: str) -> None:
    from core.web.problems import problem

    assert json.loads(problem(422, f"no {sign}").body)["error"].startswith("no ")


@pytest.mark.parametrize("name", INVISIBLE)
def test_a_name_without_a_visible_sign_is_refused(site: Site, name: str) -> None:
    answer = post_file(site, name)

    assert answer.status_code == 422
    assert "nothing that can be seen" in answer.json()["error"]


@pytest.mark.parametrize("name", TURNING)
def test_a_name_that_turns_the_direction_of_the_text_around_it_is_refused(site: Site, name: str) -> None:
    answer = post_file(site, name)

    assert answer.status_code == 422
    assert "direction" in answer.json()["error"]


@pytest.mark.parametrize("name", ["كوب", "ספל", "👩‍🚀", "杯", "e\u0301", "5", "?", "कप", "नमस्ते", "a\u200bb"])
def test_names_of_any_script_are_taken(site: Site, name: str) -> None:
    assert post_file(site, name).status_code == 202


def post_file(site: Site, name: str) -> Any:
    files = {"image": ("a.jpg", pictures.cat(), "image/jpeg")}
    return site.client.post("/api/generate-3d", files=files, data={"targetObject": name})
