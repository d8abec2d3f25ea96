"""POST /api/generate-3d and the questions after it, in the contract's exact keys."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.domain.claims import Failure
from core.domain.errors import StoreUnavailable
from core.domain.status import Stage
from core.ports.job_store import Heartbeat
from tests import pictures
from tests.builders import EVERY_SLOT, new_job
from tests.web.conftest import CannedFetcher, Site

JSON = {
    "sessionId": "your-session-id",
    "iteration": 1,
    "targetObject": "Golden Retriever",
    "imageUrl": "https://example.com/image.png",
}


@pytest.fixture
def json_site(make_site: Callable[..., Site]) -> Site:
    return make_site(CannedFetcher(max_bytes=10**7))


def post_file(site: Site, *, name: str = "Cup", headers: dict[str, str] | None = None, **more: Any) -> Any:
    files = {"image": ("photo.jpg", pictures.cat(), "image/jpeg")}
    return site.client.post("/api/generate-3d", files=files, data={"targetObject": name} | more, headers=headers)


def test_json_is_answered_at_once_with_exactly_the_contracts_keys(json_site: Site) -> None:
    answer = json_site.client.post("/api/generate-3d", json=JSON)

    assert answer.status_code == 202
    assert answer.json() == {
        "success": True,
        "record_id": 1,
        "status": "running",
        "status_url": "/api/generation-status/1",
        "message": "3D generation job submitted successfully",
    }
    assert answer.headers["location"] == "/api/generation-status/1"


def test_a_form_with_a_file_is_answered_the_same_way(site: Site) -> None:
    answer = post_file(site, name="Katze", sessionId="s1", iteration="3")

    assert answer.status_code == 202
    job = site.services.jobs.get(answer.json()["record_id"])
    assert (job.target_object, job.session_id, job.iteration) == ("Katze", "s1", 3)
    assert job.image is not None
    assert job.image.name == "photo.jpg"


@pytest.mark.parametrize("path", ["/api/generation-status/1", "/api/status/1"])
def test_a_running_job_has_the_contracts_keys_on_both_paths(json_site: Site, path: str) -> None:
    json_site.client.post("/api/generate-3d", json=JSON)
    body = json_site.client.get(path).json()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body.pop("created_at"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body.pop("updated_at"))
    assert body == {
        "record_id": 1,
        "status": "running",
        "task_id": None,
        "target_object": "Golden Retriever",
        "iteration": 1,
    }


def test_a_completed_job_has_working_addresses_of_model_and_picture(site: Site) -> None:
    post_file(site)
    site.finish(1)
    body = site.client.get("/api/generation-status/1").json()

    assert body["status"] == "completed"
    assert body["task_id"] == "task-1"
    assert "error_message" not in body
    assert site.client.get(body["3d_url"]).content[:4] == b"glTF"
    assert site.client.get(body["image_url"]).content[:2] == b"\xff\xd8"


def test_a_failed_job_has_its_reason_and_no_addresses(site: Site) -> None:
    post_file(site)
    claimed = site.services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    site.services.jobs.fail(claimed.claim, Failure(code="2008", message="The picture was refused."))
    body = site.client.get("/api/generation-status/1").json()

    assert (body["status"], body["error_message"]) == ("failed", "The picture was refused.")
    assert "3d_url" not in body
    assert "image_url" not in body


def test_the_same_idempotency_key_gives_the_same_job(site: Site) -> None:
    first = post_file(site, headers={"Idempotency-Key": "k"})
    second = post_file(site, headers={"Idempotency-Key": "k"})
    other = post_file(site, name="Dog", headers={"Idempotency-Key": "k"})

    assert first.json() == second.json()
    assert other.status_code == 409
    assert other.json()["success"] is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targetObject": " "}, "name the object"),
        ({"targetObject": "x" * 201}, "201 characters"),
        ({"targetObject": None}, "targetObject"),
        ({"imageUrl": "file:///etc/passwd"}, "may not be fetched"),
        ({"iteration": -1}, "iteration"),
        ({"iteration": "1"}, "iteration"),
    ],
)
def test_each_wrong_field_is_refused_with_a_sentence(json_site: Site, change: dict[str, Any], words: str) -> None:
    answer = json_site.client.post("/api/generate-3d", json=JSON | change)

    assert answer.status_code == 422
    assert answer.json()["success"] is False
    assert set(answer.json()) == {"success", "error"}
    assert words in answer.json()["error"]
    assert json_site.services.overview.jobs.last_beat() is not None


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'{"a": NaN', b"\xff\xfe", b"[" * 60_000])
def test_a_broken_body_is_refused_with_a_sentence(site: Site, body: bytes) -> None:
    answer = site.client.post("/api/generate-3d", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["success"] is False


def test_a_form_without_a_file_or_with_a_text_as_file_is_refused(site: Site) -> None:
    no_file = site.client.post("/api/generate-3d", data={"targetObject": "x", "image": "y"}, files={"other": b"z"})
    assert (no_file.status_code, no_file.json()["success"]) == (422, False)

    page = site.client.post(
        "/api/generate-3d", data={"targetObject": "x"}, files={"image": ("a.png", b"<html>hello</html>", "image/png")}
    )
    assert page.status_code == 422
    assert "web page" in page.json()["error"]


def test_a_write_from_another_web_site_is_refused(site: Site) -> None:
    foreign = post_file(site, headers={"Origin": "https://evil.example"})
    own = post_file(site, headers={"Origin": "http://testserver"})

    assert (foreign.status_code, own.status_code) == (403, 202)


def once_queued(site: Site, act: Callable[[], object]) -> threading.Thread:
    """Something that happens to the next job while the request waits for it."""
    thread = threading.Thread(target=act)
    site.services = replace(site.services, submit=replace(site.services.submit, on_queued=thread.start))
    return thread


def test_prefer_wait_answers_with_the_model_when_it_is_there_in_time(site: Site) -> None:
    waker = once_queued(site, lambda: site.finish(1))
    answer = post_file(site, headers={"Prefer": "wait=10"})
    waker.join()

    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "model_url": "http://testserver/api/jobs/1/model.glb",
        "supabase_record_id": 1,
    }


def test_prefer_wait_answers_408_when_the_time_is_over_and_the_job_goes_on(site: Site) -> None:
    answer = post_file(site, headers={"Prefer": "wait=0"})

    assert (answer.status_code, answer.json()) == (408, {"error": "Timeout waiting for 3D generation"})
    assert site.services.jobs.get(1).stage is Stage.QUEUED


def test_prefer_wait_answers_500_when_the_job_failed(site: Site) -> None:
    def fail() -> None:
        claimed = site.services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
        site.services.jobs.fail(claimed.claim, Failure(code="x", message="It did not work."))

    waker = once_queued(site, fail)
    answer = post_file(site, headers={"Prefer": "respond-async, wait=10"})
    waker.join()

    assert (answer.status_code, answer.json()) == (500, {"error": "It did not work."})


@pytest.mark.parametrize("number", ["99", "0", "abc", "1e3", "-1", "٣", "9" * 30, "1%2F..%2F2"])
def test_an_unknown_job_is_not_found(site: Site, number: str) -> None:
    answer = site.client.get(f"/api/generation-status/{number}")

    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_an_unknown_path_and_a_wrong_method_answer_in_the_same_form(site: Site) -> None:
    assert site.client.get("/api/nothing").json() == {"success": False, "error": "There is nothing at this address."}
    assert site.client.delete("/api/generation-status/1").status_code == 405


def test_when_the_job_table_is_away_the_answer_is_503_with_retry_after(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **more: object) -> None:
        raise StoreUnavailable("The job table cannot be used now.")

    monkeypatch.setattr(type(site.services.jobs), "add", away)
    answer = post_file(site)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    # the job may have been written although its answer was lost: its picture stays
    assert len(list((site.services.settings.data_dir / "files").rglob("*.jpg"))) == 1


def test_health_is_well_with_a_heartbeat_and_unwell_without(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    well = site.client.get("/api/health")
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert well.json()["generator"] == "Built-in engine (offline)"

    monkeypatch.setattr(type(site.services.jobs), "last_beat", lambda self: None)
    unwell = site.client.get("/api/health")
    assert (unwell.status_code, unwell.json()["scheduler"]["ok"]) == (503, False)


@pytest.mark.parametrize(("age_s", "is_well"), [(-7157, False), (-2, True), (2, True), (31, False), (10**8, False)])
def test_a_heartbeat_of_the_future_or_of_long_ago_is_unwell(
    age_s: int, is_well: bool, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = Heartbeat(owner="t", at=site.services.jobs.now() - timedelta(seconds=age_s))
    monkeypatch.setattr(type(site.services.jobs), "last_beat", lambda self: beat)

    answer = site.client.get("/api/health")

    assert (answer.status_code == 200, answer.json()["scheduler"]["ok"]) == (is_well, is_well)


def test_the_api_describes_itself_without_another_host(site: Site) -> None:
    described = site.client.get("/api/openapi.json").json()
    page = site.client.get("/api/docs").text

    assert {"/generate-3d", "/generation-status/{record_id}", "/status/{record_id}", "/health"} <= set(
        described["paths"]
    )
    assert set(described["paths"]["/generate-3d"]["post"]["requestBody"]["content"]) == {
        "application/json",
        "multipart/form-data",
    }
    assert "/assets/swagger-ui/" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_job_whose_generator_is_not_connected_any_more_says_so_in_a_header_beside_the_contracts_keys(
    site: Site,
) -> None:
    jobs = site.services.jobs
    jobs.add(new_job(generator="comfyui"))
    for path in ("/api/generation-status/1", "/api/status/1"):
        answer = site.client.get(path)
        assert answer.headers["x-maquette-note"] == (
            "ComfyUI is not connected at the moment, so nobody here works on this job. Once the operator sets "
            "COMFYUI_URL and starts the server again, it goes on by itself."
        )
        assert set(answer.json()) == {
            *("record_id", "status", "task_id", "created_at", "updated_at", "target_object", "iteration")
        }
    jobs.cancel(1, maker="ComfyUI")
    assert "x-maquette-note" not in site.client.get("/api/status/1").headers
    post_file(site)
    assert "x-maquette-note" not in site.client.get("/api/status/2").headers
