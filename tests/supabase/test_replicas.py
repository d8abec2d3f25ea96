"""Several processes share one Supabase: pages here, workers there, any of them killed, the database restarted."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import pictures
from tests.fake_tripo.server import FakeTripo, running, sample_model
from tests.serving import ServerProcess, end, start
from tests.supabase.project import UPDATE
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
JOBS = 18
FREE_JOBS = 30
FEWER_JOBS = 9  # for each change
MOST_JOBS = 60
LEASE_S = 6
MOST_WORK_S = 15.0  # one small lithophane on a busy machine, with the pauses between two ticks


@pytest.fixture(scope="module")
def durable() -> Iterator[SupabaseLite]:
    """A database that keeps what it acknowledged, also when it is ended as in a crash."""
    with SupabaseLite(durable=True) as server:
        server.sql_file(UPDATE)
        server.restart_rest()
        yield server


def settings(project: SupabaseLite, tripo: str = "", **more: Any) -> dict[str, Any]:
    own = {"SUPABASE_URL": project.url, "SUPABASE_KEY": project.secret_key, "LEASE_S": LEASE_S, "SETTLE_S": 60}
    return own | ({"TRIPO_API_KEY": "tsk_test", "TRIPO_BASE_URL": tripo} if tripo else {}) | more


def worker(folder: Path, chosen: dict[str, Any]) -> subprocess.Popen[bytes]:
    return start([sys.executable, "-m", "core.worker"], folder / "worker.log", {"DATA_DIR": folder / "w"} | chosen)


def wait_until(is_true: Any, patience_s: float = 120) -> None:
    pause = threading.Event()
    for _ in range(int(patience_s / 0.25)):
        if is_true():
            return
        pause.wait(0.25)
    raise AssertionError("it did not come true in time")


def states(project: SupabaseLite) -> list[str]:
    return project.sql("select stage || ' ' || status from generated_images order by id").splitlines()


def test_pages_here_and_a_worker_there_make_a_model_that_both_serve(durable: SupabaseLite, tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.0)
    with running(fake) as tripo:
        pages = ServerProcess(tmp_path / "p" / "data", **settings(durable, tripo, SCHEDULER="off"))
        hands = worker(tmp_path, settings(durable, tripo))
        try:
            pages.wait_until_healthy()
            status = pages.wait_for_end(pages.post(pictures.cat(), "Größe 犬"))
            assert status["status"] == "completed"
            whole = httpx.get(status["3d_url"])
            assert whole.content == sample_model()
            part = httpx.get(status["3d_url"], headers={"Range": "bytes=0-3"})
            assert (part.status_code, part.content) == (206, b"glTF")
            assert httpx.get(status["3d_url"], headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
            assert httpx.get(status["image_url"]).status_code == 200
        finally:
            pages.stop()
            end(hands)
        assert hands.returncode == 0
    assert "tsk_test" not in (tmp_path / "worker.log").read_text()
    assert durable.secret_key not in (tmp_path / "worker.log").read_text() + pages.log.read_text()


def test_three_processes_share_the_work_while_anything_is_killed(durable: SupabaseLite, tmp_path: Path) -> None:
    durable.sql("truncate generated_images cascade")
    chance, fake = random.Random(3), FakeTripo(task_s=2.0)
    fake.ledger.credits, fake.ledger.limits["standard"] = fake.ledger.credits * 10, 1000
    fake.plan.at_random(chance, 0.05)
    with running(fake) as tripo:
        chosen = settings(durable, tripo)
        servers = [ServerProcess(tmp_path / name / "data", **chosen) for name in ("a", "b")]
        hands = worker(tmp_path, chosen)
        try:
            for server in servers:
                server.wait_until_healthy()
            numbers = [_post(servers[number % 2], number) for number in range(JOBS)]
            threading.Event().wait(2)
            servers[0].process.kill()
            durable.terminate_backends()
            threading.Event().wait(2)
            durable.restart_postgres(immediate=True)
            durable.wait_for_rest()
            hands.kill()
            hands.wait()
            threading.Event().wait(1)
            durable.kill_rest()
            threading.Event().wait(1)
            durable.start_rest()
            fake.plan.clear()
            hands = worker(tmp_path, chosen)
            wait_until(lambda: all(state == "done completed" for state in states(durable)), 240)
            assert len(states(durable)) == JOBS == len(set(numbers))
        finally:
            hands.kill()
            hands.wait()
            for server in servers:
                server.stop(signal.SIGKILL)

    tasks = list(fake.ledger.tasks.values())
    bound = set(durable.sql("select task_id from generated_images").splitlines())
    ours = [task for task in tasks if "model_seed" in task.input]
    assert len(ours) == JOBS
    assert {task.id for task in ours} == bound
    most = max(sum(other.created_s <= task.created_s < other.ends_s for other in ours) for task in ours)
    assert most <= 10
    assert float(durable.sql("select sum(credits_used) from generated_images")) == 30.0 * JOBS


def _post(server: ServerProcess, number: int, **more: str) -> int:
    """As a program would: the same key until it is answered."""
    for _ in range(60):
        try:
            answer = httpx.post(
                f"{server.address}/api/generate-3d",
                files={"image": ("a.jpg", pictures.cat())},
                data={"targetObject": f"Thing {number}"} | more,
                headers={"Idempotency-Key": f"thing-{number}"},
                timeout=30,
            )
            if answer.status_code == 202:
                return int(answer.json()["record_id"])
        except httpx.HTTPError:
            pass
        threading.Event().wait(0.5)
    raise AssertionError("it was never taken")


def test_without_the_update_the_page_names_the_file_and_goes_on_once_it_is_there(
    new_supabase: SupabaseLite, tmp_path: Path
) -> None:
    server = ServerProcess(tmp_path / "a" / "data", **settings(new_supabase))
    try:
        wait_until(lambda: _health(server)["status"] == "unwell")
        assert "database_schema_update.sql" in _health(server)["store"]["problem"]
        refused = httpx.get(f"{server.address}/api/generation-status/1")
        assert refused.status_code == 503
        assert "SQL editor" in refused.json()["error"]

        new_supabase.sql_file(UPDATE)
        new_supabase.restart_rest()
        server.wait_until_healthy()
        new_supabase.kill_rest()
        wait_until(lambda: "cannot be reached" in str(_health(server)["store"]["problem"]))
        new_supabase.start_rest()
        server.wait_until_healthy()
    finally:
        server.stop(signal.SIGKILL)


def test_a_wrong_key_is_named(durable: SupabaseLite, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "a" / "data", **settings(durable) | {"SUPABASE_KEY": durable.anon_key})
    try:
        wait_until(lambda: _health(server)["status"] == "unwell")
        assert "SUPABASE_KEY" in _health(server)["store"]["problem"]
    finally:
        server.stop(signal.SIGKILL)


def _health(server: ServerProcess) -> dict[str, Any]:
    try:
        return dict(httpx.get(f"{server.address}/api/health", timeout=30).json())
    except (httpx.HTTPError, ValueError):
        return {"status": "away", "store": {"problem": ""}}


def test_processes_with_folders_of_their_own_end_all_jobs_of_the_built_in_engine_though_one_dies_for_good(
    durable: SupabaseLite, tmp_path: Path, every: int
) -> None:
    durable.sql("truncate generated_images cascade")
    chosen, jobs = settings(durable), FREE_JOBS if every == 1 else FEWER_JOBS
    pages = ServerProcess(tmp_path / "pages" / "data", **chosen, SCHEDULER="off")
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    hands = [worker(folder, chosen) for folder in folders]
    try:
        pages.wait_until_healthy()
        wait_until(lambda: all(_has_begun(folder) for folder in folders))
        for number in range(jobs):
            _post(pages, number, style="lithophane", faceLimit="2000")
        look = threading.Event()
        while not (at_work := [number for number, folder in enumerate(folders) if _works_on_one(folder)]):
            if not look.wait(0.02) and all(state == "done completed" for state in states(durable)):
                assert jobs < MOST_JOBS, "no worker is ever seen at work"
                _post(pages, jobs, style="lithophane", faceLimit="2000")
                jobs += 1
        hands[at_work[0]].kill()
        hands[at_work[0]].wait()
        wait_until(lambda: all(state == "done completed" for state in states(durable)), 400)
        served = [httpx.get(pages.status(int(job))["3d_url"]).content[:4] for job in _numbers(durable)]
    finally:
        for hand in hands:
            hand.kill()
            hand.wait()
        pages.stop(signal.SIGKILL)

    assert served == [b"glTF"] * jobs
    longest_s = float(durable.sql("select extract(epoch from max(finished_at - started_at)) from generated_images"))
    assert longest_s < LEASE_S + 2 * MOST_WORK_S  # of the one that died, and of the one that made it again
    assert durable.sql("select max(attempt) from generated_images").strip() in (
        "1",
        "2",
    )  # 2: it died before it had a number


def _numbers(project: SupabaseLite) -> list[str]:
    return project.sql("select id from generated_images order by id").splitlines()


def _has_begun(folder: Path) -> bool:
    """Whether a worker has its built-in engine ready."""
    return (folder / "w" / "offline" / "tasks").is_dir()


def _works_on_one(folder: Path) -> bool:
    """Whether a process has a task whose model is not made yet."""
    tasks = (folder / "w" / "offline" / "tasks").glob("*/request.json")
    return any(not (task.parent / "model.glb").exists() for task in tasks)
