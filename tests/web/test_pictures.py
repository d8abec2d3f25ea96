"""Submitting while pictures cannot be decoded: a sentence, the right status, and no job half made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.errors import PictureRefused, SandboxFailed
from core.domain.picture import Picture
from core.ports.job_store import JobQuery
from tests import pictures
from tests.picture_sandbox import PicturesHere
from tests.web.conftest import Site
from tests.web.test_generate import post_file

BUSY = "Many pictures are being worked on at this moment. Try again in a minute."


class Failing(PicturesHere):
    """Fails in this way from the second picture of a request on, or the first."""

    def __init__(self, error: Exception, *, good: int) -> None:
        super().__init__()
        self._error = error
        self._good = good

    def prepare(self, data: bytes, *, max_bytes: int) -> Picture:
        picture = super().prepare(data, max_bytes=max_bytes)
        if len(self.calls) > self._good:
            raise self._error
        return picture

    def thumbnail(self, data: bytes, *, side_px: int) -> bytes:
        raise self._error


@pytest.mark.parametrize("good", [0, 1])
@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [(SandboxFailed(BUSY), 503, "10"), (PictureRefused("It is too heavy.", code="too_heavy"), 422, None)],
)
def test_a_picture_that_cannot_be_decoded_now_leaves_no_job_and_no_file(
    make_site: Callable[..., Site], tmp_path: Path, error: Exception, status: int, retry_after: str | None, good: int
) -> None:
    site = make_site(sandbox=Failing(error, good=good))
    answer = site.client.post(
        "/api/generate-3d",
        files={"image": ("a.png", pictures.portrait()), "back": ("b.png", pictures.portrait())},
        data={"targetObject": "Cup"},
    )

    assert (answer.status_code, answer.json()["success"]) == (status, False)
    assert str(error) in answer.json()["error"]
    assert answer.headers.get("retry-after") == retry_after
    assert site.services.jobs.find(JobQuery()).total == 0
    assert [path for path in (tmp_path / "data" / "files").rglob("*") if path.is_file()] == []


def test_a_small_picture_that_cannot_be_made_now_is_asked_for_again(make_site: Callable[..., Site]) -> None:
    site = make_site(sandbox=Failing(SandboxFailed(BUSY), good=1))
    post_file(site)
    answer = site.client.get("/api/jobs/1/image?size=96")

    assert (answer.status_code, answer.json()["error"]) == (503, BUSY)
    assert answer.headers["retry-after"] == "10"
