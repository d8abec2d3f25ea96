"""The same Idempotency-Key: the request as it was sent counts, and a repeat fetches nothing and costs nothing."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core.domain.errors import AddressRefused
from core.domain.request_codec import OLD_CHOICES
from core.fetch.fetcher import Fetched
from core.ports.job_store import JobQuery
from tests import pictures
from tests.builders import new_job, stored_image
from tests.web.conftest import Site

ADDRESS = "https://example.com/image.png"
JSON: dict[str, Any] = {"sessionId": "s", "iteration": 2, "targetObject": "Cup", "imageUrl": ADDRESS}
OPTIONS = {"model": OLD_CHOICES["model"], "face_limit": None, "texture": True, "pbr": True}


class ChangingHost:
    """Gives each address other bytes at every call, until it has expired."""

    def __init__(self) -> None:
        self.has_expired, self.calls = False, 0
        self.at_fetch: Callable[[], object] = lambda: None

    def fetch(self, address: str) -> Fetched:
        self.at_fetch()
        self.calls += 1
        if self.has_expired:
            raise AddressRefused("The address answered with 403.")
        return Fetched(data=(pictures.cat(), pictures.line_art(), pictures.portrait())[self.calls % 3], name="a.png")


@pytest.fixture
def host() -> ChangingHost:
    return ChangingHost()


@pytest.fixture
def site(make_site: Callable[..., Site], host: ChangingHost) -> Site:
    return make_site(host)


def post(site: Site, body: dict[str, Any], key: str = "k") -> Any:
    return site.client.post("/api/generate-3d", json=body, headers={"Idempotency-Key": key})


def post_file(site: Site, picture: bytes, key: str = "k", **fields: str) -> Any:
    files = {"image": ("a.jpg", picture, "image/jpeg")}
    form = {"targetObject": "Cup", "sessionId": "s", "iteration": "2"} | fields
    return site.client.post("/api/generate-3d", files=files, data=form, headers={"Idempotency-Key": key})


def test_a_repeat_is_the_same_job_though_the_host_encoded_the_picture_anew(site: Site, host: ChangingHost) -> None:
    first, second = post(site, JSON), post(site, JSON)

    assert (second.status_code, second.json()) == (202, first.json())
    assert host.calls == 1


def test_a_repeat_is_the_same_job_though_the_address_has_expired(site: Site, host: ChangingHost) -> None:
    with_back = JSON | {"backUrl": "https://example.com/back.png"}
    first = post(site, with_back)
    host.has_expired = True
    second = post(site, with_back)

    assert (second.status_code, second.json()) == (202, first.json())


def test_a_repeat_is_answered_though_the_account_was_moved_and_the_budget_is_spent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = post(site, JSON)
    monkeypatch.setattr(type(site.services.jobs.accounts), "account_wait_s", lambda self, generator: 1e12)

    assert post(site, JSON).json() == first.json()
    assert post(site, JSON, key="another").status_code == 503


@pytest.mark.parametrize(
    "change",
    [
        {"imageUrl": "https://example.com/another.png"},
        {"backUrl": ADDRESS},
        {"targetObject": "Dog"},
        {"sessionId": "t"},
        {"iteration": 3},
        {"options": {"texture": False}},
        {"options": {"style": "relief"}},
        {"targetObject": " "},
    ],
)
def test_another_request_under_the_key_is_a_conflict_and_fetches_nothing(
    site: Site, host: ChangingHost, change: dict[str, Any]
) -> None:
    post(site, JSON)

    assert post(site, JSON | change).status_code == 409
    assert host.calls == 1
    assert site.services.jobs.find(JobQuery()).total == 1


def test_a_file_under_the_key_of_an_address_is_a_conflict_and_the_other_way_round(site: Site) -> None:
    post(site, JSON)
    post_file(site, pictures.cat(), key="file")

    assert post_file(site, pictures.cat()).status_code == 409
    assert post(site, JSON, key="file").status_code == 409


def test_two_at_the_same_moment_are_one_job(site: Site, host: ChangingHost) -> None:
    host.at_fetch = threading.Barrier(2, timeout=30).wait  # both have looked the key up and found nothing
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: post(site, JSON), range(2)))

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert site.services.jobs.find(JobQuery()).total == 1
    assert len(list((site.services.settings.data_dir / "files").rglob("*.*"))) == 1


# Jobs from before requests were told by what was sent have a fingerprint of the picture's bytes.


def by_content(picture: bytes, **changes: Any) -> str:
    parts = {
        "image": hashlib.sha256(picture).hexdigest(),
        "target_object": "Cup",
        "session_id": "s",
        "iteration": 2,
        "options": OPTIONS,
    }
    return hashlib.sha256(json.dumps(parts | changes, sort_keys=True).encode()).hexdigest()


def older_job(site: Site, picture: bytes, **changes: Any) -> int:
    values = {"idempotency_key": "k", "request_hash": by_content(picture), "iteration": 2, "generator": "offline"}
    return site.services.jobs.add(new_job(**(values | changes))).job.id


def test_the_same_file_under_an_older_jobs_key_is_the_same_job(site: Site) -> None:
    number = older_job(site, pictures.cat())

    assert post_file(site, pictures.cat()).json()["record_id"] == number
    assert post_file(site, pictures.portrait()).status_code == 409
    assert post_file(site, pictures.cat(), texture="false").status_code == 409


def test_an_address_under_an_older_jobs_key_is_the_same_job_if_all_else_is_the_same(
    site: Site, host: ChangingHost
) -> None:
    host.has_expired = True
    number = older_job(site, pictures.cat())

    assert post(site, JSON).json()["record_id"] == number
    for change in ({"targetObject": "Dog"}, {"sessionId": "t"}, {"iteration": 3}, {"options": {"pbr": False}}):
        assert post(site, JSON | change).status_code == 409
    assert post(site, JSON | {"backUrl": ADDRESS}).status_code == 409
    assert host.calls == 0


def test_an_older_job_with_a_picture_of_the_back_is_known_as_well(site: Site) -> None:
    number = older_job(site, pictures.cat(), back=stored_image(key="images/b/cup.jpg"))

    assert post(site, JSON | {"backUrl": ADDRESS}).json()["record_id"] == number
    assert post(site, JSON).status_code == 409


def test_the_key_of_a_retry_is_nobodys_else(site: Site) -> None:
    key = "~retry-of-1-2026-01-01T12:00:00+00:00"
    older_job(site, pictures.cat(), idempotency_key=key, request_hash="retry-of-1")

    assert post(site, JSON, key=key).status_code == 409
