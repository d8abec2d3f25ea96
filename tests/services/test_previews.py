"""Small pictures: made once, kept for a while, and never a fault of the page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.domain.errors import ObjectMissing, PictureRefused
from core.domain.job import Job
from core.services.model_files import preview_key
from core.services.previews import SIDE_PX, Previews
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests import pictures
from tests.builders import new_job, stored_image
from tests.clocks import FakeClock
from tests.picture_sandbox import PicturesHere

KEY = "images/a/cup.jpg"


@pytest.fixture
def sandbox() -> PicturesHere:
    return PicturesHere()


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path)


@pytest.fixture
def previews(objects: LocalObjectStore, sandbox: PicturesHere) -> Previews:
    return Previews(objects=objects, sandbox=sandbox, max_image_bytes=20 * 2**20)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    jobs = SqliteJobStore(tmp_path / "jobs.sqlite3", FakeClock())
    yield jobs.add(new_job(image=stored_image(key=KEY)), budget=None).job
    jobs.close()


def test_a_picture_of_a_job_is_made_small_once_for_each_size(
    previews: Previews, objects: LocalObjectStore, sandbox: PicturesHere, job: Job
) -> None:
    objects.put(KEY, pictures.portrait(), media_type="image/jpeg")
    for _ in range(3):
        for side_px in (48, 96):
            data = previews.of_job(job, side_px=side_px)
            assert data is not None
            assert max(Image.open(io.BytesIO(data)).size) == side_px

    assert sandbox.calls == ["thumbnail", "thumbnail"]


def test_a_choice_is_shown_as_it_will_be_used_and_a_refusal_is_not_kept(
    previews: Previews, sandbox: PicturesHere
) -> None:
    for _ in range(2):
        assert max(Image.open(io.BytesIO(previews.of_choice(pictures.phone_photo()))).size) == SIDE_PX
        with pytest.raises(PictureRefused):
            previews.of_choice(b"no picture")

    assert sandbox.calls == ["preview"] * 3


def test_a_stored_picture_that_cannot_be_read_any_more_is_missing(
    previews: Previews, objects: LocalObjectStore, job: Job
) -> None:
    objects.put(KEY, b"\xff\xd8 damaged", media_type="image/jpeg")
    with pytest.raises(ObjectMissing, match="cannot be read any more"):
        previews.of_job(job, side_px=96)


def test_a_job_without_a_picture_has_no_small_one(previews: Previews, job: Job) -> None:
    assert previews.of_job(replace(job, request=None), side_px=96) is None


def test_the_generators_own_picture_is_shown(previews: Previews, objects: LocalObjectStore, job: Job) -> None:
    objects.put(preview_key(job), pictures.product_on_white(), media_type="image/png")

    assert Image.open(io.BytesIO(previews.of_model(job))).size == (768, 768)
