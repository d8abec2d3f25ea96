"""The built-in engine as a service: real child processes, killed and restarted."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.adapters.offline.generator import OfflineGenerator
from core.domain.errors import NotSent
from core.domain.generation import GenerationRequest, TaskPhase, TaskState
from core.domain.job import JobOptions
from core.imaging.picture import prepare
from core.mesh.glb import read_facts
from tests import pictures
from tests.builders import stored_image

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


@pytest.fixture
def generators(tmp_path: Path) -> Iterator[Callable[[], OfflineGenerator]]:
    made: list[OfflineGenerator] = []

    def make() -> OfflineGenerator:
        made.append(OfflineGenerator(tmp_path / "offline"))
        return made[-1]

    yield make
    for generator in made:
        generator.close()


def order(generator: OfflineGenerator, *, face_limit: int | None = 3000) -> str:
    picture = prepare(pictures.portrait(), max_bytes=10**8).data
    token = generator.upload(stored_image(), picture)
    request = GenerationRequest(
        job_id=1,
        attempt=1,
        target_object="Astronaut",
        image_token=token,
        nonce=1,
        options=JobOptions(face_limit=face_limit),
    )
    return generator.create(request, check_send_window=lambda: None)


def until(generator: OfflineGenerator, task_id: str, phase: TaskPhase) -> TaskState:
    """Look until the task is in this phase. Raises AssertionError after a minute."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S / 0.02)):
        state = generator.look_up([task_id]).found[task_id]
        if state.phase is phase:
            return state
        pause.wait(0.02)
    raise AssertionError(f"{task_id} was never {phase}: {state}")


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "core.adapters.offline.child" in each.cmdline()]


def test_a_model_is_made_and_can_be_fetched_more_than_once(generators: Callable[[], OfflineGenerator]) -> None:
    generator = generators()
    state = until(generator, order(generator), TaskPhase.SUCCEEDED)

    model = generator.fetch_model(state).data
    assert generator.fetch_model(state).data == model
    assert 500 < read_facts(model).face_count <= 3000
    assert read_facts(model).generator == "Maquette, Built-in engine (offline)"


def test_a_killed_child_is_replaced_and_the_task_still_succeeds(generators: Callable[[], OfflineGenerator]) -> None:
    generator = generators()
    task_id = order(generator)
    until(generator, task_id, TaskPhase.WORKING)
    children()[0].kill()

    until(generator, task_id, TaskPhase.SUCCEEDED)


def test_a_task_left_by_a_closed_engine_is_finished_by_the_next_one(generators: Callable[[], OfflineGenerator]) -> None:
    first = generators()
    task_id = order(first)
    until(first, task_id, TaskPhase.WORKING)
    first.close()
    assert children() == []

    until(generators(), task_id, TaskPhase.SUCCEEDED)


def test_two_engines_on_one_folder_do_not_make_one_model_twice(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    first, second = generators(), generators()
    task_id = order(first)
    until(first, task_id, TaskPhase.WORKING)
    second.look_up([task_id])
    until(second, task_id, TaskPhase.SUCCEEDED)

    folder = tmp_path / "offline" / "tasks" / task_id
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "model.glb", "request.json"]


def test_a_picture_that_kills_the_child_twice_fails_with_a_sentence(generators: Callable[[], OfflineGenerator]) -> None:
    generator = generators()
    task_id = order(generator)
    for _ in range(2):
        until(generator, task_id, TaskPhase.WORKING)
        child = children()[0]
        child.kill()
        child.wait()
        pause = threading.Event()
        while generator.look_up([task_id]).found[task_id].phase is TaskPhase.WORKING and not children():
            pause.wait(0.01)

    state = until(generator, task_id, TaskPhase.FAILED)
    assert "Nothing was charged" in (state.error_message or "")


def test_an_unknown_task_is_missed(generators: Callable[[], OfflineGenerator]) -> None:
    answer = generators().look_up(["offline-nothing", "../../etc"])

    assert answer.found == {}
    assert answer.missed == {"offline-nothing", "../../etc"}


def test_nothing_is_created_after_the_send_window_closed(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    generator = generators()

    def closed() -> None:
        raise NotSent("too late")

    request = GenerationRequest(job_id=1, attempt=1, target_object="x", image_token="t", nonce=1, options=JobOptions())
    with pytest.raises(NotSent):
        generator.create(request, check_send_window=closed)
    assert list((tmp_path / "offline" / "tasks").iterdir()) == []


def test_the_child_ends_by_itself_when_its_parent_is_killed(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'core.adapters.offline.child'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        child.wait(timeout=10)

    assert not child.is_running()


def test_the_token_of_a_picture_is_its_hash(generators: Callable[[], OfflineGenerator]) -> None:
    assert generators().upload(stored_image(), b"x") == hashlib.sha256(b"x").hexdigest()
