"""Cancel, retry with its price, budget and estimate, and the account."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from core.domain.claims import Claimed, Failure
from core.domain.generation import Balance, OrphanedTask, Source
from core.domain.status import Stage, Status
from core.ports.job_store import JobQuery
from tests import pictures
from tests.builders import EVERY_SLOT, intent, new_job, stored_model
from tests.web.conftest import Site


@pytest.fixture
def paid(make_site: Callable[..., Site]) -> Site:
    return make_site(tripo_api_key="tsk_x")


def post(site: Site, path: str = "/api/generate-3d", **fields: str) -> dict[str, object]:
    files = {"image": ("a.jpg", pictures.cat())}
    answer = site.client.post(path, files=files, data={"targetObject": "Cat"} | fields)
    return dict(answer.json()) | {"code": answer.status_code}


def sent(site: Site) -> Claimed:
    jobs = site.services.jobs
    jobs.add(new_job(credits_estimate=Decimal(30)))
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.mark_submitting(claimed.claim, intent())
    return claimed


@pytest.mark.parametrize(
    ("fields", "credits"),
    [
        ({}, 30),
        ({"texture": "false"}, 20),
        ({"model": "P1-20260311"}, 50),
        ({"textureQuality": "extreme", "geometryQuality": "detailed"}, 70),
    ],
)
def test_the_estimate_is_told_only_when_it_is_asked_for(paid: Site, fields: dict[str, str], credits: int) -> None:
    assert post(paid, "/api/generate-3d?estimate=true", **fields)["estimated_credits"] == credits
    assert set(post(paid, **fields)) == {"success", "record_id", "status", "status_url", "message", "code"}


def test_the_built_in_engine_is_free(site: Site) -> None:
    assert post(site, "/api/generate-3d?estimate=true")["estimated_credits"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "v9"},
        {"orientation": "sideways"},
        {"model": "P1-20260311", "textureQuality": "extreme"},
        {"model": "P1-20260311", "faceLimit": "30000"},
        {"textureQuality": "best"},
        {"faceLimit": "many"},
    ],
)
def test_options_that_tripo_would_refuse_are_refused_before_anything_is_stored(
    paid: Site, fields: dict[str, str]
) -> None:
    refused = post(paid, **fields)

    assert refused["code"] == 422
    assert paid.client.get("/api/generation-status/1").status_code == 404


def test_options_come_as_json_too(make_site: Callable[..., Site]) -> None:
    body = {"targetObject": "Cat", "imageUrl": "http://x/", "options": {"faceLimit": 0}}
    answer = make_site(tripo_api_key="tsk_x").client.post("/api/generate-3d", json=body)

    assert answer.status_code == 422
    assert "faceLimit" in answer.json()["error"]


def test_the_days_budget_refuses_with_a_clear_sentence_and_stores_nothing(make_site: Callable[..., Site]) -> None:
    site = make_site(tripo_api_key="tsk_x", max_credits_per_day=70)
    assert [post(site)["code"] for _ in range(3)] == [202, 202, 402]

    refused = post(site)
    assert "budget of 70 only 10 are left" in str(refused["error"])
    site.client.post("/api/jobs/1/cancel")
    assert post(site)["code"] == 202  # what was cancelled before it was sent costs nothing


def test_a_waiting_job_is_cancelled_for_certain(paid: Site) -> None:
    post(paid)
    answer = paid.client.post("/api/jobs/1/cancel").json()

    assert (answer["status"], answer["message"]) == ("cancelled", "Cancelled before it was sent; nothing was charged.")
    assert paid.client.post("/api/jobs/1/cancel").status_code == 409


def test_cancelling_a_job_that_is_made_tells_the_truth(paid: Site) -> None:
    claimed = sent(paid)
    paid.services.jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    answer = paid.client.post("/api/jobs/1/cancel").json()

    assert answer["status"] == "cancelled"
    assert "may still finish this model and charge" in answer["message"]
    assert paid.services.jobs.get(1).stage is Stage.GENERATING
    assert paid.client.get("/api/generation-status/1").json()["status"] == "cancelled"


def test_a_cancelled_job_that_was_made_all_the_same_keeps_its_model_and_tells_its_cost(paid: Site) -> None:
    claimed = sent(paid)
    jobs = paid.services.jobs
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=0)
    jobs.cancel(1, maker="Tripo")
    due = jobs.claim_due(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    jobs.mark_saving(due.claim, credits_used=Decimal(30))
    saving = jobs.claim_saving(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    job = jobs.complete(saving.claim, stored_model())

    assert (job.stage, job.status, job.credits_used) == (Stage.DONE, Status.CANCELLED, 30)
    assert job.model is not None
    assert "it was kept" in (job.error_message or "")


def test_a_retry_says_its_price_first_and_is_one_new_job_however_often_it_is_asked_for(paid: Site) -> None:
    post(paid)
    claimed = paid.services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    assert paid.client.get("/api/jobs/1/retry").json() == {"record_id": 1, "possible": False}
    assert paid.client.post("/api/jobs/1/retry").status_code == 409

    paid.services.jobs.fail(claimed.claim, Failure(code="2018", message="Too complex."))
    offer = paid.client.get("/api/jobs/1/retry").json()
    assert (offer["estimated_credits"], offer["message"]) == (
        30,
        "The first try cost nothing. Making it again costs about 30 credits.",
    )
    made = [paid.client.post("/api/jobs/1/retry").json()["record_id"] for _ in range(2)]
    assert made == [2, 2]
    again = paid.services.jobs.get(2)
    assert (again.retry_of, again.credits_estimate, again.image) == (1, 30, paid.services.jobs.get(1).image)


def test_a_retry_that_only_another_that_charges_could_make_orders_nothing_and_says_so(paid: Site) -> None:
    site, jobs = paid, paid.services.jobs
    jobs.add(new_job(prompt="a cup", generator="comfyui", category="comfyui", credits_estimate=Decimal(0)))
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.fail(claimed.claim, Failure(code="task_failed", message="It failed."))

    offer, refused = site.client.get("/api/jobs/1/retry").json(), site.client.post("/api/jobs/1/retry")
    assert (refused.status_code, refused.json()["error"]) == (422, offer["message"])
    assert (offer["possible"], offer["message"]) == (
        False,
        "ComfyUI is not connected here any more. Tripo could make it, and charges for it: choose it on the create "
        "page. Nothing was stored or charged.",
    )
    assert jobs.find(JobQuery()).total == 1


def test_a_job_that_needs_a_person_shows_its_candidates_and_takes_one(paid: Site) -> None:
    claimed = sent(paid)
    jobs = paid.services.jobs
    jobs.mark_uncertain(claimed.claim, note="lost")
    held = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=1)[0]
    seen = [
        OrphanedTask(
            task_id=name, account="a", source=Source.USAGE, evidence="It has the random number of our request."
        )
        for name in ("one", "two")
    ]
    jobs.mark_attention(held.claim, seen, note="2 tasks at Tripo could be this job's.")

    shown = paid.client.get("/api/jobs/1/decision").json()
    assert {task["task_id"] for task in shown["tasks"]} == {"one", "two"}
    for unclear in ({}, {"take": "one", "sendAgain": True}):
        assert paid.client.post("/api/jobs/1/decision", json=unclear).status_code == 422
    assert paid.client.post("/api/jobs/1/decision", json={"take": "three"}).status_code == 409
    assert paid.client.post("/api/jobs/1/decision", json={"take": "two"}).status_code == 200
    assert jobs.get(1).task_id == "two"
    assert [task["task_id"] for task in paid.client.get("/api/account").json()["tasks_of_no_job"]] == ["one"]


def test_a_cancelled_job_is_not_sent_again_and_the_answer_says_why(paid: Site) -> None:
    claimed = sent(paid)
    jobs = paid.services.jobs
    jobs.mark_uncertain(claimed.claim, note="lost")
    held = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=1)[0]
    jobs.mark_attention(held.claim, [], note="We cannot be sure.")
    paid.client.post("/api/jobs/1/cancel")
    refused = paid.client.post("/api/jobs/1/decision", json={"sendAgain": True})

    assert refused.status_code == 409
    assert "was cancelled, so it is not sent again" in refused.json()["error"]
    assert jobs.get(1).stage is Stage.ATTENTION


def test_the_account_tells_balance_held_credits_and_what_was_spent(paid: Site) -> None:
    paid.services.jobs.accounts.note_balance(
        paid.services.account_of("tripo"), Balance(available=Decimal("812.50"), held=Decimal(60))
    )
    post(paid)
    told = paid.client.get("/api/account").json()

    assert (told["connected"], told["balance"], told["held"], told["credits_last_24h"]) == (True, 812.5, 60, 30)
    assert "tsk_x" not in str(told)


def test_without_tripo_there_is_no_account(site: Site) -> None:
    assert site.client.get("/api/account").json()["connected"] is False


def test_only_a_model_that_waits_can_be_fetched_again(paid: Site) -> None:
    post(paid)

    assert paid.client.post("/api/jobs/1/fetch").status_code == 409


def test_the_older_endpoint_orders_nothing_that_costs_for_a_picture_of_the_back(paid: Site) -> None:
    files = {"image": ("a.jpg", pictures.cat()), "back": ("b.jpg", pictures.portrait())}
    answer = paid.client.post("/api/generate-3d", files=files, data={"targetObject": "Cat"})

    assert answer.status_code == 422
    assert "Nothing was stored" in answer.json()["error"]
    assert paid.services.jobs.find(JobQuery()).total == 0
