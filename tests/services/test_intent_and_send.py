"""Between the committed intent and the request nothing else is asked: no job table, no service, with any generator."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import StoreUnavailable
from core.domain.request import Conversion
from core.domain.status import Stage
from core.generators.offline.generator import OfflineGenerator
from core.generators.tripo.client import TripoClient
from core.generators.tripo.generator import TripoGenerator
from core.ports.generator import Generator
from core.services.dispatch import Dispatch
from core.services.journal import Notes
from core.services.throttle import Throttle
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import EVERY_SLOT, Category, new_job
from tests.fake_tripo.service import Service
from tests.fake_tripo.transport import FakeTransport
from tests.services.conftest import World
from tests.simulation.database import Database, SimulatedConnection

ASKS_NOTHING = {"damage"}  # what is known already; see the last test


class Watched:
    """Tells of every verb that is asked of it."""

    def __init__(self, inner: Any, told: list[str]) -> None:
        self._inner, self._told = inner, told

    @property
    def accounts(self) -> Watched:
        return Watched(self._inner.accounts, self._told)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._told.append(name)
            return found(*args, **more)

        return call


def tripo(world: World, told: list[str], folder: Path) -> Generator:
    service = Service(clock_s=lambda: world.clock.now().timestamp(), task_s=1)
    done = service.ledger.create({"input": "file_1", "model": "v3.1-20260211", "model_seed": 1})
    done.id, done.ends_s = "task-0", done.created_s
    service.ledger.tasks["task-0"] = done
    transport = FakeTransport(service, wait=world.clock.advance, on_step=told.append)
    return TripoGenerator(TripoClient("http://tripo.test", "tsk_1", transport=transport))


def offline(world: World, told: list[str], folder: Path) -> Generator:
    engine = OfflineGenerator(folder / "offline", environment={})
    engine._queue = lambda task_id: None  # type: ignore[method-assign]  # no child process is needed to take an order
    return Watched(engine, told)  # type: ignore[return-value]


KINDS: dict[str, tuple[Callable[..., Generator], dict[str, Any], str]] = {
    "tripo": (tripo, {}, "before http image-to-model"),
    "tripo, a conversion": (
        tripo,
        {"conversion": Conversion(task_id="task-0"), "category": Category.CONVERT},
        "before http convert",
    ),
    "the built-in engine": (offline, {"generator": "offline", "category": Category.OFFLINE}, "create"),
}


def between(kind: str, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What was asked between the intent and the request of one job."""
    make, changes, request = KINDS[kind]
    told: list[str] = []
    connect = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, to: (told.append(f"connection to {to}"), connect(self, to))[1]
    )
    jobs: Any = Watched(world.jobs, told)
    throttle = Throttle(make(world, told, folder), jobs=jobs, clock=world.clock)
    world.objects.put("images/a/cup.jpg", b"picture", media_type="image/jpeg")
    world.jobs.add(new_job(**changes))
    Dispatch(
        jobs=jobs,
        objects=Watched(world.objects, told),  # type: ignore[arg-type]
        generator=throttle,
        notes=Notes(jobs=jobs, generator=throttle, journal=world.journal, poll_in_s=2),
        clock=world.clock,
        owner="a",
        slots=EVERY_SLOT,
        lease_s=60,
        send_by_s=20,
    ).tick()
    throttle.close()
    assert world.job(1).stage is Stage.GENERATING
    intent, sent = told.index("mark_submitting"), told.index(request)
    assert intent < sent
    return set(told[intent + 1 : sent]) - ASKS_NOTHING


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_asked_between_intent_and_request(
    kind: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert between(kind, world, tmp_path, monkeypatch) == set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("question", ["account_wait_s", "installation", "now"])
def test_a_question_to_the_table_would_be_seen(
    kind: str, question: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Throttle.create

    def asking(self: Throttle, request: Any, **more: Any) -> str:
        if question == "account_wait_s":
            self._jobs.accounts.account_wait_s(generator="tripo")
        else:
            getattr(self._jobs, question)()
        return create(self, request, **more)

    monkeypatch.setattr(Throttle, "create", asking)
    assert between(kind, world, tmp_path, monkeypatch) == {question}


@pytest.mark.parametrize("kind", ["tripo", "tripo, a conversion"])
def test_a_question_to_tripo_would_be_seen(
    kind: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = TripoGenerator.create

    def asking(self: TripoGenerator, request: Any, **more: Any) -> str:
        self.check_account()
        return create(self, request, **more)

    monkeypatch.setattr(TripoGenerator, "create", asking)
    assert between(kind, world, tmp_path, monkeypatch) == {"before http balance", "after http balance"}


def test_whether_the_table_is_damaged_is_known_without_a_question(world: World) -> None:
    def refuse(name: str) -> None:
        raise StoreUnavailable("no question is answered here")

    assert SupabaseJobStore(SimulatedConnection(Database(world.clock.now), before=refuse)).damage() is None
    world.jobs.close()
    assert world.jobs.damage() is None
