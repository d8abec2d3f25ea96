"""Pictures and models over HTTP: whole, in parts, and not again when they are known."""

from __future__ import annotations

import io
from urllib.parse import unquote

import pytest
from PIL import Image

from tests.fake_generator import glb
from tests.web.conftest import Site
from tests.web.test_generate import post_file


@pytest.fixture
def done(site: Site) -> Site:
    post_file(site, name="Größe 犬")
    site.finish(1)
    return site


def test_a_model_is_sent_with_its_type_and_length_and_without_compression(done: Site) -> None:
    answer = done.client.get("/api/jobs/1/model.glb", headers={"Accept-Encoding": "gzip"})

    assert answer.content == glb()
    assert answer.headers["content-type"] == "model/gltf-binary"
    assert answer.headers["content-length"] == str(len(glb()))
    assert answer.headers["content-encoding"] == "identity"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_part_of_a_model_can_be_asked_for(done: Site) -> None:
    answer = done.client.get("/api/jobs/1/model.glb", headers={"Range": "bytes=0-3"})

    assert (answer.status_code, answer.content) == (206, b"glTF")


def test_a_known_model_is_not_sent_again(done: Site) -> None:
    tag = done.client.get("/api/jobs/1/model.glb").headers["etag"]
    again = done.client.get("/api/jobs/1/model.glb", headers={"If-None-Match": tag})

    assert (again.status_code, again.content) == (304, b"")


def test_a_download_has_a_name_people_can_read_in_any_script(done: Site) -> None:
    header = done.client.get("/api/jobs/1/model.glb?download=1").headers["content-disposition"]

    assert (
        unquote(header).endswith("grösse-犬.glb")
        or unquote(header).endswith("grosse-犬.glb")
        or "犬" in unquote(header)
    )
    assert header.startswith("attachment")


def test_the_picture_comes_whole_or_small(done: Site) -> None:
    whole = Image.open(io.BytesIO(done.client.get("/api/jobs/1/image").content))
    small = Image.open(io.BytesIO(done.client.get("/api/jobs/1/image?size=96").content))

    assert whole.size == (451, 300)
    assert max(small.size) == 96


def test_a_picture_that_was_damaged_where_it_lies_is_404_when_it_is_asked_for_small(done: Site) -> None:
    stored = done.services.jobs.get(1).image
    assert stored is not None
    done.services.objects.put(stored.key, b"\xff\xd8 damaged", media_type="image/jpeg")

    answer = done.client.get("/api/jobs/1/image?size=96")
    assert (answer.status_code, "cannot be read" in answer.json()["error"]) == (404, True)


def test_a_size_out_of_bounds_is_refused(done: Site) -> None:
    assert done.client.get("/api/jobs/1/image?size=5000").status_code == 422


def test_what_is_not_there_is_404_with_a_sentence(done: Site) -> None:
    post_file(done)

    for path in ("/api/jobs/2/model.glb", "/api/jobs/99/model.glb", "/api/jobs/99/image"):
        answer = done.client.get(path)
        assert (answer.status_code, answer.json()["success"]) == (404, False)


def test_a_model_whose_file_was_removed_is_404(done: Site) -> None:
    done.services.objects.delete("models/1/cup.glb")

    assert done.client.get("/api/jobs/1/model.glb").status_code == 404


def test_other_bytes_in_a_models_place_are_never_sent_under_its_name(done: Site) -> None:
    """Of the same size and of another, on a machine that sent the model before."""
    known = done.client.get("/api/jobs/1/model.glb")
    key = done.services.jobs.get(1).model.key  # type: ignore[union-attr]
    for data in (glb()[::-1], glb() + b"!", b""):
        done.services.objects.put(key, data, media_type="model/gltf-binary")
        for address in ("/api/jobs/1/model.glb", "/api/jobs/1/export?format=glb"):
            answer = done.client.get(address)
            assert answer.status_code == 410, (address, answer.text)
            assert "is not the one that was stored" in answer.json()["error"]
            assert "python -m core.doctor" in answer.json()["error"]

    done.services.objects.put(key, glb(), media_type="model/gltf-binary")
    again = done.client.get("/api/jobs/1/model.glb")
    assert (again.content, again.headers["etag"]) == (glb(), known.headers["etag"])


def test_a_removed_model_and_picture_are_told_with_what_to_do(done: Site) -> None:
    job = done.services.jobs.get(1)
    done.services.objects.delete(job.model.key)  # type: ignore[union-attr]
    done.services.objects.delete(job.image.key)  # type: ignore[union-attr]

    for address in ("/api/jobs/1/model.glb", "/api/jobs/1/export?format=glb", "/api/jobs/1/image"):
        answer = done.client.get(address)
        assert answer.status_code == 404, (address, answer.text)
        assert "is not there any more" in answer.json()["error"]
        assert "from a backup" in answer.json()["error"]


def test_another_picture_in_a_pictures_place_is_not_sent(done: Site) -> None:
    key = done.services.jobs.get(1).image.key  # type: ignore[union-attr]
    done.services.objects.put(key, b"\xff\xd8 another", media_type="image/jpeg")

    assert done.client.get("/api/jobs/1/image").status_code == 410
