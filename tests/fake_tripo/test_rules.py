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
