"""The product as a process: it starts, works with no browser, ends in time, and survives being killed."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
import trimesh

from tests import pictures
from tests.fake_tripo.fbx import sample_fbx
from tests.fake_tripo.server import FakeTripo, running, sample_model
from tests.serving import ROOT, ServerProcess, serving

pytestmark = pytest.mark.slow


def test_a_picture_becomes_a_model_with_no_browser_open(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        status = server.wait_for_end(server.post(pictures.portrait(), "Astronaut"))

        assert status["status"] == "completed"
        model = httpx.get(status["3d_url"]).content
        mesh = trimesh.load(io.BytesIO(model), file_type="glb", force="mesh")
        assert 10_000 < len(mesh.faces) <= 50_000
        assert httpx.get(status["image_url"]).headers["content-type"] == "image/jpeg"


def test_the_same_by_curl_as_the_readme_shows_it(tmp_path: Path) -> None:
    picture = tmp_path / "cup.png"
    picture.write_bytes(pictures.product_on_white())
    with serving(tmp_path / "data") as server:
        command = ["curl", "-sS", "-F", f"image=@{picture}", "-F", "targetObject=Blue cup"]
        done = subprocess.run(
            [*command, f"{server.address}/api/generate-3d"], capture_output=True, text=True, check=True
        )
        assert '"success":true' in done.stdout

        assert server.wait_for_end(1)["status"] == "completed"
        out = tmp_path / "model.glb"
        subprocess.run(["curl", "-sS", "-o", out, f"{server.address}/api/jobs/1/model.glb"], check=True)
        assert out.read_bytes()[:4] == b"glTF"


def test_the_pages_api_docs_and_viewer_files_are_served_by_the_same_process(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        for path, words in {
            "/": "<title>",
            "/api/docs": "/assets/swagger-ui/",
            "/assets/swagger-ui/swagger-ui-bundle.js": "SwaggerUIBundle",
            "/assets/viewer/model-viewer.min.js": "model-viewer",
            "/assets/decoders/draco/draco_wasm_wrapper.js": "Draco",
        }.items():
            answer = httpx.get(f"{server.address}{path}")
            assert (answer.status_code, words in answer.text) == (200, True), path


def test_a_term_signal_ends_the_process_and_its_children_within_five_seconds_while_it_works(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        for _ in range(3):
            server.post(pictures.portrait(), "Astronaut")
        family = psutil.Process(server.process.pid).children(recursive=True)

        assert server.stop(signal.SIGTERM) < 5
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []


def test_a_term_signal_ends_it_in_time_even_when_tripo_does_not_answer(tmp_path: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with silent, serving(tmp_path / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server:
        server.post(pictures.cat(), "Cat")
        connection, _ = silent.accept()
        with connection:
            assert server.stop(signal.SIGTERM) < 5


def test_jobs_that_ran_when_the_process_was_killed_finish_by_themselves_after_a_start(tmp_path: Path) -> None:
    first = ServerProcess(tmp_path / "data", LEASE_S=5)
    try:
        first.wait_until_healthy()
        numbers = [first.post(picture(), "Object") for picture in (pictures.portrait, pictures.cat, pictures.line_art)]
    finally:
        first.stop(signal.SIGKILL)

    with serving(tmp_path / "data", LEASE_S=5) as second:
        ends = [second.wait_for_end(number) for number in numbers]
    assert [end["status"] for end in ends] == ["completed"] * 3


def test_with_a_key_tripo_makes_the_model_once(tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.0)
    with (
        running(fake) as address,
        serving(tmp_path / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server,
    ):
        assert httpx.get(f"{server.address}/api/health").json()["generator"] == "Tripo"
        status = server.wait_for_end(server.post(pictures.cat(), "Cat"))
        assert status["status"] == "completed"
        assert httpx.get(status["3d_url"]).content == sample_model()
        log = server.log.read_text()

    assert list(fake.ledger.tasks) == [status["task_id"]]
    assert fake.ledger.billed == 30
    assert "tsk_test" not in log
    assert "/signed/" not in log


def test_an_fbx_is_ordered_once_survives_a_lost_answer_and_is_charged_once(tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.0)
    with (
        running(fake) as address,
        serving(tmp_path / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server,
    ):
        model = server.post(pictures.cat(), "Cat")
        assert server.wait_for_end(model)["status"] == "completed"
        fake.plan.arm("create", "drop after")
        orders = [httpx.post(f"{server.address}/api/jobs/{model}/conversions", json={}).json() for _ in range(2)]
        status = server.wait_for_end(orders[0]["record_id"], patience_s=120)
        again = httpx.post(f"{server.address}/api/jobs/{model}/conversions", json={})
        assert httpx.get(status["3d_url"]).content == sample_fbx()

    assert status["status"] == "completed"
    assert {orders[0]["record_id"], orders[1]["record_id"], again.json()["record_id"]} == {model + 1}
    assert again.status_code == 200
    assert [task.type for task in fake.ledger.tasks.values()] == ["image_to_model", "convert_model"]
    assert fake.ledger.billed == 30 + 5


def test_a_lost_answer_is_settled_by_itself_and_costs_once(tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.0)
    fake.plan.arm("create", "drop after")
    fake.plan.arm("usage", "html")
    with (
        running(fake) as address,
        serving(tmp_path / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server,
    ):
        status = server.wait_for_end(server.post(pictures.cat(), "Cat"), patience_s=120)

    assert status["status"] == "completed"
    assert list(fake.ledger.tasks) == [status["task_id"]]
    assert fake.ledger.billed == 30


def test_sixty_jobs_on_two_servers_never_have_more_than_ten_tasks_open_at_tripo(tmp_path: Path) -> None:
    fake = FakeTripo(task_s=1.5)
    fake.ledger.limits["standard"], fake.ledger.credits = 1000, fake.ledger.credits * 10
    settings = {"TRIPO_API_KEY": "tsk_test", "DATA_DIR": tmp_path / "data"}
    with running(fake) as address:
        servers = [ServerProcess(tmp_path / "data", TRIPO_BASE_URL=address, **settings) for _ in range(2)]
        try:
            for server in servers:
                server.wait_until_healthy()
            numbers = [servers[number % 2].post(pictures.cat(), f"Cat {number}") for number in range(60)]
            ends = [servers[0].wait_for_end(number, patience_s=120) for number in numbers]
        finally:
            for server in servers:
                server.stop()

    assert [end["status"] for end in ends] == ["completed"] * 60
    tasks = fake.ledger.tasks.values()
    most = max(sum(other.created_s <= task.created_s < other.ends_s for other in tasks) for task in tasks)
    assert len(tasks) == 60
    assert 8 <= most <= 10


def test_a_wrong_setting_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", MAX_IMAGE_MB="many")
    server.process.wait(30)

    said = server.log.read_text()
    assert server.process.returncode != 0
    assert "The setting MAX_IMAGE_MB has a value that is not allowed" in said
    assert "Traceback" not in said


def test_only_the_loopback_interface_is_bound(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        bound = [
            each.laddr.ip for each in psutil.Process(server.process.pid).net_connections() if each.status == "LISTEN"
        ]

    assert bound == ["127.0.0.1"]


def test_the_vendor_command_does_nothing_when_everything_is_there() -> None:
    done = subprocess.run([sys.executable, "-m", "core.vendor", "all"], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")
