from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.generators.tripo.client import TripoClient
from tests.fake_tripo.server import FakeTripo, Switch

KEY = "tsk_secret_of_the_test"


@pytest.fixture
def fake() -> FakeTripo:
    return FakeTripo(task_s=0.2)


@pytest.fixture
def address(fake: FakeTripo, switched_tripo: tuple[Switch, str]) -> str:
    switch, found = switched_tripo
    switch.fake = fake
    return found


@pytest.fixture
def client(address: str) -> Iterator[TripoClient]:
    made = TripoClient(address, KEY)
    yield made
    made.close()
