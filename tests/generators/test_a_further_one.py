"""A further generator is one folder of at most 250 lines, with a kind of jobs of its own, and no other change.

Its folder lies in tests/generators/further. It is put beside the others on the path of the package, as if it lay there.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

import core.bootstrap
from core.bootstrap import Services, build_services
from core.domain.errors import SettingsInvalid
from core.domain.job import Job
from core.domain.request import Kind
from core.domain.status import Status
from core.ports.connection import Connection
from core.settings import Settings
from core.web.jobs_api import services_at_hand
from core.web.server import make_api
from tests import pictures
from tests.generators.beside import FURTHER, pottery_beside_the_others
from tests.picture_sandbox import PicturesHere

ROOT = Path(__file__).parents[2]
FOLDER = FURTHER / "pottery"
MAIN = str(ROOT / "pages" / "main.py")
MOST_LINES = 250
VESSEL = "vessel_to_model"  # the kind that only this folder knows
WAITS = 600  # of a twentieth of a second, until the task is asked for


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with pottery_beside_the_others():
        settings = Settings(data_dir=tmp_path, scheduler=False, poll_first_s=0.2, _env_file=None)
        built = build_services(settings, pictures=PicturesHere())
        built.jobs.beat(owner="t")
        monkeypatch.setattr(core.bootstrap, "_services", built)
        yield built
        built.stop()


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    api = make_api()

    async def at_hand() -> Services:
        return services

    api.dependency_overrides = {services_at_hand: at_hand}
    with TestClient(Starlette(routes=[Mount("/api", app=api)])) as made:
        yield made


def make(services: Services, job_id: int) -> Job:
    """By ticks of its own worker, as the scheduler would give them."""
    (worker,) = [each for each in services.scheduler._workers if each.name == "pottery"]
    worker.dispatch.tick()
    for _ in range(WAITS):
        worker.poll.tick()
        worker.collect.tick()
        job = services.jobs.get(job_id)
        if job.is_ended:
            return job
        threading.Event().wait(0.05)
    raise AssertionError(f"job {job_id} has not ended")


def test_it_is_one_short_folder_that_nothing_else_names() -> None:
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in FOLDER.rglob("*.py")}
    sources = [*ROOT.glob("core/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py", ROOT / "pyproject.toml"]

    assert 0 < sum(lines.values()) <= MOST_LINES, lines
    assert [path for path in sources if re.search("pottery", path.read_text(encoding="utf-8"), re.IGNORECASE)] == []


def test_through_the_api_its_job_becomes_a_model(services: Services, client: TestClient) -> None:
    told = {each["name"]: each for each in client.get("/api/generators").json()["generators"]}
    assert [kind["kind"] for kind in told["pottery"]["kinds"]] == ["image_to_model", "text_to_model", VESSEL]
    described = client.get("/api/openapi.json").json()["components"]["schemas"]
    assert "pottery" in described["TextToModel"]["properties"]["generator"]["enum"]
    assert "Pottery: Sides." in described["TextToModelParameters"]["properties"]["sides"]["description"]

    order = {"generator": "pottery", "prompt": "a wide pot", "targetObject": "Pot", "parameters": {"sides": 2}}
    refused = client.post("/api/jobs", json=order)
    assert (refused.status_code, refused.json()["error"]) == (
        422,
        "Sides must lie between 3 and 64. Nothing was stored.",
    )
    answer = client.post("/api/jobs", json=order | {"parameters": {"sides": 5, "glaze": "blue"}})
    assert answer.status_code == 202, answer.text
    job = make(services, answer.json()["record_id"])

    assert (job.status, job.generator, job.choices) == (Status.COMPLETED, "pottery", {"sides": 5, "glaze": "blue"})
    model = client.get(client.get(answer.json()["status_url"]).json()["3d_url"])
    assert model.content.startswith(b"glTF")
    assert job.model is not None
    assert job.model.size_bytes == len(model.content)


@pytest.mark.parametrize("kind", [Kind.IMAGE, Kind.TEXT])
def test_on_the_page_its_job_becomes_a_model(services: Services, kind: Kind) -> None:
    app = AppTest.from_file(MAIN, default_timeout=20)
    app.query_params["kind"] = kind.value
    app.run()
    if kind is Kind.IMAGE:
        app.radio(key="made_by-image_to_model").set_value("pottery").run()
        app.file_uploader[0].set_value(("cat.jpg", pictures.cat(), "image/jpeg")).run()
    else:
        app.text_area(key="prompt").set_value("a wide pot").run()
    app.number_input(key=f"{kind.value}-pottery-sides").set_value(7).run()
    app.selectbox(key=f"{kind.value}-pottery-glaze").select("blue").run()
    app.text_input(key="object").set_value("Pot").run()
    app.button(key="make").click().run()
    assert not app.exception
    job = make(services, 1)

    assert (job.status, job.generator, job.kind) == (Status.COMPLETED, "pottery", kind)
    assert job.choices == {"sides": 7, "glaze": "blue"}
    shown = AppTest.from_file(MAIN, default_timeout=20)
    shown.query_params["job"] = "1"
    shown = shown.run().switch_page("jobs.py").run()
    assert not shown.exception
    text = "\n".join(each.value for each in (*shown.markdown, *shown.caption))
    assert "Pottery" in text
    assert "Blue glaze" in text


def test_a_kind_of_its_own_is_described_checked_and_made_through_the_api(
    services: Services, client: TestClient
) -> None:
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    body = schemas["VesselToModel"]
    assert schemas["Job"]["discriminator"]["mapping"][VESSEL] == "#/components/schemas/VesselToModel"
    assert set(body["required"]) == {"targetObject", "makerMark", "imageUrl"}
    assert body["properties"]["makerMark"]["maxLength"] == 40
    assert body["examples"][0]["kind"] == VESSEL
    assert "makerMark" in schemas["JobForm"]["properties"]
    offered = {each["kind"]: each for each in client.get("/api/generators").json()["generators"][-1]["kinds"]}
    assert offered[VESSEL]["label"] == "a vessel with an inscription"

    order = {"kind": VESSEL, "targetObject": "Cup", "makerMark": "for Ada", "parameters": json.dumps({"sides": 6})}
    picture = {"image": ("cup.jpg", pictures.cat(), "image/jpeg")}
    bad = {
        "Please say what is to be scratched into the clay. Nothing was stored.": order | {"makerMark": ""},
        "The inscription has 41 characters; at most 40 are possible. Please shorten it. Nothing was stored.": order
        | {"makerMark": "x" * 41},
        "There is no prompt in a vessel with an inscription, which takes makerMark. Nothing was stored.": order
        | {"prompt": "a cup"},
        "Pottery has no choice 'glaze' for this; it knows sides. Nothing was stored.": order
        | {"parameters": json.dumps({"glaze": "blue"})},
        "Built-in engine (offline) cannot do this: a vessel with an inscription. Of those connected here, Pottery can. "
        "Nothing was stored.": order | {"generator": "offline"},
    }
    for sentence, body in bad.items():
        refused = client.post("/api/jobs", data=body, files=picture)
        assert (refused.status_code, refused.json()["error"]) == (422, sentence)
    bare = client.post("/api/jobs", json=order | {"parameters": {}})
    assert (bare.status_code, bare.json()["error"]) == (422, "The picture of the front is missing. Nothing was stored.")

    # without its name: by the picture and the words
    answer = client.post("/api/jobs", data={name: order[name] for name in order if name != "kind"}, files=picture)
    assert answer.status_code == 202, answer.text
    job = make(services, answer.json()["record_id"])
    assert (job.status, job.kind.value, dict(job.texts)) == (Status.COMPLETED, VESSEL, {"maker_mark": "for Ada"})
    model = client.get(client.get(answer.json()["status_url"]).json()["3d_url"]).content
    assert b'"said": "for Ada"' in model


def test_a_kind_of_its_own_has_its_tab_on_the_page(services: Services) -> None:
    app = AppTest.from_file(MAIN, default_timeout=20)
    app.query_params["kind"] = VESSEL
    app.run()
    assert [each.value for each in app.title] == ["Throw a vessel"]
    app.text_input(key="object").set_value("Cup").run()
    app.button(key="make").click().run()
    assert [each.value for each in app.error] == ["Please choose a picture first\\."]
    app.file_uploader[0].set_value(("cat.jpg", pictures.cat(), "image/jpeg")).run()
    app.text_area(key="maker_mark").set_value("for Ada").run()
    app.number_input(key=f"{VESSEL}-pottery-sides").set_value(7).run()
    app.button(key="make").click().run()
    assert not app.exception
    job = make(services, 1)

    assert (job.status, job.kind.value, job.choices) == (Status.COMPLETED, VESSEL, {"sides": 7})
    shown = AppTest.from_file(MAIN, default_timeout=20)
    shown.query_params["job"] = "1"
    shown = shown.run().switch_page("jobs.py").run()
    assert not shown.exception
    assert any("for Ada" in each.value for each in shown.markdown)
    assert any("Carrying the clay to the wheel" in each.value for each in shown.markdown)


def test_its_job_is_kept_and_made_again_as_the_kind_it_is(services: Services, client: TestClient) -> None:
    told = {"kind": VESSEL, "targetObject": "Cup", "makerMark": "for Ada"}
    answer = client.post("/api/jobs", data=told, files={"image": ("cup.jpg", pictures.cat(), "image/jpeg")})
    services.decide.cancel(answer.json()["record_id"])
    again = services.decide.retry(answer.json()["record_id"])

    assert again.request == services.jobs.get(answer.json()["record_id"]).request
    assert again.kind.value == VESSEL


def test_one_that_names_the_category_of_another_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pottery_beside_the_others():
        folder = importlib.import_module("core.generators.pottery.connect")
        connect = folder.connect

        def named_alike(settings: Settings, **more: Any) -> Connection:
            return replace(connect(settings, **more), limits={"offline": 2})

        monkeypatch.setattr(folder, "connect", named_alike)
        with pytest.raises(SettingsInvalid, match="both name the category 'offline'"):
            build_services(Settings(data_dir=tmp_path, scheduler=False, _env_file=None))
