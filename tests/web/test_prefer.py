"""Prefer: wait, and what of the header cannot be understood."""

from __future__ import annotations

import pytest

from core.ports.job_store import JobQuery
from core.web.prefer import wait_s
from tests import pictures
from tests.web.conftest import Site


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ([], None),
        (["wait=10"], 10),
        (["WAIT=10"], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (['wait="10"'], 10),
        (["wait = 10; more"], 10),
        (["wait=10, wait=20"], 10),
        (["wait=9999"], 600),
        (['text="a, wait=3", wait=7'], 7),
        (["text; wait=5"], None),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=" + "9" * 5000], None),
        (["await=5"], None),
    ],
)
def test_the_first_wait_counts_and_what_is_no_number_of_seconds_is_ignored(
    headers: list[str], expected_s: int | None
) -> None:
    assert wait_s(headers) == expected_s


def test_a_wait_of_thousands_of_digits_does_not_fail_after_the_job_was_queued(site: Site) -> None:
    answer = site.client.post(
        "/api/generate-3d",
        files={"image": ("a.jpg", pictures.cat(), "image/jpeg")},
        data={"targetObject": "Cup"},
        headers={"Prefer": "wait=" + "9" * 5000},
    )

    assert answer.status_code == 202
    assert site.services.jobs.find(JobQuery()).total == 1
