"""What is heard on the web socket: a figure for people, while look-ups tell the truth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.domain.errors import NotSent, OutcomeUnknown
from core.domain.generation import TaskPhase, TaskState
from core.generators.comfyui.files import load_workflow
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.progress import MOST_TASKS, Progress
from tests.fake_comfyui.server import FakeComfy, Switch, running
from tests.generators.comfyui.conftest import create, request, state

WEIGHTS = {"shape": 20.0, "texture": 60.0, "uv": 20.0}


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def progress(ended: list[str]) -> Progress:
    """One that hears what a test says; its server is not there."""
    made = Progress("http://127.0.0.1:9", headers={}, client_id="c", weights=WEIGHTS, on_ended=ended.append)
    made._closed.set()
    made.watch("t")
    return made


def tell(progress: Progress, kind: Any, **data: Any) -> int:
    progress.hear({"type": kind, "data": {"prompt_id": "t"} | data})
    return progress.percent("t")


def test_each_sampler_counts_for_its_weight_though_it_begins_again_from_nothing(progress: Progress) -> None:
    heard = [
        tell(progress, "execution_start"),
        tell(progress, "progress_state", nodes={"shape": {"value": 5, "max": 10, "state": "running"}}),
        tell(progress, "progress", node="shape", value=10, max=10),
        tell(progress, "progress", node="texture", value=0, max=12),
        tell(progress, "progress", node="texture", value=6, max=12),
        tell(progress, "progress_state", nodes={"texture": {"value": 1, "max": 12, "state": "finished"}}),
        tell(progress, "progress", node="texture", value=1, max=12),
        tell(progress, "executed", node="uv", output={}),
    ]

    assert heard == [0, 10, 20, 20, 50, 80, 80, 99]


def test_what_is_cached_is_done(progress: Progress) -> None:
    assert tell(progress, "execution_cached", nodes=["shape", "texture"]) == 80


@pytest.mark.parametrize("kind", ["execution_success", "execution_error", "execution_interrupted"])
def test_an_end_is_told_at_once_and_only_of_jobs_of_ours(progress: Progress, ended: list[str], kind: str) -> None:
    tell(progress, kind)
    progress.hear({"type": kind, "data": {"prompt_id": "somebody else's"}})

    assert ended == ["t"]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "status", "data": {"sid": "x"}},
        {"type": "executing", "data": {"node": None, "prompt_id": "t"}},
        {"type": "progress", "data": {"prompt_id": "t", "node": "shape", "value": 1, "max": 0}},
        {"type": "progress", "data": {"prompt_id": "t", "node": "shape", "value": "1", "max": 2}},
        {"type": "progress", "data": {"prompt_id": "t", "node": "shape", "value": -5, "max": 2}},
        {"type": "progress_state", "data": {"prompt_id": "t", "nodes": ["shape"]}},
        {"type": "progress_state", "data": {"prompt_id": "t", "nodes": {"shape": 7}}},
        {"type": "execution_cached", "data": {"prompt_id": "t", "nodes": None}},
        {"type": "progress", "data": {"prompt_id": ["t"], "node": "shape", "value": 1, "max": 2}},
        {"type": ["progress"], "data": []},
        {"type": "progress", "data": {"prompt_id": "unknown", "node": "shape", "value": 1, "max": 2}},
    ],
)
def test_messages_that_say_nothing_change_nothing(progress: Progress, ended: list[str], message: Any) -> None:
    progress.hear(message)

    assert (progress.percent("t"), ended) == (0, [])


def test_only_the_newest_jobs_are_remembered(progress: Progress) -> None:
    tell(progress, "executed", node="shape")
    for number in range(MOST_TASKS):
        progress.watch(str(number))

    assert progress.percent("t") == 0
    assert len(progress._shares) == MOST_TASKS


@pytest.fixture
def fake() -> FakeComfy:
    return FakeComfy(step_s=0.002, node_s=0.002)


@pytest.fixture(scope="module")
def switched() -> Iterator[tuple[Any, str]]:
    switch = Switch()
    with running(switch) as address:
        yield switch, address


@pytest.fixture
def comfy(fake: FakeComfy, switched: tuple[Any, str], ended: list[str]) -> Iterator[ComfyGenerator]:
    switched[0].fake = fake
    fake.service.token = ("Authorization", "Bearer secret")
    made = ComfyGenerator(
        switched[1],
        headers={"Authorization": "Bearer secret"},
        workflow=load_workflow("hunyuan3d-2.1"),
        on_ended=ended.append,
    )
    yield made
    made.close()


def until(is_true: Any) -> None:
    """Await a condition."""
    pause = threading.Event()
    for _ in range(1000):
        if is_true():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come to pass")


def test_over_real_sockets_progress_is_heard_and_an_end_before_it_is_asked_for(
    fake: FakeComfy, comfy: ComfyGenerator, ended: list[str]
) -> None:
    comfy._progress.watch("warm")  # connects; the first job's events would be missed for some milliseconds
    until(lambda: fake.machine.sockets)
    task_id = create(comfy)
    until(lambda: ended)
    done = state(comfy, task_id)

    assert ended == [task_id]
    assert comfy._progress.percent(task_id) > 90
    assert isinstance(done, TaskState)
    assert done.phase is TaskPhase.SUCCEEDED
    assert comfy.fetch_model(done).data.startswith(b"glTF")
    assert comfy.missing() == []


def test_without_a_socket_a_job_ends_all_the_same(fake: FakeComfy, comfy: ComfyGenerator) -> None:
    comfy._progress._closed.set()
    task_id = create(comfy)
    until(lambda: state(comfy, task_id).phase is TaskPhase.SUCCEEDED)  # type: ignore[union-attr]

    assert fake.machine.sockets == {}


def test_a_socket_that_breaks_is_opened_again(
    fake: FakeComfy, comfy: ComfyGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.generators.comfyui.progress.FIRST_WAIT_S", 0.01)
    comfy._progress.watch("warm")
    until(lambda: fake.machine.sockets)
    first = next(iter(fake.machine.sockets.values()))
    fake.machine.restart()
    until(lambda: fake.machine.sockets and next(iter(fake.machine.sockets.values())) is not first)


def test_a_job_is_stopped_over_real_sockets(fake: FakeComfy, comfy: ComfyGenerator) -> None:
    fake.machine.step_s = 0.05
    task_id = create(comfy)
    until(lambda: state(comfy, task_id).phase is TaskPhase.WORKING)  # type: ignore[union-attr]
    comfy.stop_task(task_id)
    until(lambda: state(comfy, task_id).phase is TaskPhase.FAILED)  # type: ignore[union-attr]

    assert [run.status for run in fake.machine.runs] == ["cancelled"]


def test_a_connection_that_ends_after_the_job_was_queued_is_an_unknown_outcome(
    fake: FakeComfy, comfy: ComfyGenerator
) -> None:
    fake.plan.arm("prompt", "drop after")
    with pytest.raises(OutcomeUnknown):
        create(comfy)

    assert len(fake.machine.posts) == 1


def test_a_server_that_is_away_got_nothing(comfy: ComfyGenerator) -> None:
    away = ComfyGenerator("http://127.0.0.1:9", headers={}, workflow=comfy.workflow)
    try:
        with pytest.raises(NotSent):
            away.create(request("maquette/x.png"), check_send_window=lambda: None)
    finally:
        away.close()
