"""The fake behaves as the recorded server: the rows of the reference's tables, over its transport."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.generators.comfyui.files import load_workflow
from core.generators.comfyui.order import ComfyOrder
from tests.clocks import FakeClock
from tests.fake_comfyui.faults import AT_RANDOM, DONE_ALL_THE_SAME, KINDS, ROUTES, Plan
from tests.fake_comfyui.service import Service
from tests.fake_tripo.transport import FakeTransport

PNG = b"\x89PNG picture"
ONE, TWO = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fake(clock: FakeClock) -> Service:
    made = Service(clock_s=clock.boot_s)
    made.machine.disk.write(("input", "", "cup.png"), PNG)
    return made


@pytest.fixture
def http(fake: Service, clock: FakeClock) -> Iterator[httpx.Client]:
    transport = FakeTransport(fake, wait=lambda seconds: None)  # type: ignore[arg-type]
    with httpx.Client(base_url="http://127.0.0.1:8188", transport=transport) as client:
        yield client


def graph(id_: str = ONE, *, seed: int = 1, image: str = "cup.png") -> dict[str, Any]:
    return load_workflow("hunyuan3d-2.1").filled(ComfyOrder(attempt_id=id_, tokens={"image": image}, seed=seed))


def post(http: httpx.Client, id_: str | None = ONE, **more: Any) -> httpx.Response:
    return http.post("/api/prompt", json={"prompt": graph(id_ or ONE), "prompt_id": id_} | more)


def job(http: httpx.Client, id_: str = ONE) -> dict[str, Any]:
    return dict(http.get(f"/api/jobs/{id_}").json())


@pytest.mark.parametrize(
    ("fields", "name", "status", "stored"),
    [
        ({}, "new.png", 200, "new.png"),
        ({}, "cup.png", 200, "cup (1).png"),
        ({"overwrite": "True"}, "cup.png", 200, "cup (1).png"),
        ({"overwrite": "true"}, "cup.png", 200, "cup.png"),
        ({"subfolder": "mq/a"}, "cup.png", 200, "cup.png"),
        ({"subfolder": "../a"}, "cup.png", 400, None),
        ({"subfolder": "/a"}, "cup.png", 400, None),
        ({}, "../cup.png", 400, None),
        ({}, "aa/cup.png", 500, None),
        ({"type": "bogus"}, "cup.png", 500, None),
        ({}, "täßchen.png", 200, "täßchen.png"),
    ],
)
def test_uploads(http: httpx.Client, fields: dict[str, str], name: str, status: int, stored: str | None) -> None:
    answer = http.post("/api/upload/image", data=fields, files={"image": (name, b"other bytes")})

    assert answer.status_code == status
    if stored is not None:
        assert answer.json() == {"name": stored, "subfolder": fields.get("subfolder", ""), "type": "input"}
    again = http.post("/api/upload/image", data=fields, files={"image": (name, b"other bytes")})
    assert again.content == answer.content  # the copies' bytes are compared too


def test_uploads_without_a_picture(http: httpx.Client) -> None:
    assert http.post("/api/upload/image", content=b"x").status_code == 400
    assert http.post("/api/upload/image", files={"other": ("a.png", b"x")}).status_code == 400


@pytest.mark.parametrize("id_", ["A" * 32, ONE.upper().replace("0", "A"), "", "job-1", 7])
def test_an_id_is_a_canonical_uuid_since_0_25_and_anything_before(http: httpx.Client, fake: Service, id_: Any) -> None:
    assert post(http, id_).json()["error"]["type"] == "invalid_prompt_id"

    fake.version = "0.24.0"
    assert post(http, id_).json()["prompt_id"] == id_


def test_without_an_id_the_server_makes_one(http: httpx.Client, fake: Service) -> None:
    assert uuid.UUID(post(http, None).json()["prompt_id"])

    fake.version = "0.24.0"
    assert post(http, None).json()["prompt_id"] == "None"


@pytest.mark.parametrize("body", [b"{", b'{"prompt": null}', b'{"prompt": []}', b'{"prompt": {}, "extra_data": null}'])
def test_what_is_no_graph_is_a_500(http: httpx.Client, body: bytes) -> None:
    assert http.post("/api/prompt", content=body).status_code == 500


@pytest.mark.parametrize(
    ("node", "name", "value", "type_"),
    [
        ("sample", "seed", None, "required_input_missing"),
        ("sample", "seed", -1, "value_smaller_than_min"),
        ("sample", "seed", 2**64, "value_bigger_than_max"),
        ("sample", "seed", "x", "invalid_input_type"),
        ("sample", "sampler_name", "magic", "value_not_in_list"),
        ("sample", "model", ["latent", 0], "return_type_mismatch"),
        ("sample", "model", ["gone", 0], "exception_during_validation"),
        ("image", "image", "nope.png", "custom_validation_failed"),
    ],
)
def test_a_graph_is_checked_before_it_is_queued(
    http: httpx.Client, fake: Service, node: str, name: str, value: Any, type_: str
) -> None:
    changed = graph()
    changed[node]["inputs"][name] = value
    if value is None:
        del changed[node]["inputs"][name]
    answer = http.post("/api/prompt", json={"prompt": changed, "prompt_id": ONE})

    told = answer.json()["node_errors"][node]
    assert (answer.status_code, told["errors"][0]["type"], told["dependent_outputs"]) == (400, type_, ["save"])
    assert fake.machine.posts == []


def test_unknown_inputs_are_ignored_and_a_link_to_another_output_counts_by_its_type(http: httpx.Client) -> None:
    changed = graph()
    changed["sample"]["inputs"] |= {"more": 1, "seed": "7"}

    assert http.post("/api/prompt", json={"prompt": changed}).status_code == 200
    changed["gone"] = {"class_type": "Nothing", "inputs": {}}
    assert http.post("/api/prompt", json={"prompt": changed}).json()["error"]["type"] == "missing_node_type"
    del changed["gone"], changed["save"]
    assert http.post("/api/prompt", json={"prompt": changed}).json()["error"]["type"] == "prompt_no_outputs"


def test_the_same_id_runs_twice_and_the_later_end_takes_the_place_of_the_earlier(
    http: httpx.Client, fake: Service, clock: FakeClock
) -> None:
    answers = [post(http), post(http)]
    rows = http.get("/api/jobs").json()["jobs"]
    clock.advance(5)
    both = [job(http)["status"]]
    clock.advance(60)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [row["id"] for row in rows] == [ONE, ONE]
    assert both == ["completed"] or len(fake.machine.runs) == 2
    assert [run.id for run in fake.machine.runs] == [ONE, ONE]
    assert fake.machine.runs[1].executed == []  # all cached, and the same file
    assert fake.machine.runs[0].outputs == fake.machine.runs[1].outputs
    assert len(fake.machine.history) == 1


def test_history_is_looked_at_before_the_queue(http: httpx.Client, fake: Service, clock: FakeClock) -> None:
    post(http)
    clock.advance(60)
    other = graph(TWO, seed=9)
    http.post("/api/prompt", json={"prompt": other, "prompt_id": TWO})
    clock.advance(60)
    post(http)
    clock.advance(1)
    told = job(http)["status"]
    http.post(f"/api/jobs/{ONE}/cancel")
    clock.advance(60)

    assert told == "completed"
    assert job(http)["status"] == "cancelled"  # it wiped the good first result


def test_a_job_cancelled_while_it_waits_vanishes(http: httpx.Client) -> None:
    post(http)
    post(http, TWO)
    cancelled = http.post(f"/api/jobs/{TWO}/cancel").json()

    assert cancelled == {"cancelled": True}
    assert http.get(f"/api/jobs/{TWO}").json() == {"error": "Job not found"}
    assert http.post(f"/api/jobs/{TWO}/cancel").json() == {"cancelled": False}
    assert http.get(f"/api/history/{TWO}").json() == {}


def test_a_running_job_stops_at_its_next_step_and_a_quiet_node_comes_to_its_end(
    http: httpx.Client, fake: Service, clock: FakeClock
) -> None:
    post(http)
    clock.advance(1)
    assert http.post(f"/api/jobs/{ONE}/cancel").json() == {"cancelled": True}
    assert job(http)["status"] == "in_progress"
    clock.advance(0.2)
    assert job(http)["status"] == "cancelled"

    fake.machine.slow["SaveGLB"] = 9.0
    http.post("/api/prompt", json={"prompt": graph(TWO, seed=3), "prompt_id": TWO})
    clock.advance(8)
    assert job(http, TWO)["status"] == "in_progress"
    assert http.post(f"/api/jobs/{TWO}/cancel").json() == {"cancelled": True}
    clock.advance(9)
    assert job(http, TWO)["status"] == "completed"


def test_after_a_restart_every_id_is_unknown_and_files_stay(
    http: httpx.Client, fake: Service, clock: FakeClock
) -> None:
    post(http)
    clock.advance(60)
    fake.machine.disk.write(("temp", "", "x.glb"), b"")
    fake.machine.restart()
    file = {"filename": "model_00001_.glb", "subfolder": f"maquette/{ONE}"}

    assert http.get(f"/api/jobs/{ONE}").json() == {"error": "Job not found"}
    assert http.get("/api/view", params=file).content.startswith(b"glTF")
    assert http.get("/api/view", params={"filename": "x.glb", "type": "temp"}).status_code == 404
    assert post(http, TWO).json()["number"] == 0


def test_a_number_that_is_taken_is_a_500_that_queued(http: httpx.Client, fake: Service) -> None:
    post(http, str(uuid.UUID(int=9)))
    answers = [post(http, number=7), post(http, TWO, number=7)]

    assert [answer.status_code for answer in answers] == [200, 500]
    assert {item.id for item in fake.machine.queue} == {ONE, TWO}


def test_one_job_runs_and_the_others_follow_by_number(http: httpx.Client, fake: Service, clock: FakeClock) -> None:
    for number in (5, 3, 4):
        post(http, str(uuid.UUID(int=number)), number=number)
    queue = http.get("/api/queue").json()
    clock.advance(100)

    assert len(queue["queue_running"]) == 1
    assert [run.id for run in fake.machine.runs] == [str(uuid.UUID(int=number)) for number in (5, 3, 4)]
    assert http.get("/api/prompt").json() == {"exec_info": {"queue_remaining": 0}}


def test_two_kinds_of_404_and_a_405(http: httpx.Client, fake: Service) -> None:
    unknown, bare = http.get(f"/api/jobs/{ONE}"), http.get(f"/jobs/{ONE}")

    assert (unknown.status_code, unknown.json()) == (404, {"error": "Job not found"})
    assert (bare.status_code, bare.content) == (404, b"")
    assert http.post("/api/nothing").status_code == 405
    fake.version = "0.25.9"
    assert http.post(f"/api/jobs/{ONE}/cancel").status_code == 405
    fake.version = "0.5.0"
    assert http.get(f"/api/jobs/{ONE}").content == b""
    assert http.get("/api/jobs", params={"status": "odd"}).status_code == 404


def test_lists_are_filtered_and_name_errors_but_no_outputs(http: httpx.Client, fake: Service, clock: FakeClock) -> None:
    extra = {"extra_pnginfo": {"workflow": {"id": "ours"}}}
    fake.machine.breaks["SaveGLB"] = ("RuntimeError", "no")
    post(http, extra_data=extra)
    clock.advance(60)
    post(http, TWO)
    rows = http.get("/api/jobs").json()

    assert [row["id"] for row in rows["jobs"]] == [TWO, ONE]
    assert rows["jobs"][1]["execution_error"]["traceback"]
    assert "outputs" not in rows["jobs"][1]
    assert [row["id"] for row in http.get("/api/jobs", params={"workflow_id": "ours"}).json()["jobs"]] == [ONE]
    waiting = http.get("/api/jobs", params={"status": "pending,in_progress", "limit": "1"}).json()
    assert [row["id"] for row in waiting["jobs"]] == [TWO]
    assert http.get("/api/jobs", params={"status": "odd"}).status_code == 400


def test_numbers_of_files_are_used_again_once_files_are_gone(
    http: httpx.Client, fake: Service, clock: FakeClock
) -> None:
    post(http)
    clock.advance(60)
    folder = f"maquette/{ONE}"
    fake.machine._cache.clear()
    post(http)
    clock.advance(60)
    names = [name for kind, subfolder, name in fake.machine.disk.files if subfolder == folder]
    fake.machine.disk.files.clear()

    assert names == ["model_00001_.glb", "model_00002_.glb"]
    assert fake.machine.disk.next_name(f"{folder}/model", "{}_{:05}_.glb") == (folder, "model_00001_.glb")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"filename": "a.glb"}, 200),
        ({"filename": "sub/a.glb"}, 200),  # it drops the folder part …
        ({"filename": "sub/b.glb"}, 404),  # … so this is not there
        ({"filename": "b.glb", "subfolder": "sub"}, 200),
        ({"filename": ""}, 400),
        ({"filename": "../a.glb"}, 400),
        ({"filename": "/a.glb"}, 400),
        ({"filename": "a.glb", "type": "odd"}, 400),
        ({"filename": "a.glb", "subfolder": "../.."}, 403),
        ({}, 404),
    ],
)
def test_views(http: httpx.Client, fake: Service, query: dict[str, str], status: int) -> None:
    fake.machine.disk.write(("output", "", "a.glb"), b"0123456789")
    fake.machine.disk.write(("output", "sub", "b.glb"), b"0123456789")

    assert http.get("/api/view", params=query).status_code == status


def test_parts_of_files(http: httpx.Client, fake: Service) -> None:
    fake.machine.disk.write(("output", "", "a.glb"), b"0123456789")
    part = http.get("/api/view", params={"filename": "a.glb"}, headers={"Range": "bytes=2-4"})

    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    late = http.get("/api/view", params={"filename": "a.glb"}, headers={"Range": "bytes=10-"})
    assert late.status_code == 416


def test_foreign_pages_large_bodies_and_proxies(http: httpx.Client, fake: Service) -> None:
    assert http.get("/api/system_stats", headers={"Origin": "http://localhost:8188"}).status_code == 403
    assert http.get("/api/system_stats", headers={"Origin": "http://127.0.0.1:8188"}).status_code == 200
    assert http.get("/api/system_stats", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    fake.max_upload_bytes = 10
    large = http.post("/api/upload/image", content=b"x" * 11)
    assert (large.status_code, large.text) == (413, "Maximum request body size 10 exceeded.")
    fake.token = ("X-Token", "secret")
    assert http.get("/api/system_stats").status_code == 401


def test_what_other_people_at_that_server_may_do(http: httpx.Client, fake: Service, clock: FakeClock) -> None:
    post(http)
    for id_ in (TWO, str(uuid.UUID(int=3))):
        post(http, id_)
    http.post("/api/queue", json={"delete": [TWO]})
    assert [item.id for item in fake.machine.queue] == [str(uuid.UUID(int=3))]
    http.post("/api/queue", json={"clear": True})
    http.post("/api/interrupt", json={"prompt_id": TWO})
    assert fake.machine.running is not None
    assert not fake.machine.running.is_interrupted
    http.post("/api/interrupt", json={})
    clock.advance(60)
    assert job(http)["status"] == "cancelled"
    http.post("/api/history", json={"clear": True})
    assert http.get(f"/api/history/{ONE}").json() == {}


@pytest.mark.parametrize("kind", sorted(KINDS - {"cut", "not a model"}))
def test_a_job_that_meets_a_fault_is_queued_or_not_as_its_name_says(
    http: httpx.Client, fake: Service, clock: FakeClock, kind: str
) -> None:
    more: dict[str, Any] = {"seconds": 90.0} if kind.startswith("hang") else {"seconds": 3.0} if kind == "late" else {}
    fake.plan.arm("prompt", kind, **more)
    try:
        answer = post(http)
    except httpx.TransportError:
        answer = None

    assert fake.machine.posts == ([ONE] if kind in DONE_ALL_THE_SAME else [])
    assert (answer is None) == (kind.startswith(("drop", "hang")) or kind == "late")
    if answer is not None and kind == "other id":
        assert answer.json()["prompt_id"] != ONE
    clock.advance(4)
    assert job(http).get("id") == (ONE if kind in DONE_ALL_THE_SAME | {"late"} else None)


def test_half_a_file_is_left_by_a_server_that_was_killed(http: httpx.Client, fake: Service, clock: FakeClock) -> None:
    post(http)
    clock.advance(1)
    fake.machine.restart(half=True)
    data = fake.machine.disk.files["output", f"maquette/{ONE}", "model_00001_.glb"]

    assert int.from_bytes(data[8:12], "little") > len(data)


def test_a_random_plan_comes_from_its_seed_alone() -> None:
    def drawn(seed: int) -> list[str]:
        plan = Plan()
        plan.at_random(random.Random(seed), 0.3)
        return [fault.kind if (fault := plan.take("prompt")) else "" for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(drawn(1))) > 8


def test_every_kind_of_fault_can_happen_at_random_somewhere_and_unknown_ones_are_refused() -> None:
    assert set(AT_RANDOM) == ROUTES
    assert {fault.kind for faults in AT_RANDOM.values() for fault in faults} == KINDS
    for wrong in (("prompt", "magic"), ("nowhere", "html")):
        with pytest.raises(ValueError, match="no such"):
            Plan().arm(*wrong)


def test_what_it_says_of_itself(http: httpx.Client) -> None:
    assert http.get("/api/system_stats").json()["system"]["comfyui_version"] == "0.33.0"
    assert http.get("/api/object_info/Nothing").json() == {}
    told = http.get("/api/object_info/SaveGLB").json()["SaveGLB"]
    assert told["output_node"] is True
    assert json.dumps(told["input"]["required"]["filename_prefix"]) == '["STRING", {}]'


def test_a_job_that_was_stopped_or_failed_may_have_outputs_all_the_same(
    http: httpx.Client, fake: Service, clock: FakeClock
) -> None:
    changed = {"look": {"class_type": "PreviewImage", "inputs": {"images": ["image", 0]}}} | graph()
    http.post("/api/prompt", json={"prompt": changed, "prompt_id": ONE})
    clock.advance(1)
    http.post(f"/api/jobs/{ONE}/cancel")
    clock.advance(60)
    assert (job(http)["status"], list(job(http)["outputs"])) == ("cancelled", ["look"])

    fake.machine.breaks["SaveGLB"] = ("RuntimeError", "no")
    http.post("/api/prompt", json={"prompt": changed, "prompt_id": TWO})
    clock.advance(60)
    assert (job(http, TWO)["status"], list(job(http, TWO)["outputs"])) == ("failed", ["look"])
