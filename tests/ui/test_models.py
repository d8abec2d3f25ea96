"""The page of a finished model: verdicts, figures, other files; and the choices of the built-in engine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.bootstrap import Services
from core.domain.job import NewJob
from core.generators.offline.declaration import STYLES
from core.mesh import extras
from core.ui.batch_export import ranges
from tests.builders import EVERY_SLOT, Category, intent, new_job, stored_model
from tests.fake_generator import glb
from tests.mesh.models import arm, ball, glb_of, textured
from tests.ui.test_pages import MAIN, add, jobs_page, said, services

__all__ = ["services"]
WHOLE = glb_of(textured(ball(2)))


def finished(services: Services, model: bytes = WHOLE, choices: dict[str, Any] | None = None) -> int:
    jobs = services.jobs
    job_id = add(services) if choices is None else jobs.add(offline_job(choices)).job.id
    claim = jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    jobs.mark_submitting(claim, intent())
    jobs.bind_task(claim, f"task-{job_id}", poll_in_s=0)
    jobs.mark_saving(claim, credits_used=None)
    saving = jobs.claim_saving(owner="t", lease_s=60, generator="offline", limit=1)[0]
    key = f"models/{job_id}/cup.glb"
    services.objects.put(key, model, media_type="model/gltf-binary")
    stored = stored_model(key=key, size_bytes=len(model), sha256=hashlib.sha256(model).hexdigest())
    jobs.complete(saving.claim, stored)
    return job_id


def offline_job(choices: dict[str, Any]) -> NewJob:
    return new_job(generator="offline", category=Category.OFFLINE, choices=choices)


@pytest.mark.slow
def test_a_model_is_judged_and_its_figures_are_told(services: Services) -> None:
    number = finished(services)
    services.inspect.wait(services.overview.job(number), patience_s=60)
    app = jobs_page(number)

    assert not app.exception
    text = said(app).replace("\\", "")
    assert "Technical fit" in "\n".join(each.value for each in app.subheader)
    assert "320 faces are fine for a prop" in text
    assert "It is closed" in text
    assert "**Faces** 320" in text
    assert "**Proportions** 1.00 × 1.00 × 1.00" in text
    assert "**Size** not known" in text
    assert " cm" not in text
    assert "128 × 64" in text


@pytest.mark.slow
def test_a_file_is_made_and_then_offered(services: Services) -> None:
    app = jobs_page(finished(services))
    app.selectbox(key="format-1").select("stl").run()
    app.number_input(key="height-1").set_value(40.0).run()
    app.button(key="export-1").click().run(timeout=60)

    assert not app.exception
    made = app.session_state["made-1"]
    assert made[1] == "/api/jobs/1/export?format=stl&compression=none&heightMm=40"


def test_what_a_file_cannot_hold_is_said_before_it_is_made(services: Services) -> None:
    app = jobs_page(finished(services, arm()))
    lost = "Without its 1 animation and 1 skeleton"
    assert not app.exception
    assert lost not in said(app)

    app.selectbox(key="format-1").select("stl").run()
    assert lost in said(app)
    app.selectbox(key="format-1").select("glb").run()
    assert lost not in said(app), "all its faces: it is kept"
    app.number_input(key="export-faces-1").set_value(100).run()
    assert lost in said(app)


def test_a_broken_model_says_so_and_can_still_be_downloaded(services: Services) -> None:
    app = jobs_page(finished(services, WHOLE[: len(WHOLE) // 2]))

    assert not app.exception
    assert "The model file is cut short. You can still download the file." in said(app).replace("\\", "")


def test_the_built_in_engine_offers_shapes_and_a_real_height(services: Services) -> None:
    app = AppTest.from_file(MAIN, default_timeout=20).run()

    assert not app.exception
    assert list(STYLES.values()) == list(app.selectbox(key="image_to_model-offline-style").options)
    app.selectbox(key="image_to_model-offline-style").select("coin").run()
    height = app.number_input(key="image_to_model-offline-height_m")
    assert height.label == "Real height in centimetres"
    height.set_value(12.0).run()
    assert not app.exception


@pytest.mark.parametrize(("numbers", "text"), [([1], "1"), ([1, 2, 3], "1-3"), ([1, 3, 4, 9], "1,3-4,9"), ([], "")])
def test_numbers_are_written_short(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_file_that_needs_the_extras_is_offered_only_where_they_are_installed(
    services: Services, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda library: is_installed)
    number = finished(services)
    one, table = jobs_page(number), jobs_page()

    offered = " ".join(one.selectbox(key=f"format-{number}").options)
    assert ("USDZ" in offered) is is_installed
    assert ("Meshopt" in " ".join(one.selectbox(key=f"packing-{number}").options)) is is_installed
    assert ("USDZ" in table.selectbox(key="export-format").options) is is_installed


def test_a_model_without_an_object_says_so_and_what_was_made_instead(services: Services) -> None:
    note = "No object was found in the picture. The whole picture was made into a relief instead."
    app = jobs_page(finished(services, told_of(WHOLE, {"engine": "x", "note": note, "object": "none"})))

    assert note in app.warning[0].value.replace("\\", "")
    assert "cut the object out" not in said(app)


def test_how_a_model_was_made_is_what_its_file_says(services: Services) -> None:
    app = jobs_page(finished(services, told_of(WHOLE, {"engine": "x", "note": "Its **back** is guessed."})))

    assert "Its **back** is guessed." in said(app).replace("\\", "")
    assert not app.warning


def told_of(model: bytes, extras: dict[str, str]) -> bytes:
    """The model as if the built-in engine had made it and said this of it."""
    document, binary = unpacked(model)
    document["asset"] |= {"generator": "Maquette, Built-in engine (offline)", "extras": extras}
    return glb(json.dumps(document).encode(), binary)


def unpacked(model: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(model[12:16], "little")
    return json.loads(model[20 : 20 + length]), model[20 + length + 8 :]


@pytest.mark.slow
def test_a_known_size_is_told_in_centimetres(services: Services) -> None:
    number = finished(services, choices={"height_m": 1.0})
    services.inspect.wait(services.overview.job(number), patience_s=60)
    text = said(jobs_page(number)).replace("\\", "")

    assert "100.0 × 100.0 × 100.0 cm" in text
    assert "**Volume**" in text
    assert "not known" not in text


def test_the_table_says_which_models_are_without_an_object(services: Services) -> None:
    finished(services)
    finished(services, told_of(WHOLE, {"engine": "x", "note": "No object.", "object": "none"}))
    notes = list(jobs_page().dataframe[0].value["error"])

    assert notes == ["No object was found in the picture; the whole picture became a model.", ""]
