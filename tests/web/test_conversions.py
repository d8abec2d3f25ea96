"""Ordering an FBX over REST: its price, once, and what comes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from core.domain.request import Conversion
from core.domain.status import Stage
from core.services.model_files import original_key
from tests.builders import EVERY_SLOT, Category, intent, new_job, stored_model
from tests.fake_generator import glb
from tests.fake_tripo.fbx import sample_fbx
from tests.web.conftest import Site


@pytest.fixture
def paid(make_site: Callable[..., Site]) -> Site:
    return make_site(tripo_api_key="tsk_x")


def made(site: Site) -> int:
    """A finished model of Tripo's."""
    return finished(site, site.services.jobs.add(new_job(generator="tripo")).job.id, glb(), "glb")


def finished(site: Site, job_id: int, data: bytes, kind: str) -> int:
    jobs = site.services.jobs
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    assert claimed.job.id == job_id
    jobs.mark_submitting(claimed.claim, intent(account=site.services.account_of("tripo")))
    jobs.bind_task(claimed.claim, f"task-{job_id}", poll_in_s=0)
    jobs.mark_saving(claimed.claim, credits_used=None)
    saving = jobs.claim_saving(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    key = f"models/{job_id}/cup.{kind}"
    site.services.objects.put(key, data, media_type="application/octet-stream")
    jobs.complete(
        saving.claim, stored_model(key=key, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), kind=kind)
    )
    return job_id


def test_the_price_is_told_before_and_the_order_is_a_job_of_its_own(paid: Site) -> None:
    job_id = made(paid)
    told = paid.client.get(f"/api/jobs/{job_id}/conversions").json()
    assert told == {
        "record_id": job_id,
        "problem": None,
        "offers": [
            {"format": "fbx", "quad": False, "estimated_credits": 5},
            {"format": "fbx", "quad": True, "estimated_credits": 10},
        ],
        "ordered": [],
    }

    answer = paid.client.post(f"/api/jobs/{job_id}/conversions", json={"quad": True, "faceLimit": 5000})
    assert answer.status_code == 202
    body = answer.json()
    assert body | {"message": ""} == {
        "success": True,
        "message": "",
        "estimated_credits": 10,
        "record_id": job_id + 1,
        "converted_from": job_id,
        "format": "fbx",
        "quad": True,
        "faceLimit": 5000,
        "status": "running",
        "status_url": answer.headers["Location"],
    }
    job = paid.services.jobs.get(job_id + 1)
    assert (job.stage, job.category) == (Stage.QUEUED, Category.CONVERT)

    again = paid.client.post(f"/api/jobs/{job_id}/conversions", json={"quad": True, "faceLimit": 5000})
    assert (again.status_code, again.json()["record_id"]) == (200, job.id)
    assert [each["record_id"] for each in paid.client.get(f"/api/jobs/{job_id}/conversions").json()["ordered"]] == [
        job.id
    ]


def test_the_file_is_given_away_under_its_own_name_and_only_there(paid: Site) -> None:
    job_id = made(paid)
    ordered = paid.client.post(f"/api/jobs/{job_id}/conversions", json={}).json()["record_id"]
    finished(paid, ordered, sample_fbx(), "fbx")

    status = paid.client.get(f"/api/generation-status/{ordered}").json()
    assert status["3d_url"] == f"http://testserver/api/jobs/{ordered}/model.fbx"
    answer = paid.client.get(f"/api/jobs/{ordered}/model.fbx")
    assert answer.content == sample_fbx()
    assert 'filename="cup.fbx"' in answer.headers["Content-Disposition"]
    assert paid.client.get(f"/api/jobs/{ordered}/model.fbx", headers={"Range": "bytes=0-6"}).content == b"Kaydara"
    assert paid.client.get(f"/api/jobs/{ordered}/model.glb").status_code == 404
    assert paid.client.get(f"/api/jobs/{job_id}/model.fbx").status_code == 404


@pytest.mark.parametrize("path", ["report", "thumbnail.png", "turntable.webp", "export?format=stl"])
def test_a_file_that_is_no_glb_is_not_looked_at_and_the_answer_says_so(paid: Site, path: str) -> None:
    job_id = made(paid)
    ordered = paid.client.post(f"/api/jobs/{job_id}/conversions", json={}).json()["record_id"]
    finished(paid, ordered, sample_fbx(), "fbx")

    answer = paid.client.get(f"/api/jobs/{ordered}/{path}")
    assert answer.status_code in (404, 422)
    assert f"job {job_id}" in answer.json()["error"]


def test_it_comes_along_in_a_zip_of_several_as_it_is(paid: Site) -> None:
    job_id = made(paid)
    ordered = paid.client.post(f"/api/jobs/{job_id}/conversions", json={}).json()["record_id"]
    finished(paid, ordered, sample_fbx(), "fbx")

    answer = paid.client.get(f"/api/export.zip?jobs={ordered}&format=stl")
    assert answer.status_code == 200
    assert sample_fbx() in answer.content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"format": "stl"}, 422),
        ({"quads": True}, 422),
        ({"faceLimit": 5000}, 422),
        ({"quad": True, "faceLimit": 5}, 422),
    ],
)
def test_what_cannot_be_ordered_is_refused_and_nothing_is_queued(
    paid: Site, body: dict[str, object], code: int
) -> None:
    job_id = made(paid)
    assert paid.client.post(f"/api/jobs/{job_id}/conversions", json=body).status_code == code
    assert paid.services.jobs.conversions(job_id) == []


def test_models_of_the_built_in_engine_are_not_converted(site: Site) -> None:
    job_id = site.services.jobs.add(new_job(generator="offline", category=Category.OFFLINE)).job.id
    site.finish(job_id)

    told = site.client.get(f"/api/jobs/{job_id}/conversions").json()
    assert (told["offers"], "No generator that is connected" in told["problem"]) == ([], True)
    answer = site.client.post(f"/api/jobs/{job_id}/conversions", json={})
    assert answer.status_code == 409
    assert "Nothing was ordered or charged" in answer.json()["error"]


def test_an_order_beyond_the_budget_is_refused(make_site: Callable[..., Site]) -> None:
    site = make_site(tripo_api_key="tsk_x", max_credits_per_day=4)
    job_id = made(site)

    answer = site.client.post(f"/api/jobs/{job_id}/conversions", json={})
    assert answer.status_code == 402
    assert site.services.jobs.conversions(job_id) == []


@pytest.mark.parametrize(("data", "name"), [(sample_fbx()[:-40], "fbx"), (b"PK\x03\x04 cut short", "fbx.zip")])
def test_a_broken_file_of_a_conversion_is_given_away_under_its_own_kind(paid: Site, data: bytes, name: str) -> None:
    conversion = Conversion(task_id="task-1")
    job_id = paid.services.jobs.add(new_job(generator="tripo", category=Category.CONVERT, conversion=conversion)).job.id
    paid.services.objects.put(original_key(paid.services.jobs.get(job_id)), data, media_type="application/octet-stream")

    answer = paid.client.get(f"/api/jobs/{job_id}/original")
    assert answer.content == data
    assert answer.headers["Content-Disposition"] == f'attachment; filename="job-{job_id}.{name}"'
