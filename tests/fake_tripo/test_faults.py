"""Every kind of misbehaviour does what its name says, over a real socket."""

from __future__ import annotations

import random
from collections.abc import Iterator

import httpx
import pytest

from tests.fake_tripo.faults import AT_RANDOM, KINDS, ROUTES, Plan
from tests.fake_tripo.server import FakeTripo, Switch

MODEL = "v3.1-20260211"
NOTHING_DONE = {"drop before", "hang before", "error", "html"}
DONE = {"drop after", "hang after", "error after", "html after", "truncated", "no id", "trickle"}
MORE = {
    "error": {"code": 1007, "status": 429, "headers": {"Retry-After": "9"}},
    "error after": {"code": 1000, "status": 500},
    "hang before": {"seconds": 0.05},
    "hang after": {"seconds": 0.05},
    "trickle": {"seconds": 0.001},
    "late": {"seconds": 0.0},
}


@pytest.fixture
def fake() -> FakeTripo:
    return FakeTripo(task_s=0)


@pytest.fixture
def http(fake: FakeTripo, switched_tripo: tuple[Switch, str]) -> Iterator[httpx.Client]:
    switch, address = switched_tripo
    switch.fake = fake
    with httpx.Client(base_url=address, headers={"Authorization": "Bearer tsk_x"}) as client:
        yield client


def create(http: httpx.Client, fake: FakeTripo) -> httpx.Response | None:
    try:
        return http.post("/v3/generation/image-to-model", json={"input": fake.ledger.add_file(), "model": MODEL})
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("kind", sorted(NOTHING_DONE | DONE | {"late"}))
def test_a_create_that_goes_wrong_is_done_or_not_as_its_name_says(
    http: httpx.Client, fake: FakeTripo, kind: str
) -> None:
    fake.plan.arm("create", kind, **MORE.get(kind, {}))
    answer = create(http, fake)

    assert len(fake.ledger.tasks) == (kind in DONE or kind == "late")
    assert (answer is None) == (kind.startswith(("drop", "hang")) or kind == "late")
    if kind == "error":
        assert answer is not None
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")
    if kind.startswith("html"):
        assert answer is not None
        assert answer.status_code == 502
    assert create(http, fake).json()["code"] == 0  # type: ignore[union-attr]


def test_a_late_create_takes_effect_only_after_its_delay(fake: FakeTripo, http: httpx.Client) -> None:
    fake.plan.arm("create", "late", seconds=3600)
    create(http, fake)

    assert fake.ledger.tasks == {}
    fake.ledger.clock_s = lambda: 4e9
    assert len(fake.ledger.tasks) == 1


def test_missed_tasks_and_shifting_pages(fake: FakeTripo, http: httpx.Client) -> None:
    create(http, fake)
    (task_id,) = fake.ledger.tasks
    fake.plan.arm("list", "missed")
    answers = [http.post("/v3/tasks/list", json={"task_ids": [task_id]}).json()["data"] for _ in range(2)]
    assert [answer["missed"] for answer in answers] == [[task_id], []]

    fake.plan.arm("usage", "foreign")
    pages = [http.get("/v3/account/usage", params={"limit": 1}).json()["data"] for _ in range(2)]
    assert pages[0][0]["task_id"] != task_id
    assert len(fake.ledger.tasks) == 2


@pytest.mark.parametrize("kind", ["cut", "not a model", "forbidden", "drop before", "hang before", "trickle"])
def test_a_download_that_goes_wrong_is_whole_the_next_time(fake: FakeTripo, http: httpx.Client, kind: str) -> None:
    create(http, fake)
    (task_id,) = fake.ledger.tasks
    url = http.get(f"/v3/tasks/{task_id}").json()["data"]["output"]["model_url"]
    fake.plan.arm("download", kind, **({"seconds": 0.0001} if kind in ("hang before", "trickle") else {}))
    got = []
    for _ in range(2):
        try:
            answer = httpx.get(url)
            got.append(answer.content if answer.status_code == 200 else b"")
        except httpx.TransportError:
            got.append(b"")

    assert got[1].startswith(b"glTF")
    assert (got[0] == got[1]) == (kind == "trickle")


def test_an_address_dies_after_its_time(fake: FakeTripo, http: httpx.Client) -> None:
    fake.ledger.url_life_s = -1
    create(http, fake)
    url = http.get(f"/v3/tasks/{next(iter(fake.ledger.tasks))}").json()["data"]["output"]["model_url"]

    assert httpx.get(url).status_code == 403


def test_a_random_plan_comes_from_its_seed_alone() -> None:
    def drawn(seed: int) -> list[str]:
        plan = Plan()
        plan.at_random(random.Random(seed), 0.3)
        return [fault.kind if (fault := plan.take("create")) else "" for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(drawn(1))) > 8


def test_every_kind_can_happen_at_random_somewhere() -> None:
    assert set(AT_RANDOM) | {"task"} == ROUTES
    assert {fault.kind for faults in AT_RANDOM.values() for fault in faults} == KINDS
