"""The fake refuses what the real service refuses, and its books add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fake_tripo.server import FakeTripo, Switch

MODEL = "v3.1-20260211"


@pytest.fixture
def fake() -> FakeTripo:
    return FakeTripo(task_s=60)


@pytest.fixture
def http(fake: FakeTripo, switched_tripo: tuple[Switch, str]) -> Iterator[httpx.Client]:
    switch, address = switched_tripo
    switch.fake = fake
    with httpx.Client(base_url=address, headers={"Authorization": "Bearer tsk_x"}) as client:
        yield client


def create(http: httpx.Client, **body: Any) -> dict[str, Any]:
    token = http.post("/v3/files", files={"file": b"x"}).json()["data"]["file_token"]
    return dict(http.post("/v3/generation/image-to-model", json={"input": token, "model": MODEL} | body).json())


@pytest.mark.parametrize(
    "body",
    [
        {"model": None},
        {"model": "v3.1"},
        {"input": "file_of_nobody"},
        {"input": "data:image/png;base64,AAAA"},
        {"model": "P1-20260311", "quad": False},
        {"model": "P2-20260801", "geometry_quality": "standard"},
        {"model": "P1-20260311", "face_limit": 40},
        {"generate_parts": True},
    ],
)
def test_bodies_that_tripo_refuses_are_refused_and_create_nothing(
    http: httpx.Client, fake: FakeTripo, body: dict[str, Any]
) -> None:
    assert create(http, **body)["code"] == 1004
    assert fake.ledger.tasks == {}


def upload(http: httpx.Client) -> str:
    return str(http.post("/v3/files", files={"file": b"x"}).json()["data"]["file_token"])


def views(http: httpx.Client, **body: Any) -> dict[str, Any]:
    asked = {"inputs": [upload(http), None, upload(http), None], "model": MODEL} | body
    return dict(http.post("/v3/generation/multiview-to-model", json=asked).json())


def words(http: httpx.Client, **body: Any) -> dict[str, Any]:
    return dict(http.post("/v3/generation/text-to-model", json={"prompt": "a cup", "model": MODEL} | body).json())


@pytest.mark.parametrize(
    "body",
    [
        {"model": None},
        {"inputs": None},
        {"inputs": []},
        {"inputs": [None, "https://x.test/left.png"]},
        {"inputs": ["https://x.test/front.png", None, None, None]},
        {"inputs": ["https://x.test/front.png", "file_of_nobody"]},
        {"inputs": ["https://x.test/1.png", *["https://x.test/2.png"] * 4]},
        {"inputs": [{"front": "https://x.test/front.png"}, {"top": "https://x.test/top.png"}]},
        {"model": "P1-20260311", "quad": False},
        {"prompt": "a cup"},
        {"enable_image_autofix": True},
    ],
)
def test_views_that_tripo_refuses_are_refused_and_create_nothing(
    http: httpx.Client, fake: FakeTripo, body: dict[str, Any]
) -> None:
    assert views(http, **body)["code"] == 1004
    assert fake.ledger.tasks == {}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "v3.1"},
        {"prompt": ""},
        {"prompt": "x" * 1025},
        {"prompt": 5},
        {"negative_prompt": "x" * 256},
        {"model": "P2-20260801", "geometry_quality": "standard"},
        {"orientation": "default"},
        {"input": "file_1"},
    ],
)
def test_words_that_tripo_refuses_are_refused_and_create_nothing(
    http: httpx.Client, fake: FakeTripo, body: dict[str, Any]
) -> None:
    assert words(http, **body)["code"] == 1004
    assert fake.ledger.tasks == {}


def test_the_longest_words_are_taken(http: httpx.Client) -> None:
    assert words(http, prompt="x" * 1024, negative_prompt="x" * 255)["code"] == 0


def test_all_kinds_of_one_series_share_its_limit(http: httpx.Client) -> None:
    assert [create(http)["code"] for _ in range(4)] == [0] * 4
    assert [views(http)["code"] for _ in range(3)] == [0] * 3
    assert [words(http)["code"] for _ in range(4)] == [0, 0, 0, 2000]
    assert words(http, model="P1-20260311")["code"] == 0


def test_words_need_less_credit_than_pictures(http: httpx.Client, fake: FakeTripo) -> None:
    fake.ledger.credits = fake.ledger.credits - 985

    assert (create(http)["code"], views(http)["code"], words(http)["code"]) == (2010, 2010, 0)
    assert fake.ledger.frozen == 20


@pytest.mark.parametrize("names_views", [True, False])
def test_a_task_is_called_by_its_kind_and_repeats_its_request(
    http: httpx.Client, fake: FakeTripo, names_views: bool
) -> None:
    fake.ledger.names_views, fake.ledger.hides_seed_of = names_views, {"text_to_model"}
    front, back = upload(http), upload(http)
    made = [views(http, inputs=[front, None, back, None], model_seed=1), words(http, model_seed=2)]
    told = [http.get(f"/v3/tasks/{each['data']['task_id']}").json()["data"] for each in made]

    assert [each["type"] for each in told] == ["multiview_to_model", "text_to_model"]
    expected: list[Any] = [{"front": front}, {"back": back}] if names_views else [front, None, back, None]
    assert told[0]["input"] == {"inputs": expected, "model": MODEL, "model_seed": 1}
    assert told[1]["input"] == {"prompt": "a cup", "model": MODEL}


def test_views_may_be_named(http: httpx.Client, fake: FakeTripo) -> None:
    assert views(http, inputs=[{"back": upload(http)}, {"front": upload(http)}])["code"] == 0
    assert views(http, inputs=[{"file_token": upload(http)}, {}, {}, {"file_token": upload(http)}])["code"] == 0


def test_the_eleventh_open_task_is_refused_and_the_p_series_has_its_own_five(http: httpx.Client) -> None:
    assert [create(http)["code"] for _ in range(11)] == [0] * 10 + [2000]
    assert [create(http, model="P1-20260311")["code"] for _ in range(6)] == [0] * 5 + [2000]


def test_without_credit_nothing_is_created(http: httpx.Client, fake: FakeTripo) -> None:
    fake.ledger.credits = fake.ledger.credits - 990

    assert create(http)["code"] == 2010


@pytest.mark.parametrize(
    ("body", "credits"),
    [
        ({}, 30),
        ({"texture": False, "pbr": False}, 20),
        ({"texture_quality": "extreme", "geometry_quality": "detailed"}, 70),
        ({"model": "P1-20260311"}, 50),
        ({"model": "P2-20260801", "texture": False, "pbr": False}, 100),
    ],
)
def test_prices_are_those_of_the_list(http: httpx.Client, fake: FakeTripo, body: dict[str, Any], credits: int) -> None:
    create(http, **body)
    assert fake.ledger.frozen == credits

    views(http, **body)
    assert fake.ledger.frozen == 2 * credits

    words(http, **body)
    assert fake.ledger.frozen == 3 * credits - (0 if body.get("model", "").startswith("P2") else 10)


def test_only_a_finished_model_is_converted_to_a_format_it_knows_five_at_a_time(
    http: httpx.Client, fake: FakeTripo
) -> None:
    task_id = create(http)["data"]["task_id"]

    def convert(**body: Any) -> int:
        asked = {"input": task_id, "format": "FBX"} | body
        return int(http.post("/v3/models/convert", json=asked).json()["code"])

    assert convert() == 2001  # it is still being made
    fake.ledger.tasks[task_id].ends_s = 0
    assert (convert(input="nobody"), convert(format="DOC")) == (2001, 1004)
    assert [convert() for _ in range(6)] == [0] * 5 + [2000]


def test_a_failed_task_gives_its_credits_back(http: httpx.Client, fake: FakeTripo) -> None:
    fake.ledger.fail_next.append(2018)
    fake.ledger.task_s = 0
    create(http)

    assert (fake.ledger.billed, fake.ledger.frozen, fake.ledger.balance) == (0, 0, fake.ledger.credits)


def test_a_presigned_upload_refuses_a_key(http: httpx.Client) -> None:
    signed = http.post("/v3/files/presign", json={"format": "png"}).json()["data"]

    assert http.put(signed["presigned_url"], content=b"x").status_code == 400
    assert httpx.put(signed["presigned_url"], content=b"x").status_code == 200


def test_other_processes_can_arm_it_and_read_its_books(http: httpx.Client) -> None:
    http.post("/__fake__/arm", json={"route": "create", "kind": "error", "more": {"code": 2008, "status": 400}})

    assert create(http)["code"] == 2008
    assert create(http)["code"] == 0
    assert len(http.get("/__fake__/ledger").json()["tasks"]) == 1
