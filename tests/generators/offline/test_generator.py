"""The built-in engine as a service: real child processes, killed and restarted."""

from __future__ import annotations

import fcntl
import hashlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from core.domain.errors import NotSent
from core.domain.generation import TaskPhase, TaskState
from core.generators.offline import worker
from core.generators.offline.generator import OfflineGenerator
from core.generators.offline.tasks import STOPPED, WORK_LOCK
from core.imaging.picture import prepare
from core.mesh.glb import read_facts
from core.settings import harmless_environment
from tests import builders, pictures
from tests.builders import stored_image

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


@pytest.fixture
def generators(tmp_path: Path) -> Iterator[Callable[[], OfflineGenerator]]:
    made: list[OfflineGenerator] = []

    def make() -> OfflineGenerator:
        made.append(OfflineGenerator(tmp_path / "offline", environment=harmless_environment()))
        return made[-1]

    yield make
    for generator in made:
        generator.close()


def order(generator: OfflineGenerator, *, face_limit: int | None = 3000) -> str:
    picture = prepare(pictures.portrait(), max_bytes=10**8).data
    token = generator.upload(stored_image(), picture)
    request = builders.order(
        token, target_object="Astronaut", choices={} if face_limit is None else {"face_limit": face_limit}
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
    return [each for each in psutil.Process().children() if "core.generators.offline.child" in each.cmdline()]


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


def test_a_task_whose_engine_is_closed_between_a_look_and_a_read_is_left_and_not_failed(
    generators: Callable[[], OfflineGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, closed = select.select, threading.Event()

    def closing(pipes: list[IO[bytes]], *others: Any) -> Any:
        found = real(pipes, *others)
        if found[0] and not closed.is_set():  # as `close` does in another thread, at this very moment
            engine._closing.set()
            pipes[0].close()
            closed.set()
        return found

    first = generators()
    [engine] = first._workers
    with monkeypatch.context() as patch:
        patch.setattr(select, "select", closing)
        task_id = order(first)
        assert closed.wait(PATIENCE_S)
        assert engine._thread is not None
        engine._thread.join(PATIENCE_S)
    first.close()

    until(generators(), task_id, TaskPhase.SUCCEEDED)


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
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "model.glb", "request.json", "work.lock"]


def test_a_child_waits_for_another_one_that_still_works_on_the_task(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    """A killed server's child lives on for up to a second; the next server's child must not write beside it."""
    busy = generators()
    (tmp_path / "offline" / "tasks").mkdir(parents=True, exist_ok=True)
    first = order(busy)
    until(busy, first, TaskPhase.SUCCEEDED)
    folder = tmp_path / "offline" / "tasks" / first
    (folder / "model.glb").unlink()
    with (folder / WORK_LOCK).open("w") as orphan:
        fcntl.flock(orphan, fcntl.LOCK_EX)
        until(busy, first, TaskPhase.WAITING)
        threading.Event().wait(0.5)
        assert busy.look_up([first]).found[first].phase is TaskPhase.WAITING
    until(busy, first, TaskPhase.SUCCEEDED)


def test_progress_only_grows(generators: Callable[[], OfflineGenerator]) -> None:
    generator = generators()
    task_id = order(generator, face_limit=None)
    heard = []
    pause = threading.Event()
    while (state := generator.look_up([task_id]).found[task_id]).phase is not TaskPhase.SUCCEEDED:
        heard.append(state.progress)
        pause.wait(0.005)

    assert heard == sorted(heard)
    assert len(set(heard)) >= 3
    assert state.progress == 100


def test_a_server_killed_in_the_middle_of_a_task_leaves_a_task_that_the_next_one_finishes(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    script = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from core.generators.offline.generator import OfflineGenerator\n"
        "from core.settings import harmless_environment\n"
        "from tests.generators.offline.test_generator import order\n"
        "engine = OfflineGenerator(Path(sys.argv[1]), environment=harmless_environment())\n"
        "task = order(engine, face_limit=None)\n"
        "while not engine.look_up([task]).found[task].progress:\n"
        "    threading.Event().wait(0.01)\n"
        "print(task, flush=True)\n"
        "threading.Event().wait(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "offline")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        task_id = server.stdout.readline().strip()
        orphans = psutil.Process(server.pid).children()
        os.kill(server.pid, signal.SIGKILL)
    state = until(generators(), task_id, TaskPhase.SUCCEEDED)

    assert orphans
    assert read_facts(generators().fetch_model(state).data).face_count > 10_000
    assert psutil.wait_procs(orphans, timeout=5)[1] == []


def test_several_workers_share_the_tasks(tmp_path: Path) -> None:
    generator = OfflineGenerator(tmp_path / "offline", environment=harmless_environment(), workers=2)
    try:
        tasks = [order(generator) for _ in range(3)]
        for task_id in tasks[:2]:
            until(generator, task_id, TaskPhase.WORKING)
        assert len(children()) == 2
        for task_id in tasks:
            until(generator, task_id, TaskPhase.SUCCEEDED)
    finally:
        generator.close()


def test_an_idle_child_gives_its_memory_back(tmp_path: Path) -> None:
    generator = OfflineGenerator(tmp_path / "offline", environment=harmless_environment(), keep_warm_s=0.2)
    try:
        until(generator, order(generator), TaskPhase.SUCCEEDED)
        assert psutil.wait_procs(children(), timeout=5)[1] == []
        until(generator, order(generator), TaskPhase.SUCCEEDED)
    finally:
        generator.close()


def test_a_task_that_takes_too_long_is_ended_and_fails_with_a_sentence(
    generators: Callable[[], OfflineGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "TASK_LIMIT_S", 0.05)
    generator = generators()

    state = until(generator, order(generator), TaskPhase.FAILED)
    assert "took too long" in (state.error_message or "")
    assert state.error_code == "engine_failed"


def test_a_folder_that_cannot_be_written_means_that_nothing_was_created(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    generator = generators()
    shutil.rmtree(tmp_path / "offline" / "tasks")

    with pytest.raises(NotSent, match="cannot be written"):
        order(generator)


def test_tasks_and_pictures_older_than_two_days_are_removed(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    generator = generators()
    old = order(generator)
    until(generator, old, TaskPhase.SUCCEEDED)
    long_ago = time.time() - 49 * 3600
    os.utime(tmp_path / "offline" / "tasks" / old, (long_ago, long_ago))
    (tmp_path / "offline" / "images" / "old").write_bytes(b"x")
    os.utime(tmp_path / "offline" / "images" / "old", (long_ago, long_ago))

    new = order(generator)
    assert generator.look_up([old, new]).missed == {old}
    assert not (tmp_path / "offline" / "images" / "old").exists()
    until(generator, new, TaskPhase.SUCCEEDED)


def test_closing_takes_less_than_two_seconds_and_leaves_no_process(
    generators: Callable[[], OfflineGenerator],
) -> None:
    generator = generators()
    task_id = order(generator, face_limit=None)
    until(generator, task_id, TaskPhase.WORKING)
    started_s = time.monotonic()
    generator.close()

    assert time.monotonic() - started_s < 2
    assert children() == []


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
    assert "It cost nothing" in (state.error_message or "")


def test_a_task_whose_picture_is_gone_fails_with_a_sentence(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    generator = generators()
    request = builders.order("0" * 64, target_object="x", choices={})
    task_id = generator.create(request, check_send_window=lambda: None)

    assert "failed on this picture" in (until(generator, task_id, TaskPhase.FAILED).error_message or "")


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

    request = builders.order("t", target_object="x", choices={})
    with pytest.raises(NotSent):
        generator.create(request, check_send_window=closed)
    assert list((tmp_path / "offline" / "tasks").iterdir()) == []


def test_the_child_ends_by_itself_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'core.generators.offline.child'], stdin=subprocess.PIPE)\n"
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


def test_a_stopped_task_ends_within_a_second_and_the_next_one_is_made(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    generator, other = generators(), generators()
    running, waiting = order(generator), order(generator)
    until(generator, running, TaskPhase.WORKING)
    at_work = children()[0]
    other.stop_task(running)  # the stop may come from another process on the same folder
    at_work.wait(5)

    told = until(generator, running, TaskPhase.FAILED)
    assert "It cost nothing" in told.error_message
    assert not (tmp_path / "offline" / "tasks" / running / "model.glb").exists()
    until(generator, waiting, TaskPhase.SUCCEEDED)


def test_a_stopped_task_that_waited_is_never_begun(generators: Callable[[], OfflineGenerator], tmp_path: Path) -> None:
    generator = generators()
    running, waiting = order(generator), order(generator)
    generator.stop_task(waiting)
    until(generator, running, TaskPhase.SUCCEEDED)

    assert until(generator, waiting, TaskPhase.FAILED).error_message == STOPPED
    assert not (tmp_path / "offline" / "tasks" / waiting / "work.lock").exists()


def test_a_stop_comes_too_late_for_a_model_that_is_made(generators: Callable[[], OfflineGenerator]) -> None:
    generator = generators()
    task_id = order(generator)
    until(generator, task_id, TaskPhase.SUCCEEDED)
    generator.stop_task(task_id)
    generator.stop_task("offline-unknown")

    assert generator.look_up([task_id]).found[task_id].phase is TaskPhase.SUCCEEDED


def test_a_task_of_another_machine_is_made_here_under_its_number(
    generators: Callable[[], OfflineGenerator], tmp_path: Path
) -> None:
    elsewhere, here = OfflineGenerator(tmp_path / "elsewhere", environment=harmless_environment()), generators()
    task_id = order(elsewhere)
    elsewhere.close()
    assert here.look_up([task_id]).missed == {task_id}

    picture = prepare(pictures.portrait(), max_bytes=10**8).data
    request = builders.order(
        here.upload(stored_image(), picture), target_object="Astronaut", choices={"face_limit": 3000}
    )
    here.begin_again(task_id, request, check_send_window=lambda: None)
    here.begin_again(task_id, request, check_send_window=lambda: None)
    until(here, task_id, TaskPhase.SUCCEEDED)
