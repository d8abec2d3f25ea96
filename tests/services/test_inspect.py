"""Looking at models: each is looked at once, and what is known is told at once."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import core.services.inspect
from core.domain.errors import ExportFailed, InputRefused, ModelInvalid, ObjectMissing, SandboxFailed
from core.domain.export import Compression, ExportFacts, ExportOrder, Format
from core.domain.job import Job
from core.domain.mesh_report import ShapeFacts
from core.mesh.shape import measure
from core.ports.model_sandbox import Inspection
from core.services.batch import Batch
from core.services.inspect import Inspect
from core.stores.files.object_store import LocalObjectStore
from tests import pictures
from tests.mesh.models import arm, ball, glb_of, textured
from tests.web.conftest import Site, make_site, site

__all__ = ["make_site", "site"]

WHOLE = glb_of(textured(ball(2)))


def shape() -> ShapeFacts:
    return measure(ball(2).vertices, ball(2).faces)


@dataclass
class FakeSandbox:
    """Counts what it is asked; may be slow or refuse."""

    looks: int = 0
    exports: list[ExportOrder] = field(default_factory=list)
    refusal: str = ""
    trouble: str = ""
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def look(self, model: bytes) -> Inspection:
        assert self.may_go_on.wait(10)
        self.looks += 1
        if self.trouble:
            raise SandboxFailed(self.trouble)
        if self.refusal:
            raise ModelInvalid(self.refusal)
        return Inspection(thumbnail=b"\x89PNG it", shape=shape())

    def turntable(self, model: bytes) -> bytes:
        return b"RIFF webp"

    def export(self, model: bytes, order: ExportOrder, *, name: str) -> tuple[bytes, ExportFacts]:
        if self.refusal:
            raise ExportFailed(self.refusal)
        self.exports.append(order)
        return f"{order.format} of {name}".encode(), ExportFacts(
            size_bytes=1, face_count=1, is_watertight=True, extents=(1, 1, 1)
        )

    def close(self) -> None:
        self.may_go_on.set()


@pytest.fixture
def sandbox() -> FakeSandbox:
    made = FakeSandbox()
    made.may_go_on.set()
    return made


@pytest.fixture
def job(site: Site) -> Job:
    answer = site.client.post(
        "/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data={"targetObject": "=Größe 犬"}
    )
    return site.finish(answer.json()["record_id"], WHOLE)


@pytest.fixture
def inspect(site: Site, sandbox: FakeSandbox, tmp_path: Path) -> Inspect:
    return Inspect(objects=site.services.objects, sandbox=sandbox, exports=LocalObjectStore(tmp_path / "exports"))


def test_the_header_is_there_at_once_and_the_shape_follows(inspect: Inspect, sandbox: FakeSandbox, job: Job) -> None:
    sandbox.may_go_on.clear()
    first = inspect.report(job)
    assert first is not None
    assert (first.header.face_count, first.shape) == (320, None)
    assert inspect.thumbnail(job) is None

    sandbox.may_go_on.set()
    inspect.wait(job, patience_s=10)
    second = inspect.report(job)
    assert second is not None
    assert second.shape == shape()
    assert inspect.thumbnail(job) == b"\x89PNG it"
    for _ in range(3):
        inspect.report(job)
        inspect.request(job)
    assert sandbox.looks == 1


def test_what_was_measured_is_kept_for_the_next_process(
    site: Site, inspect: Inspect, sandbox: FakeSandbox, job: Job
) -> None:
    inspect.wait(job, patience_s=10)
    again = Inspect(objects=site.services.objects, sandbox=sandbox, exports=inspect.exports)
    report = again.report(job)

    assert report is not None
    assert report.shape == shape()
    assert sandbox.looks == 1


def test_a_model_that_cannot_be_measured_is_not_tried_for_ever(
    inspect: Inspect, sandbox: FakeSandbox, job: Job
) -> None:
    sandbox.refusal = "It is too large to be looked at."
    inspect.wait(job, patience_s=10)
    report = inspect.report(job)

    assert report is not None
    assert (report.shape, report.problem) == (None, "It is too large to be looked at.")
    assert report.header.face_count == 320
    inspect.report(job)
    assert sandbox.looks == 1


def test_a_look_that_did_not_work_is_tried_again_and_not_for_ever(
    site: Site, inspect: Inspect, sandbox: FakeSandbox, job: Job
) -> None:
    sandbox.trouble = "The server is being stopped."
    for _ in range(4):
        inspect.wait(job, patience_s=10)
    report = inspect.report(job)
    assert report is not None
    assert report.problem == "The server is being stopped."
    assert sandbox.looks == 2

    sandbox.trouble = ""
    again = Inspect(objects=site.services.objects, sandbox=sandbox, exports=inspect.exports)
    again.wait(job, patience_s=10)
    report = again.report(job)
    assert report is not None
    assert report.shape == shape(), "nothing of it was kept for the next start"


def test_what_is_remembered_of_models_does_not_grow_for_ever(
    site: Site, sandbox: FakeSandbox, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.services.inspect, "MOST_REMEMBERED", 3)
    inspect = Inspect(objects=site.services.objects, sandbox=sandbox, exports=LocalObjectStore(tmp_path / "exports"))
    assert job.model is not None
    for number in range(8):
        sandbox.trouble = "It took too long." if number % 2 else ""
        other = replace(job, model=replace(job.model, sha256=f"{number:x}".ljust(64, "0")))
        for _ in range(2):
            inspect.wait(other, patience_s=10)
        report = inspect.report(other)
        assert report is not None
        assert report.problem == sandbox.trouble

    for remembered in (inspect._headers, inspect._reports, inspect._failures):
        assert 0 < len(remembered) <= 3
    assert len(inspect._under_way) == 0


@pytest.mark.parametrize("data", [b"", None])
def test_a_file_of_no_bytes_or_none_at_all_is_told_in_a_sentence(
    site: Site, inspect: Inspect, job: Job, data: bytes | None
) -> None:
    assert job.model is not None
    site.services.objects.delete(job.model.key)
    if data is not None:
        site.services.objects.put(job.model.key, data, media_type="model/gltf-binary")
    with pytest.raises((ModelInvalid, ObjectMissing)):
        inspect.report(job)


def test_the_same_export_is_made_once_and_another_one_anew(inspect: Inspect, sandbox: FakeSandbox, job: Job) -> None:
    order = ExportOrder(format=Format.STL, height_mm=50)
    first, second = inspect.export(job, order), inspect.export(job, order)
    other = inspect.export(job, ExportOrder(format=Format.STL, height_mm=51))

    assert first == second
    assert first.key != other.key
    assert len(sandbox.exports) == 2
    assert first.name == "grösse-犬.stl"
    assert inspect.export(job, ExportOrder(format=Format.GLB, faces=500, compression=Compression.DRACO)).name == (
        "grösse-犬-500-faces-draco.glb"
    )
    assert inspect.read(job, inspect.export(job, ExportOrder(format=Format.GLB))) == WHOLE
    assert len(sandbox.exports) == 3, "the file itself is not made again"


def test_a_batch_has_every_model_and_a_manifest_that_tells_of_all(
    site: Site, inspect: Inspect, sandbox: FakeSandbox, job: Job, tmp_path: Path
) -> None:
    waiting = site.client.post(
        "/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data={"targetObject": "Waits"}
    ).json()["record_id"]
    inspect.wait(job, patience_s=10)
    batch = Batch(overview=site.services.overview, inspect=inspect)
    target = tmp_path / "all.zip"

    assert batch.write([job.id, waiting, job.id], ExportOrder(format=Format.STL), target) == 1

    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {f"{job.id}-grösse-犬.stl", "manifest.json", "manifest.csv"}
        manifest = json.loads(archive.read("manifest.json"))
        table = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert [row["job"] for row in manifest] == [job.id, waiting]
    assert manifest[0]["report"]["header"]["face_count"] == 320
    assert set(manifest[0]["fit_for"]) == {"web", "games", "ar", "print"}
    assert manifest[1]["note"] == "There is no model."
    assert table[0]["object"] == "'=Größe 犬", "a spreadsheet must not run it"


def test_a_batch_goes_on_when_one_model_cannot_be_converted(
    site: Site, inspect: Inspect, sandbox: FakeSandbox, job: Job, tmp_path: Path
) -> None:
    sandbox.refusal = "It did not work."
    batch = Batch(overview=site.services.overview, inspect=inspect)

    assert batch.write([job.id], ExportOrder(format=Format.STL), tmp_path / "all.zip") == 0
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert json.loads(archive.read("manifest.json"))[0]["note"] == "It did not work."
    with pytest.raises(InputRefused, match="between 1 and"):
        batch.write([], ExportOrder(format=Format.STL), tmp_path / "none.zip")


def test_a_file_that_loses_movement_says_so_and_so_does_the_manifest(
    site: Site, inspect: Inspect, tmp_path: Path
) -> None:
    answer = site.client.post(
        "/api/generate-3d",
        files={"image": ("a.png", pictures.cat())},
        data={"targetObject": "Arm", "heightM": "1"},
    )
    job = site.finish(answer.json()["record_id"], arm())
    lost = "Without its 1 animation and 1 skeleton: this file holds the model at rest. GLB with all faces keeps them."
    stl = ExportOrder(format=Format.STL)

    assert inspect.export(job, stl).note == lost
    assert inspect.export(job, stl).note == lost, "also when it was made before"
    assert inspect.export(job, ExportOrder(format=Format.GLB, faces=100)).note == lost
    for whole in (ExportOrder(format=Format.GLB), ExportOrder(format=Format.GLB, compression=Compression.DRACO)):
        assert inspect.export(job, whole).note == ""
    Batch(overview=site.services.overview, inspect=inspect).write([job.id], stl, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert json.loads(archive.read("manifest.json"))[0]["note"] == lost
        assert lost in archive.read("manifest.csv").decode("utf-8-sig")
