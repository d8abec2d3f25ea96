"""Webhooks: only what is signed is heard, and what is heard is only a hint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.domain.claims import PollNote
from core.domain.declaration import Declaration, WebhookTerms
from core.domain.generation import Source
from core.ports.account_store import Delivery
from core.services.candidates import Candidates
from core.services.throttle import Throttle
from tests.builders import EVERY_SLOT, intent, new_job
from tests.fake_generator import FakeGenerator
from tests.fake_tripo.webhooks import SECRET, delivery, signed
from tests.web.conftest import Site

PATH = "/api/webhooks/tripo"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site(tripo_api_key="tsk_x", tripo_webhook_secret=SECRET)


def generating(site: Site, task_id: str = "task-1") -> int:
    jobs = site.services.jobs
    job_id = jobs.add(new_job()).job.id
    claimed = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    jobs.mark_submitting(claimed.claim, intent())
    jobs.bind_task(claimed.claim, task_id, poll_in_s=500)
    return job_id


def is_due(site: Site) -> bool:
    return len(site.services.jobs.claim_due(owner="t", lease_s=60, generator="tripo", limit=5)) == 1


def test_without_a_secret_it_is_off(make_site: Callable[..., Site]) -> None:
    body = delivery("task-1")

    answer = make_site().client.post(PATH, content=body, headers=signed(body))
    assert answer.status_code == 404
    assert "TRIPO_WEBHOOK_SECRET" in answer.json()["error"]


def test_a_secret_alone_turns_nothing_on(make_site: Callable[..., Site]) -> None:
    """Without a key nobody could be asked for the task."""
    site, body = make_site(tripo_webhook_secret=SECRET), delivery("task-1")

    answer = site.client.post(PATH, content=body, headers=signed(body))
    assert answer.status_code == 404
    assert answer.json()["error"] == "Webhooks are off: they need TRIPO_API_KEY and TRIPO_WEBHOOK_SECRET."
    assert site.services.jobs.accounts.last_delivery_at() is None


@pytest.mark.parametrize("name", ["offline", "comfyui", "nobody", "Tripo"])
def test_who_does_not_call_us_has_no_address(site: Site, name: str) -> None:
    body = delivery("task-1")

    answer = site.client.post(f"/api/webhooks/{name}", content=body, headers=signed(body))
    assert answer.status_code == 404
    assert site.services.jobs.accounts.last_delivery_at() is None


class Shared:
    """A webhook of a generator that sends the secret as it is, and names the task alone."""

    def is_signed(self, header: str, body: bytes, *, now_s: float) -> bool:
        return header == SECRET

    def delivery_of(self, body: bytes) -> Delivery | None:
        return Delivery(id=body.decode(), type="made", task_id=body.decode())


def test_another_generator_says_itself_how_its_calls_are_checked_and_read(site: Site) -> None:
    class Calling(FakeGenerator):
        @property
        def declaration(self) -> Declaration:
            terms = WebhookTerms(signature_header="X-Added", turned_on_by="ADDED_SECRET", news=frozenset({"made"}))
            return replace(super().declaration, name="added", webhook=terms)

    makers = site.services.makers
    added = Throttle(Calling(account="added-1"), jobs=site.services.jobs, clock=None)  # type: ignore[arg-type]
    connected = replace(makers, connected={**makers.connected, "added": added})
    site.services = replace(
        site.services,
        candidates=Candidates(jobs=site.services.jobs, makers=connected),
        generators=(*site.services.generators, added),
        makers=connected,
    )

    def post(**headers: str) -> Any:
        return site.client.post("/api/webhooks/added", content=b"made-1", headers=headers)

    off = post(**{"X-Added": SECRET})
    assert (off.status_code, off.json()["error"]) == (404, "Webhooks are off: the operator has not set ADDED_SECRET.")

    site.services = replace(site.services, webhooks={**site.services.webhooks, "added": Shared()})
    assert post().status_code == 401
    assert post(**{"X-Added": SECRET}).status_code == 200
    assert [(each.account, each.task_id) for each in site.services.jobs.accounts.orphaned_tasks()] == [
        ("added-1", "made-1")
    ]


def test_a_signed_delivery_makes_its_task_due_at_once(site: Site) -> None:
    generating(site)
    assert not is_due(site)
    body = delivery("task-1")

    assert site.client.post(PATH, content=body, headers=signed(body)).status_code == 200
    assert is_due(site)


def test_the_same_delivery_twice_is_one(site: Site) -> None:
    generating(site)
    body = delivery("task-1")
    for _ in range(2):
        assert site.client.post(PATH, content=body, headers=signed(body)).status_code == 200

    assert site.services.jobs.accounts.last_delivery_at() is not None
    assert not site.services.jobs.accounts.note_delivery("any", _as_delivery())


def _as_delivery() -> Delivery:

    return Delivery(id="evt-1", type="task.completed", task_id="task-1")


def test_a_task_nobody_knows_yet_is_kept_and_asked_for_as_soon_as_it_is_bound(site: Site) -> None:
    body = delivery("task-early")
    site.client.post(PATH, content=body, headers=signed(body))
    assert [(each.task_id, each.source) for each in site.services.jobs.accounts.orphaned_tasks()] == [
        ("task-early", Source.WEBHOOK)
    ]

    generating(site, "task-early")
    assert is_due(site)
    assert site.services.jobs.accounts.orphaned_tasks() == []


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("no signature", lambda body: {}),
        ("another secret", lambda body: signed(body, secret="whsec_other")),
        ("another body", lambda body: signed(body + b" ")),
        ("too old", lambda body: signed(body, at_s=time.time() - 301)),
        ("from the future", lambda body: signed(body, at_s=time.time() + 302)),
        ("garbage", lambda body: {"Tripo-Webhook-Signature": "t=x,v1=,v1=zz"}),
        ("not ascii", lambda body: {"Tripo-Webhook-Signature": "t=\u0661,v1=aa".encode()}),
        ("two times", lambda body: {"Tripo-Webhook-Signature": "t=1," + signed(body)["Tripo-Webhook-Signature"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_signed_rightly_is_refused_and_nothing_is_stored(
    site: Site, name: str, headers: Callable[[bytes], dict[str, str]]
) -> None:
    generating(site)
    body = delivery("task-1")

    assert site.client.post(PATH, content=body, headers=headers(body)).status_code == 401
    assert site.services.jobs.accounts.last_delivery_at() is None
    assert not is_due(site)


def test_any_of_several_signatures_may_fit_while_the_secret_is_changed(site: Site) -> None:
    body = delivery("task-1")
    headers = signed(body, before=f"v1={'0' * 64},")

    assert site.client.post(PATH, content=body, headers=headers).status_code == 200


def test_the_age_of_five_minutes_is_still_accepted(site: Site) -> None:
    body = delivery("task-1")

    assert site.client.post(PATH, content=body, headers=signed(body, at_s=time.time() - 298)).status_code == 200


@pytest.mark.parametrize("type", ["balance.low", "task.failed", "something.new"])
def test_other_kinds_are_answered_well(site: Site, type: str) -> None:
    body = delivery(None, type=type, balance=3, threshold=10)

    assert site.client.post(PATH, content=body, headers=signed(body)).status_code == 200
    assert site.services.jobs.accounts.orphaned_tasks() == []


@pytest.mark.parametrize(("body", "status"), [(b"", 422), (b"x" * 64 * 1024, 401), (b"x" * (64 * 1024 + 1), 413)])
def test_a_body_of_no_deliverys_size_is_refused(site: Site, body: bytes, status: int) -> None:
    headers = signed(body) if status != 401 else {"Tripo-Webhook-Signature": "t=1,v1=0"}
    assert site.client.post(PATH, content=body, headers=headers).status_code == status


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"id": 7}', b"[" * 5000])
def test_signed_nonsense_is_refused_in_plain_words(site: Site, body: bytes) -> None:
    answer = site.client.post(PATH, content=body, headers=signed(body))

    assert answer.status_code == 422
    assert "nothing was stored" in answer.json()["error"]


def test_news_that_come_while_the_task_is_being_asked_for_are_not_lost(site: Site) -> None:

    job_id = generating(site)
    site.services.jobs.accounts.note_delivery("any", _as_delivery())
    claimed = site.services.jobs.claim_due(owner="t", lease_s=60, generator="tripo", limit=5)[0]
    body = delivery("task-1", id="evt-2")
    site.client.post(PATH, content=body, headers=signed(body))
    site.services.jobs.note_polls([PollNote(claim=claimed.claim, progress=50, poll_again_in_s=500)])

    assert is_due(site), job_id
