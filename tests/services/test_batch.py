"""One zip of several models has a limit of bytes, told before it is made where that can be known."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.errors import InputRefused, StorageFull
from core.domain.export import ExportOrder, Format
from core.services.batch import Batch
from core.services.inspect import Inspect
from tests import pictures
from tests.services.test_inspect import WHOLE, FakeSandbox, inspect, sandbox
from tests.web.conftest import Site, make_site, site

__all__ = ["inspect", "make_site", "sandbox", "site"]
GLB, STL = ExportOrder(format=Format.GLB), ExportOrder(format=Format.STL)


def finished(site: Site, count: int) -> list[int]:
    numbers = []
    for number in range(count):
        answer = site.client.post(
            "/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data={"targetObject": f"Cup {number}"}
        )
        numbers.append(site.finish(answer.json()["record_id"], WHOLE).id)
    return numbers


def test_more_bytes_than_a_zip_holds_are_refused_before_anything_is_written(
    site: Site, inspect: Inspect, tmp_path: Path
) -> None:
    numbers = finished(site, 4)
    batch = Batch(overview=site.services.overview, inspect=inspect, most_bytes=3 * len(WHOLE))

    with pytest.raises(InputRefused, match=f"holds at most .*such as {numbers[0]} to {numbers[2]}") as told:
        batch.write(numbers, GLB, tmp_path / "all.zip")
    assert told.value.code == "too_large"
    assert not (tmp_path / "all.zip").exists()
    assert batch.write(numbers[:3], GLB, tmp_path / "all.zip") == 3


def test_files_that_have_to_be_made_are_counted_while_they_are(
    site: Site, inspect: Inspect, sandbox: FakeSandbox, tmp_path: Path
) -> None:
    numbers = finished(site, 4)
    made = len(f"{Format.STL} of cup-0")
    batch = Batch(overview=site.services.overview, inspect=inspect, most_bytes=3 * made)

    with pytest.raises(InputRefused, match=f"The first 4 of these files.*such as {numbers[0]} to {numbers[2]}"):
        batch.write(numbers, STL, tmp_path / "all.zip")
    assert len(sandbox.exports) == 4
    assert batch.write(numbers[:3], STL, tmp_path / "all.zip") == 3
    assert len(sandbox.exports) == 4, "what was made is kept"


def test_the_answer_is_413_and_nothing_is_left_on_the_disk(site: Site) -> None:
    numbers = finished(site, 2)
    site.services = replace(site.services, batch=replace(site.services.batch, most_bytes=len(WHOLE)))
    asked = f"/api/export.zip?jobs={numbers[0]}-{numbers[1]}"

    refused = site.client.get(asked)
    assert (refused.status_code, "one zip holds at most" in refused.json()["error"]) == (413, True)
    assert site.client.get(f"/api/export.zip?jobs={numbers[0]}").status_code == 200
    assert list(site.services.zips.iterdir()) == []


def test_a_full_disk_is_told_as_such(site: Site, inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = finished(site, 1)
    batch = Batch(overview=site.services.overview, inspect=inspect)

    def full(*args: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(StorageFull, match="zip could not be written"):
        batch.write(numbers, GLB, Path(os.devnull))


def test_a_file_that_vanished_meanwhile_is_named_in_the_list(
    site: Site, inspect: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = finished(site, 1)
    monkeypatch.setattr(Inspect, "path", lambda self, job, exported: tmp_path / "gone.stl")

    assert Batch(overview=site.services.overview, inspect=inspect).write(numbers, STL, tmp_path / "all.zip") == 0
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        (row,) = json.loads(archive.read("manifest.json"))
    assert (row["file"], "make room" in row["note"]) == ("", True)


def test_a_stop_ends_a_long_zip(site: Site, inspect: Inspect, sandbox: FakeSandbox, tmp_path: Path) -> None:
    numbers = finished(site, 3)
    batch = Batch(overview=site.services.overview, inspect=inspect)
    batch.close()

    assert batch.write(numbers, STL, tmp_path / "all.zip") == 0
    assert sandbox.exports == []
