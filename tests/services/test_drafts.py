"""Chosen pictures that wait to be submitted: found again by their number, and nobody is stopped when the disk is."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.errors import StorageFull
from core.domain.request import Slot
from core.services.drafts import ChosenPicture, Drafts
from core.stores.files.object_store import LocalObjectStore

CAT = ChosenPicture(name='a "cat"\nof\\mine.png', data=b"\x89PNG\nbytes")


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    return Drafts(objects=LocalObjectStore(tmp_path))


def test_a_picture_comes_back_with_its_name_for_its_side_alone(drafts: Drafts) -> None:
    number = drafts.new()
    drafts.keep(number, Slot.BACK, CAT)

    assert drafts.find(number, Slot.BACK) == CAT
    assert drafts.find(number, Slot.FRONT) is None
    assert drafts.find(drafts.new(), Slot.BACK) is None


def test_the_newest_picture_counts_and_a_forgotten_one_is_gone(drafts: Drafts) -> None:
    number = drafts.new()
    drafts.keep(number, Slot.FRONT, CAT)
    drafts.keep(number, Slot.FRONT, ChosenPicture(name="dog.png", data=b"dog"))
    found = drafts.find(number, Slot.FRONT)
    drafts.forget(number, Slot.FRONT)

    assert found is not None
    assert found.name == "dog.png"
    assert drafts.find(number, Slot.FRONT) is None


@pytest.mark.parametrize("number", ["", "..", "../" * 3 + "etc/passwd", "x" * 32, "A" * 32, "a" * 31, "a" * 32 + "\n"])
def test_what_is_no_number_of_a_draft_finds_nothing(drafts: Drafts, number: str) -> None:
    assert drafts.find(number, Slot.FRONT) is None


def test_a_full_disk_costs_the_convenience_alone(
    drafts: Drafts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*args: object, **more: object) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(LocalObjectStore, "put", full)
    number = drafts.new()
    drafts.keep(number, Slot.FRONT, CAT)

    assert drafts.find(number, Slot.FRONT) is None
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("data", [b"", b"no name\nbytes", b"\xff\n"])
def test_a_file_that_a_broken_disk_left_is_no_picture(
    drafts: Drafts, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    number = drafts.new()
    drafts.objects.put(f"{number}-front", data, media_type="application/octet-stream")

    assert drafts.find(number, Slot.FRONT) is None
    assert "could not be read" in caplog.text


def test_what_was_typed_is_kept_until_it_is_empty(drafts: Drafts) -> None:
    number = drafts.new()
    drafts.keep_entries(number, {"object": "Größe 犬", "choices": {"height_m": 0.1, "texture": False}})
    assert drafts.entries(number) == {"object": "Größe 犬", "choices": {"height_m": 0.1, "texture": False}}

    drafts.keep_entries(number, {})
    drafts.keep_entries(number, {})
    assert drafts.entries(number) == drafts.entries("../../etc/passwd") == {}


@pytest.mark.parametrize("data", [b"", b"[1]", b"\xff"])
def test_entries_that_a_broken_disk_left_are_none(drafts: Drafts, data: bytes) -> None:
    number = drafts.new()
    drafts.objects.put(f"{number}-entries", data, media_type="application/json")

    assert drafts.entries(number) == {}
