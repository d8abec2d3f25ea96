"""The generator against the fake: what each answer and each broken connection means, and how each job ends."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    InputRefused,
    LookupFailed,
    ModelInvalid,
    ModelTooLarge,
    ModelUnavailable,
    NotCreated,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
)
from core.domain.generation import TaskPhase, TaskState
from core.domain.request import Conversion
from core.generators.comfyui import client
from core.generators.comfyui.client import OURS
from core.generators.comfyui.files import TEMPLATES
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.workflow import Workflow, parse
from core.mesh.glb import read_facts
from tests import builders
from tests.builders import stored_image
from tests.generators.comfyui.conftest import PICTURE, URL, Lab, create, request, state, upload


def document(data: bytes) -> dict[str, Any]:
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size])


def test_a_picture_goes_up_becomes_a_job_and_comes_down_as_a_model(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    waiting = state(comfy, task_id)
    lab.clock.advance(60)
    done = state(comfy, task_id)
    assert waiting is not None
    assert done is not None
    model = comfy.fetch_model(done).data

    assert waiting.phase in (TaskPhase.WAITING, TaskPhase.WORKING)
    assert (done.phase, done.progress) == (TaskPhase.SUCCEEDED, 100)
    assert read_facts(model).face_count == 12
    assert lab.files() == [(f"maquette/{task_id}", "model_00001_.glb")]
    assert [run.status for run in lab.machine.runs] == ["completed"]
    graph = lab.machine.runs[0].item.graph
    assert graph["sample"]["inputs"]["seed"] == 77
    assert graph["save"]["inputs"]["filename_prefix"] == f"maquette/{task_id}/model"


def test_it_costs_nothing_and_tells_nothing_of_its_address(comfy: ComfyGenerator) -> None:
    told = comfy.declaration
    assert (told.name, told.label, told.is_paid) == ("comfyui", "ComfyUI: Hunyuan3D 2.1", False)
    assert comfy.estimate(builders.asked()) == 0
    assert URL not in comfy.account
    with pytest.raises(InputRefused):
        comfy.declaration.check(builders.asked(conversion=Conversion(task_id="t")))


@pytest.mark.parametrize(
    ("kind", "more", "error", "is_queued"),
    [
        ("drop before", {}, OutcomeUnknown, False),
        ("drop after", {}, OutcomeUnknown, True),
        ("hang before", {"seconds": 90.0}, OutcomeUnknown, False),
        ("hang after", {"seconds": 90.0}, OutcomeUnknown, True),
        ("html", {}, OutcomeUnknown, False),
        ("html", {"status": 401}, OutcomeUnknown, False),
        ("html", {"status": 400}, OutcomeUnknown, False),
        ("html", {"status": 413}, AccountBlocked, False),
        ("html", {"status": 405}, AccountBlocked, False),
        ("html after", {"status": 504}, OutcomeUnknown, True),
        ("error", {}, OutcomeUnknown, False),
        ("error after", {}, OutcomeUnknown, True),
        ("other id", {}, OutcomeUnknown, True),
        ("truncated", {}, OutcomeUnknown, True),
        ("empty 404", {}, OutcomeUnknown, False),
    ],
)
def test_each_fault_of_the_create_call_is_told_for_what_it_is_after_one_request(
    lab: Lab, comfy: ComfyGenerator, kind: str, more: dict[str, Any], error: type[Exception], is_queued: bool
) -> None:
    lab.plan.arm("prompt", kind, **more)
    with pytest.raises(error) as raised:
        create(comfy)

    assert lab.paths().count("/api/prompt") == 1
    assert len(lab.machine.posts) == is_queued
    if is_queued:
        assert not isinstance(raised.value, NotCreated)
        lab.clock.advance(60)
        task = state(comfy, request().attempt_id)
        assert task is not None
        assert task.phase is TaskPhase.SUCCEEDED  # a lost answer is settled by the name that we gave


def test_a_window_that_has_closed_keeps_the_request_back(lab: Lab, comfy: ComfyGenerator) -> None:
    def closed() -> None:
        raise NotSent("too late")

    with pytest.raises(NotSent):
        comfy.create(request(upload(comfy)), check_send_window=closed)

    assert lab.machine.posts == []


def test_a_server_that_is_not_there_got_nothing(lab: Lab) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    comfy = lab.generator(transport=httpx.MockTransport(refuse))
    with pytest.raises(NotSent):
        comfy.create(request("maquette/x.png"), check_send_window=lambda: None)
    for ask in (lambda: comfy.look_up(["x"]), lambda: upload(comfy), comfy.check_account, lambda: comfy.stop_task("x")):
        with pytest.raises(LookupFailed):
            ask()


# The twelve things that bite


def test_1_the_same_id_twice_is_never_sent_while_comfyui_knows_it(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    for _ in range(3):  # while it waits, while it runs, when it is done
        comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)
        lab.clock.advance(2)
    lab.clock.advance(60)
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)

    assert lab.machine.posts == [task_id]
    assert len(lab.machine.runs) == 1


def test_1_two_runs_of_one_id_end_as_one_model(lab: Lab, comfy: ComfyGenerator) -> None:
    """A send that was late all the same: the fake runs it twice, as ComfyUI does."""
    lab.plan.arm("prompt", "late", seconds=3.0)
    with pytest.raises(OutcomeUnknown):
        create(comfy)
    task_id = request().attempt_id
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)
    lab.clock.advance(100)
    done = state(comfy, task_id)

    assert [run.id for run in lab.machine.runs] == [task_id, task_id]
    assert done is not None
    assert done.phase is TaskPhase.SUCCEEDED
    assert comfy.fetch_model(done).data


def test_1_a_second_run_that_fails_does_not_take_the_first_ones_model(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)
    lab.machine.breaks["KSampler"] = ("RuntimeError", "no")
    first = lab.machine.runs[0].item
    changed = {key: dict(node) for key, node in first.graph.items()}
    changed["sample"] = changed["sample"] | {"inputs": changed["sample"]["inputs"] | {"seed": 5}}
    lab.machine.put(task_id, changed, first.extra, first.outputs)
    lab.clock.advance(60)
    done = state(comfy, task_id)

    assert lab.machine.history[task_id].status == "failed"
    assert done is not None
    assert done.phase is TaskPhase.SUCCEEDED


def test_2_a_job_cancelled_while_it_waits_is_remembered_for_it_leaves_no_trace(lab: Lab, comfy: ComfyGenerator) -> None:
    create(comfy, nonce=1)
    task_id = create(comfy)
    comfy.stop_task(task_id)
    stopped = state(comfy, task_id)

    assert comfy._client.job(task_id) is None
    assert stopped is not None
    assert (stopped.phase, stopped.error_code) == (TaskPhase.FAILED, "comfyui_cancelled")
    assert "cost nothing" in str(stopped.error_message)


def test_3_after_a_restart_a_job_without_its_file_is_unknown_and_can_be_begun_again(
    lab: Lab, comfy: ComfyGenerator
) -> None:
    task_id = create(comfy)
    lab.clock.advance(1)
    lab.machine.restart()
    missed = comfy.look_up([task_id]).missed
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)
    lab.clock.advance(60)
    done = state(comfy, task_id)

    assert missed == {task_id}
    assert done is not None
    assert done.phase is TaskPhase.SUCCEEDED
    assert [run.status for run in lab.machine.runs] == ["lost", "completed"]


def test_3_after_a_restart_the_file_tells_that_the_work_was_done(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)
    lab.machine.restart()
    done = state(comfy, task_id)
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)

    assert done is not None
    assert done.phase is TaskPhase.SUCCEEDED
    assert comfy.fetch_model(done).data.startswith(b"glTF")
    assert len(lab.machine.posts) == 1


def test_3_half_a_file_is_no_model_and_the_next_run_makes_a_whole_one_beside_it(
    lab: Lab, comfy: ComfyGenerator
) -> None:
    task_id = create(comfy)
    lab.clock.advance(1)
    lab.machine.restart(half=True)
    missed = comfy.look_up([task_id]).missed
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)
    lab.clock.advance(60)
    lab.machine.restart()  # so that only the files can tell
    done = state(comfy, task_id)

    assert missed == {task_id}
    assert done is not None
    assert done.model_url == f"maquette/{task_id}/model_00002_.glb"
    assert comfy.fetch_model(done).data


def test_4_only_the_answer_with_an_error_in_it_says_that_a_job_is_unknown(lab: Lab, comfy: ComfyGenerator) -> None:
    unknown = str(uuid.uuid4())
    assert comfy.look_up([unknown]).missed == {unknown}

    for route in ("job", "jobs"):
        lab.plan.arm(route, "empty 404")
        with pytest.raises(AccountBlocked, match="something else"):
            comfy.look_up([unknown])


@pytest.mark.parametrize("kind", ["html", "error", "truncated", "drop before", "hang before"])
def test_4_an_answer_that_cannot_be_read_proves_nothing(lab: Lab, comfy: ComfyGenerator, kind: str) -> None:
    task_id = create(comfy)
    for route in ("job", "jobs"):
        lab.plan.arm(route, kind, **({"seconds": 90.0} if kind.startswith("hang") else {}))
        with pytest.raises(LookupFailed):
            comfy.look_up([str(uuid.uuid4())])
    lab.plan.arm("job", kind, **({"seconds": 90.0} if kind.startswith("hang") else {}))
    with pytest.raises(LookupFailed):
        comfy.begin_again(str(uuid.uuid4()), request("maquette/x.png"), check_send_window=lambda: None)

    assert lab.machine.posts == [task_id]


def test_5_a_cancel_that_came_too_late_ends_as_comfyui_ended_it(lab: Lab, comfy: ComfyGenerator) -> None:
    lab.machine.slow["SaveGLB"] = 5.0
    task_id = create(comfy)
    while lab.machine.running is None or "mesh" not in lab.machine.running.executed:
        lab.clock.advance(0.02)
    comfy.stop_task(task_id)  # while the last node writes, which cannot be stopped
    between = state(comfy, task_id)
    lab.clock.advance(60)
    after = state(comfy, task_id)

    assert between is not None
    assert between.phase is TaskPhase.WORKING
    assert after is not None
    assert after.phase is TaskPhase.SUCCEEDED


def test_5_a_running_job_is_stopped_and_the_next_one_is_not_hit(lab: Lab, comfy: ComfyGenerator) -> None:
    first, second = create(comfy, nonce=1), create(comfy, nonce=2)
    lab.clock.advance(1)
    comfy.stop_task(first)
    comfy.stop_task(str(uuid.uuid4()))  # nothing happens to what is not there
    lab.clock.advance(60)
    states = [state(comfy, each) for each in (first, second)]

    assert [each.phase for each in states if each] == [TaskPhase.FAILED, TaskPhase.SUCCEEDED]
    assert [run.status for run in lab.machine.runs] == ["cancelled", "completed"]


def test_5_a_job_that_waits_twice_is_stopped_twice(lab: Lab, comfy: ComfyGenerator) -> None:
    create(comfy, nonce=1)
    task_id = create(comfy)
    twin = next(item for item in lab.machine.queue if item.id == task_id)
    lab.machine.put(task_id, twin.graph, twin.extra, twin.outputs)
    comfy.stop_task(task_id)

    assert [item.id for item in lab.machine.queue] == []


def test_6_a_failed_job_whose_model_was_saved_before_has_a_model(lab: Lab) -> None:
    workflow = with_nodes({"see2": ("PreviewImage", {"images": ["image", 0]}, "")})
    comfy = lab.generator(workflow)
    lab.machine.breaks["PreviewImage"] = ("RuntimeError", "late")
    task_id = create(comfy)
    lab.clock.advance(60)
    done = state(comfy, task_id)

    assert lab.machine.history[task_id].status == "failed"
    assert done is not None
    assert done.phase is TaskPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda lab: lab.machine.raw.update(SaveGLB={"images": [{"filename": "a.png"}]}), "comfyui_no_model"),
        (lambda lab: lab.machine.raw.update(SaveGLB={"3d": [None, [], {"filename": 7}]}), "comfyui_no_model"),
        (lambda lab: None, "comfyui_file_lost"),
    ],
)
def test_6_a_completed_job_without_its_file_ends_with_a_sentence(
    lab: Lab, comfy: ComfyGenerator, spoil: Callable[[Lab], None], code: str
) -> None:
    spoil(lab)
    task_id = create(comfy)
    lab.clock.advance(60)
    lab.machine.disk.files = {key: data for key, data in lab.machine.disk.files.items() if key[0] != "output"}
    failed = state(comfy, task_id)

    assert lab.machine.history[task_id].status == "completed"
    assert failed is not None
    assert (failed.phase, failed.error_code) == (TaskPhase.FAILED, code)


def test_6_a_completed_job_with_half_a_file_ends_with_a_sentence(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)
    key = ("output", f"maquette/{task_id}", "model_00001_.glb")
    lab.machine.disk.files[key] = lab.machine.disk.files[key][:400]
    failed = state(comfy, task_id)

    assert failed is not None
    assert failed.error_code == "comfyui_cut_short"


def test_7_a_job_that_is_queued_without_its_model_is_bound_and_ends_with_a_sentence(lab: Lab) -> None:
    comfy = lab.generator(with_nodes({"see2": ("PreviewImage", {"images": ["image", 0]}, "")}))
    lab.machine.files["checkpoints"].remove("hunyuan_3d_v2.1.safetensors")
    task_id = create(comfy)
    lab.clock.advance(60)
    failed = state(comfy, task_id)

    assert lab.machine.history[task_id].status == "completed"
    assert failed is not None
    assert failed.error_code == "comfyui_no_model"


def test_8_a_number_of_our_own_is_never_sent(lab: Lab, comfy: ComfyGenerator) -> None:
    bodies = []

    def keep(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"prompt_id": bodies[-1]["prompt_id"], "number": 0, "node_errors": {}})

    lab.generator(transport=httpx.MockTransport(keep)).create(request("maquette/x.png"), check_send_window=lambda: None)

    assert bodies[0].keys() == {"prompt", "prompt_id", "client_id", "extra_data"}
    assert bodies[0]["extra_data"]["extra_pnginfo"]["workflow"]["id"] == OURS


@pytest.mark.parametrize("kind", ["Save3DAdvanced", "PackSaveGLB"])
def test_9_what_a_node_says_of_folders_counts_for_nothing(lab: Lab, kind: str) -> None:
    comfy = lab.generator(with_nodes({}, save=kind))
    task_id = create(comfy)
    lab.clock.advance(60)
    done = state(comfy, task_id)

    assert done is not None
    assert str(done.model_url).startswith(f"maquette/{task_id}/model_00001")
    assert comfy.fetch_model(done).data


def test_9_previews_beside_the_model_are_not_taken_for_it(lab: Lab) -> None:
    more = {name.lower(): (name, {"mesh": ["mesh", 0]}, "") for name in ("Preview3D", "Preview3DAdvanced")}
    comfy = lab.generator(with_nodes(more))
    task_id = create(comfy)
    lab.clock.advance(60)
    done = state(comfy, task_id)

    assert done is not None
    assert done.model_url == f"maquette/{task_id}/model_00001_.glb"


@pytest.mark.parametrize(
    "told",
    [
        {"3d": [{"filename": "../../secret.glb", "subfolder": "maquette", "type": "output"}]},
        {"3d": [{"filename": "secret.glb", "subfolder": "../../etc", "type": "output"}]},
        {"result": ["..\\..\\secret.glb", "/etc/secret.glb"]},
    ],
)
def test_9_no_path_leads_out_of_the_folder_of_the_attempt(
    lab: Lab, comfy: ComfyGenerator, told: dict[str, Any]
) -> None:
    lab.machine.raw["SaveGLB"] = told
    lab.machine.disk.write(("output", "maquette", "secret.glb"), b"somebody else's")
    task_id = create(comfy)
    lab.clock.advance(60)
    done = state(comfy, task_id)

    assert done is not None
    assert done.model_url == f"maquette/{task_id}/model_00001_.glb"  # ours, found by its name
    for asked in (f"maquette/{task_id}/../secret.glb", "maquette/secret.glb", "/etc/passwd"):
        with pytest.raises(ModelUnavailable):
            comfy.fetch_model(TaskState(task_id=task_id, phase=TaskPhase.SUCCEEDED, model_url=asked))


def test_10_the_same_picture_and_seed_give_each_job_a_file_of_its_own(lab: Lab, comfy: ComfyGenerator) -> None:
    first, second = create(comfy, job_id=1), create(comfy, job_id=2)
    lab.clock.advance(60)

    assert len(lab.machine.runs[1].cached) > 5
    assert {folder for folder, _ in lab.files()} == {f"maquette/{first}", f"maquette/{second}"}
    assert all(state(comfy, each).phase is TaskPhase.SUCCEEDED for each in (first, second))  # type: ignore[union-attr]


def test_11_a_picture_is_named_by_its_content_and_never_written_over(lab: Lab, comfy: ComfyGenerator) -> None:
    token = upload(comfy)
    assert upload(comfy) == token
    lab.machine.disk.write(("input", "maquette", token.partition("/")[2]), b"\x89PNG of somebody else")
    task_id = comfy.create(request(upload(comfy)), check_send_window=lambda: None)
    lab.clock.advance(60)
    done = state(comfy, task_id)
    assert done is not None

    assert stored_sha(PICTURE) in token
    assert stored_sha(PICTURE) in document(comfy.fetch_model(done).data)["asset"]["generator"]


def stored_sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("type_", "message", "code"),
    [
        ("torch.OutOfMemoryError", "Allocation on device", "comfyui_out_of_memory"),
        ("torch.cuda.OutOfMemoryError", "CUDA out of memory", "comfyui_out_of_memory"),
        (
            "RuntimeError",
            "shape '/srv/comfy/models/x.safetensors' tensor([[1, 2]]) bad " + "x" * 9000,
            "comfyui_failed",
        ),
        ("", "", "comfyui_failed"),
    ],
)
def test_12_a_failure_is_told_without_traces_paths_and_tensors(
    lab: Lab, comfy: ComfyGenerator, type_: str, message: str, code: str
) -> None:
    lab.machine.breaks["KSampler"] = (type_, message)
    task_id = create(comfy)
    lab.clock.advance(60)
    failed = state(comfy, task_id)

    assert failed is not None
    assert (failed.phase, failed.error_code) == (TaskPhase.FAILED, code)
    said = str(failed.error_message)
    assert "cost nothing" in said
    assert len(said) < 400
    assert not any(word in said for word in ("/srv", "tensor(", "File ", "line "))


# Each of these has a defined end


def test_a_queue_cleared_by_somebody_else_leaves_a_job_that_is_begun_again(lab: Lab, comfy: ComfyGenerator) -> None:
    create(comfy, nonce=1)
    task_id = create(comfy)
    lab.machine.queue.clear()
    missed = comfy.look_up([task_id]).missed
    comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)
    lab.clock.advance(60)

    assert missed == {task_id}
    assert state(comfy, task_id).phase is TaskPhase.SUCCEEDED  # type: ignore[union-attr]


def test_a_history_that_was_cleared_or_is_full_leaves_the_file(lab: Lab, comfy: ComfyGenerator) -> None:
    lab.service.machine.most_history = 1
    first, second = create(comfy, nonce=1), create(comfy, nonce=2)
    lab.clock.advance(60)
    assert list(lab.machine.history) == [second]
    lab.machine.history.clear()

    found = comfy.look_up([first, second]).found
    assert {each.phase for each in found.values()} == {TaskPhase.SUCCEEDED}


def test_two_of_our_servers_see_each_others_jobs(lab: Lab, comfy: ComfyGenerator) -> None:
    other = lab.generator()
    mine, theirs = create(comfy, job_id=1), create(other, job_id=2)
    before = other.look_up([mine, theirs])
    other.begin_again(mine, request(upload(other)), check_send_window=lambda: None)
    lab.clock.advance(60)
    found = other.look_up([mine, theirs]).found

    assert before.missed == frozenset()
    assert {each.phase for each in found.values()} == {TaskPhase.SUCCEEDED}
    assert len(lab.machine.posts) == 2


def test_two_of_our_servers_that_begin_a_lost_job_at_once_waste_work_and_nothing_else(lab: Lab) -> None:
    racers = [lab.generator(), lab.generator()]
    token = upload(racers[0])
    task_id = request().attempt_id
    second = lab.generator(
        on_step=lambda name: (
            racers[0].begin_again(task_id, request(token), check_send_window=lambda: None)
            if name == "before http prompt"
            else None
        )
    )
    second.begin_again(task_id, request(token), check_send_window=lambda: None)
    lab.clock.advance(60)

    assert lab.machine.posts == [task_id, task_id]
    assert state(racers[1], task_id).phase is TaskPhase.SUCCEEDED  # type: ignore[union-attr]


def test_jobs_of_other_people_at_that_server_are_none_of_ours(lab: Lab, comfy: ComfyGenerator) -> None:
    theirs = create(comfy, nonce=1)
    item = lab.machine.runs[0].item
    item.extra = {}
    mine = create(comfy)

    assert [job["id"] for job in comfy._client.open_jobs()] == [mine]
    assert theirs not in [job["id"] for job in comfy._client.open_jobs()]


def test_a_workflow_that_was_edited_meanwhile_still_finds_its_model(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)
    edited = lab.generator(with_nodes({}, rename={"save": "saver", "mesh": "to_mesh"}))

    assert state(edited, task_id).phase is TaskPhase.SUCCEEDED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("version", "is_taken"), [("0.5.1", False), ("0.25.9", False), ("0.26.0", True), ("0.38.1", True)]
)
def test_a_server_below_0_26_is_refused_with_the_version_that_is_needed(
    lab: Lab, comfy: ComfyGenerator, version: str, is_taken: bool
) -> None:
    lab.service.version = version
    if is_taken:
        comfy.check_account()
        return
    with pytest.raises(AccountBlocked, match=f"{version}, and 0.26 or newer is needed"):
        comfy.check_account()


def test_a_server_that_was_made_older_under_a_job_asks_its_operator(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.service.version = "0.5.0"

    for ask in (lambda: comfy.look_up([task_id]), lambda: comfy.stop_task(task_id)):
        with pytest.raises(AccountBlocked, match=r"0\.26"):
            ask()


# Pictures, models and proxies


def test_a_picture_that_is_too_large_for_the_server_is_refused(lab: Lab, comfy: ComfyGenerator) -> None:
    lab.service.max_upload_bytes = 1000
    with pytest.raises(RequestRejected, match="max-upload-size"):
        upload(comfy)


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        ("html", {}, LookupFailed),
        ("html", {"status": 403}, AccountBlocked),
        ("error", {}, LookupFailed),
        ("drop after", {}, LookupFailed),
        ("truncated", {}, LookupFailed),
        ("empty 404", {}, AccountBlocked),
    ],
)
def test_an_upload_that_goes_wrong_may_be_repeated(
    lab: Lab, comfy: ComfyGenerator, kind: str, more: dict[str, Any], error: type[Exception]
) -> None:
    lab.plan.arm("upload", kind, **more)
    with pytest.raises(error):
        upload(comfy)

    upload(comfy)
    assert len(lab.machine.disk.files) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"name": "../x.png", "subfolder": "maquette"},
        {"name": "x.png", "subfolder": "elsewhere"},
        {"name": 7, "subfolder": "maquette"},
        {},
    ],
)
def test_a_name_for_the_picture_that_cannot_be_used_is_not_used(lab: Lab, answer: dict[str, Any]) -> None:
    comfy = lab.generator(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=answer)))
    with pytest.raises(LookupFailed):
        upload(comfy)


def test_a_jpeg_keeps_its_ending(lab: Lab, comfy: ComfyGenerator) -> None:
    assert comfy.upload(stored_image(media_type="image/jpeg"), b"\xff\xd8 picture").endswith(".jpg")


def test_a_picture_that_is_gone_when_the_job_is_sent_is_a_matter_of_the_job(lab: Lab, comfy: ComfyGenerator) -> None:
    token = upload(comfy)
    lab.machine.disk.files.clear()
    with pytest.raises(RequestRejected, match="picture"):
        comfy.create(request(token), check_send_window=lambda: None)


def test_a_picture_that_comfyui_cannot_read_ends_the_job(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy, data=b"not a picture")
    lab.clock.advance(60)

    assert state(comfy, task_id).error_code == "comfyui_picture"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda machine: machine.files["checkpoints"].clear(), "models/checkpoints"),
        (lambda machine: machine.gone.add("VoxelToMesh"), "VoxelToMesh"),
    ],
)
def test_what_the_server_lacks_is_said_to_its_operator_before_and_at_the_first_job(
    lab: Lab, comfy: ComfyGenerator, spoil: Callable[[Any], None], says: str
) -> None:
    token = upload(comfy)
    spoil(lab.machine)
    with pytest.raises(AccountBlocked, match=says):
        comfy.check_account()
    with pytest.raises(AccountBlocked, match=says):
        comfy.create(request(token), check_send_window=lambda: None)

    assert lab.machine.posts == []


def test_a_number_that_the_workflow_does_not_take_is_a_matter_of_the_job(lab: Lab) -> None:
    comfy = lab.generator("trellis-2")
    with pytest.raises(RequestRejected, match="60000000 for faces"):
        create(comfy, choices={"face_limit": 60_000_000})


def test_a_header_for_the_proxy_goes_with_every_call(lab: Lab) -> None:
    lab.service.token = ("X-Token", "secret")
    comfy = lab.generator(headers={"X-Token": "secret"})
    task_id = create(comfy)
    lab.clock.advance(60)
    comfy.fetch_model(state(comfy, task_id))  # type: ignore[arg-type]
    comfy.check_account()

    sent = [headers for _, _, headers in lab.service.requests]
    assert all(headers.get("x-token") == "secret" for headers in sent)
    assert not any(name in headers for headers in sent for name in ("origin", "sec-fetch-site"))
    with pytest.raises(AccountBlocked, match="COMFYUI_HEADERS"):
        lab.generator().check_account()


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (302, {"Location": "https://sign-in.test/"}, AccountBlocked),
        (407, {}, AccountBlocked),
        (429, {"Retry-After": "9"}, AccountBusy),
        (429, {"Retry-After": "soon"}, AccountBusy),
        (503, {}, LookupFailed),
        (200, {}, LookupFailed),
    ],
)
def test_a_proxys_own_answers_are_told_for_what_they_are(
    lab: Lab, status: int, headers: dict[str, str], error: type[Exception]
) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(status, headers=headers, content=b"<html></html>")

    comfy = lab.generator(transport=httpx.MockTransport(answer))
    asks = (lambda: comfy.look_up(["x"]), lambda: upload(comfy), comfy.check_account, lambda: comfy.stop_task("x"))
    for ask in asks:
        with pytest.raises(error) as raised:
            ask()
        if isinstance(raised.value, AccountBusy):
            assert raised.value.retry_after_s == (9.0 if headers["Retry-After"] == "9" else None)
    assert set(seen) == {"comfy.test"}  # no redirect is followed: headers go to this server only


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("drop before", ModelUnavailable),
        ("html", ModelUnavailable),
        ("cut", ModelUnavailable),
        ("not a model", ModelInvalid),
    ],
)
def test_a_transfer_that_goes_wrong_is_told_for_what_it_is(
    lab: Lab, comfy: ComfyGenerator, kind: str, error: type[Exception]
) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)
    done = state(comfy, task_id)
    assert done is not None
    lab.plan.arm("view", kind)
    with pytest.raises(error):
        comfy.fetch_model(done)

    assert comfy.fetch_model(done).data


def test_a_proxys_page_for_a_file_does_not_say_that_the_file_is_gone(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)
    lab.machine.history.clear()
    lab.plan.arm("view", "html", status=404)
    with pytest.raises(AccountBlocked):
        comfy.begin_again(task_id, request(upload(comfy)), check_send_window=lambda: None)

    assert lab.machine.posts == [task_id]


def test_a_model_larger_than_can_be_kept_is_not_read_to_its_end(lab: Lab, comfy: ComfyGenerator) -> None:
    task_id = create(comfy)
    lab.clock.advance(60)

    with pytest.raises(ModelTooLarge):
        comfy._client.download(
            client.ComfyFile(subfolder=f"maquette/{task_id}", filename="model_00001_.glb"), max_bytes=99
        )


def test_many_jobs_are_looked_up_with_one_question_while_they_wait(lab: Lab, comfy: ComfyGenerator) -> None:
    tasks = [create(comfy, job_id=number, nonce=number) for number in range(20)]
    lab.service.requests.clear()
    comfy.look_up(tasks)

    assert lab.paths("GET").count("/api/jobs") == 1
    assert len(lab.paths("GET")) <= 2  # one may have begun and ended between


def ended(lab: Lab, comfy: ComfyGenerator, count: int) -> list[str]:
    tasks = [create(comfy, job_id=number, nonce=number) for number in range(count)]
    lab.clock.advance(60.0 * count)
    return tasks


@pytest.mark.parametrize(("route", "kind"), [("job", "html"), ("job", "empty 404"), ("view", "error")])
def test_one_job_of_which_no_answer_can_be_read_holds_up_no_other(
    lab: Lab, comfy: ComfyGenerator, route: str, kind: str
) -> None:
    tasks = ended(lab, comfy, 3)
    lab.plan.arm(route, kind)
    answer = comfy.look_up(tasks)

    assert (set(answer.found), answer.missed) == (set(tasks[1:]), frozenset())
    assert set(comfy.look_up(tasks).found) == set(tasks)


def test_many_jobs_without_a_readable_answer_are_asked_about_after_all_others(lab: Lab, comfy: ComfyGenerator) -> None:
    tasks = ended(lab, comfy, 5)
    lab.plan.arm("job", "html", times=3)
    with pytest.raises(LookupFailed):
        comfy.look_up(tasks)  # so many in a row are the server's fault, and nothing is known yet
    lab.service.requests.clear()
    assert set(comfy.look_up(tasks).found) == set(tasks)

    asked = [path.rpartition("/")[2] for path in lab.paths("GET") if path.startswith("/api/jobs/")]
    assert asked == [*tasks[3:], *tasks[:3]]


def test_a_server_that_answers_no_question_is_not_asked_a_hundred(lab: Lab, comfy: ComfyGenerator) -> None:
    tasks = ended(lab, comfy, 6)
    assert set(comfy.look_up(tasks[:1]).found) == set(tasks[:1])
    lab.service.requests.clear()
    lab.plan.arm("job", "html", times=6)
    with pytest.raises(LookupFailed):
        comfy.look_up(tasks)

    assert len([path for path in lab.paths("GET") if path.startswith("/api/jobs/")]) == 3


def with_nodes(
    more: dict[str, tuple[str, dict[str, Any], str]], *, save: str = "SaveGLB", rename: dict[str, str] | None = None
) -> Workflow:
    """Our template, changed as an operator might."""
    text = (TEMPLATES / "hunyuan3d-2.1.json").read_text()
    for old, new in (rename or {}).items():
        text = text.replace(f'"{old}": {{"class_type"', f'"{new}": {{"class_type"').replace(
            f'["{old}", ', f'["{new}", '
        )
    graph = json.loads(text)
    next(node for node in graph.values() if node["class_type"] == "SaveGLB")["class_type"] = save
    for key, (kind, inputs, title) in more.items():
        graph[key] = {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}
    return parse(graph, name="changed.json")
