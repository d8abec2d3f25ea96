"""Figures, pictures and other files of finished models over REST; the work is done in real child processes."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import trimesh
from PIL import Image

from core.mesh import extras
from core.web.server import make_api
from tests import pictures
from tests.mesh.models import arm, ball, glb_of, textured
from tests.web.conftest import Site

WHOLE = glb_of(textured(ball(3)))


@pytest.fixture
def number(site: Site) -> int:
    made = site.client.post(
        "/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data={"targetObject": "Ball"}
    )
    return site.finish(made.json()["record_id"], WHOLE).id


@pytest.mark.slow
def test_the_report_tells_the_header_at_once_and_the_shape_when_waited_for(site: Site, number: int) -> None:
    at_once = site.client.get(f"/api/jobs/{number}/report").json()
    assert at_once["header"]["face_count"] == 1280
    assert {each["use"]: each["light"] for each in at_once["verdicts"]}["web"] == "green"

    waited = site.client.get(f"/api/jobs/{number}/report?wait=true").json()
    assert waited["is_complete"]
    assert waited["shape"]["is_watertight"]
    assert [each["use"] for each in waited["verdicts"]] == ["web", "games", "ar", "print"]
    assert all(each["reason"].endswith(".") for each in waited["verdicts"])


@pytest.mark.slow
def test_a_thumbnail_is_drawn_when_it_is_asked_for(site: Site, number: int) -> None:
    answer = site.client.get(f"/api/jobs/{number}/thumbnail.png")

    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (512, 512)


@pytest.mark.slow
def test_an_export_is_a_download_with_its_name_and_size(site: Site, number: int) -> None:
    answer = site.client.get(f"/api/jobs/{number}/export?format=stl&heightMm=40&faces=600")

    assert 'filename="ball-600-faces.stl"' in answer.headers["content-disposition"]
    mesh = trimesh.load_mesh(io.BytesIO(answer.content), file_type="stl")
    assert len(mesh.faces) <= 600
    assert mesh.extents[2] == pytest.approx(40, abs=0.01)


@pytest.mark.slow
def test_an_export_says_what_it_cannot_hold(site: Site) -> None:
    asked = {"targetObject": "A", "heightM": "1"}
    made = site.client.post("/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data=asked)
    number = site.finish(made.json()["record_id"], arm()).id

    assert site.client.get(f"/api/jobs/{number}/report").json()["is_size_known"]
    assert "at rest" in site.client.get(f"/api/jobs/{number}/export?format=ply").headers["x-maquette-note"]
    assert "x-maquette-note" not in site.client.get(f"/api/jobs/{number}/export?format=glb").headers


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("format=fbx", 422),
        ("format=stl&heightMm=0", 422),
        ("format=stl&heightMm=nan", 422),
        ("format=glb&faces=3", 422),
        ("format=glb&compression=zip", 422),
    ],
)
def test_orders_that_make_no_sense_are_refused_with_a_sentence(site: Site, number: int, query: str, code: int) -> None:
    answer = site.client.get(f"/api/jobs/{number}/export?{query}")

    assert answer.status_code == code
    assert answer.json()["error"].endswith(".")


@pytest.mark.slow
def test_a_broken_model_has_a_sentence_and_its_file(site: Site) -> None:
    made = site.client.post("/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data={"targetObject": "B"})
    number = site.finish(made.json()["record_id"], WHOLE[: len(WHOLE) // 2]).id

    for path in ("report", "export?format=stl"):
        answer = site.client.get(f"/api/jobs/{number}/{path}")
        assert answer.status_code == 422
        assert "cut short" in answer.json()["error"]
    assert site.client.get(f"/api/jobs/{number}/thumbnail.png").status_code == 404
    assert site.client.get(f"/api/jobs/{number}/model.glb").status_code == 200


@pytest.mark.parametrize("path", ["report", "thumbnail.png", "turntable.webp", "export?format=stl"])
def test_a_job_without_a_model_says_so(site: Site, path: str) -> None:
    made = site.client.post("/api/generate-3d", files={"image": ("a.png", pictures.cat())}, data={"targetObject": "B"})
    answer = site.client.get(f"/api/jobs/{made.json()['record_id']}/{path}")

    assert answer.status_code == 404
    assert "has no model yet" in answer.json()["error"]


@pytest.mark.slow
def test_several_models_in_one_zip(site: Site, number: int) -> None:
    answer = site.client.get(f"/api/export.zip?jobs={number}&format=ply")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert f"{number}-ball.ply" in archive.namelist()
        assert json.loads(archive.read("manifest.json"))[0]["object"] == "Ball"


@pytest.mark.parametrize("jobs", ["", "a", "1-", "1-5000", "9" * 30, "5-1", "1;2"])
def test_numbers_that_are_none_are_refused(site: Site, jobs: str) -> None:
    assert site.client.get(f"/api/export.zip?jobs={jobs}").status_code == 422


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda library: False)


@pytest.mark.usefixtures("without_extras")
@pytest.mark.parametrize("asked", ["format=usdz", "compression=meshopt"])
def test_what_is_not_installed_is_refused_in_words_for_whoever_asks(site: Site, number: int, asked: str) -> None:
    for path in (f"/api/jobs/{number}/export?{asked}", f"/api/export.zip?jobs={number}&{asked}"):
        answer = site.client.get(path)
        assert answer.status_code == 422
        assert "This server does not" in answer.json()["error"]
        assert "make install" not in answer.json()["error"]


@pytest.mark.parametrize(("installed", "formats", "packings"), [(True, 6, 3), (False, 5, 2)])
def test_the_description_lists_only_what_can_be_made(
    monkeypatch: pytest.MonkeyPatch, installed: bool, formats: int, packings: int
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda library: installed)
    paths = make_api().openapi()["paths"]

    for path in ("/jobs/{record_id}/export", "/export.zip"):
        told = {each["name"]: each["schema"] for each in paths[path]["get"]["parameters"]}
        assert (len(told["format"]["enum"]), len(told["compression"]["enum"])) == (formats, packings)
        assert ("usdz" in told["format"]["enum"]) is installed


def test_a_model_of_unknown_size_says_so_in_its_report_in_files_and_in_the_manifest(site: Site, number: int) -> None:
    report = site.client.get(f"/api/jobs/{number}/report").json()
    assert report["is_size_known"] is False
    whole = site.client.get(f"/api/jobs/{number}/export?format=glb")
    assert "real size is not known" in whole.headers["x-maquette-note"]

    zipped = zipfile.ZipFile(io.BytesIO(site.client.get(f"/api/export.zip?jobs={number}").content))
    (row,) = json.loads(zipped.read("manifest.json"))
    assert row["size_known"] is False
    assert "real size is not known" in row["note"]
