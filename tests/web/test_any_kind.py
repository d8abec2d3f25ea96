"""POST /api/jobs: each kind, as JSON and as a form, and what is refused before anything is fetched or stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from core.domain.errors import AddressRefused
from core.domain.job import Job
from core.domain.request import Kind, MultiviewToModel, Slot, TextToModel
from core.fetch.fetcher import Fetched
from core.ports.job_store import JobQuery
from tests import pictures
from tests.fake_generator import glb
from tests.web.conftest import Site

HOST = "https://example.com"
VIEWS = {
    "front": pictures.cat(),
    "left": pictures.line_art(),
    "back": pictures.portrait(),
    "right": pictures.with_alpha(),
}
NOBODY = "http://127.0.0.1:9"  # listens there: nothing is sent while no scheduler runs
NAMED: dict[str, Any] = {"targetObject": "Cup"}
FRONT = NAMED | {"imageUrl": f"{HOST}/front"}
TEXT = NAMED | {"prompt": "a blue cup"}


class Host:
    """Gives each side's picture at its address, and counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_away = False

    def fetch(self, address: str) -> Fetched:
        self.calls.append(address)
        name = address.rpartition("/")[2]
        if self.is_away or name not in VIEWS:
            raise AddressRefused("This address may not be fetched.")
        return Fetched(data=VIEWS[name], name=f"{name}.png")


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def site(make_site: Callable[..., Site], host: Host) -> Site:
    """Tripo and the built-in engine."""
    return make_site(host, tripo_api_key="tsk_x", tripo_base_url=NOBODY)


@pytest.fixture
def free_site(make_site: Callable[..., Site], host: Host) -> Site:
    """The built-in engine alone."""
    return make_site(host)


def post(site: Site, body: Any, key: str | None = None, path: str = "/api/jobs") -> Any:
    return site.client.post(path, json=body, headers={} if key is None else {"Idempotency-Key": key})


def post_form(site: Site, files: dict[str, bytes], key: str | None = None, **fields: str) -> Any:
    parts: list[tuple[str, tuple[str | None, bytes]]] = [
        *((name, (f"{name}.png", data)) for name, data in files.items()),
        *((name, (None, text.encode())) for name, text in fields.items()),  # a form also where there is no file
    ]
    headers = {} if key is None else {"Idempotency-Key": key}
    return site.client.post("/api/jobs", files=parts, headers=headers)


def job_of(site: Site, answer: Any) -> Job:
    assert answer.status_code == 202, answer.text
    return site.services.jobs.get(answer.json()["record_id"])


def assert_nothing_happened(site: Site, answer: Any, *words: str, status: int = 422) -> None:
    assert (answer.status_code, set(answer.json())) == (status, {"success", "error"}), answer.text
    for each in words:
        assert each in answer.json()["error"]
    assert site.services.jobs.find(JobQuery()).total == 0
    assert list((site.services.settings.data_dir / "files").rglob("*.*")) == []


def test_an_answer_is_that_of_the_contracts_endpoint(site: Site) -> None:
    first = post(site, FRONT, path="/api/jobs?estimate=true")
    second = post(site, FRONT, path="/api/generate-3d?estimate=true")

    number = first.json()["record_id"]
    assert first.json() == {
        "success": True,
        "record_id": number,
        "status": "running",
        "status_url": f"/api/generation-status/{number}",
        "message": "3D generation job submitted successfully",
        "estimated_credits": 30,
    }
    assert first.headers["location"] == f"/api/generation-status/{number}"
    assert list(first.json()) == list(second.json())
    assert first.json() | {"record_id": 0, "status_url": ""} == second.json() | {"record_id": 0, "status_url": ""}


def test_prefer_wait_is_answered_the_same_way(site: Site) -> None:
    answer = site.client.post("/api/jobs", json=FRONT, headers={"Prefer": "wait=0"})

    assert (answer.status_code, answer.json()) == (408, {"error": "Timeout waiting for 3D generation"})
    assert answer.headers["preference-applied"] == "wait"


@pytest.mark.parametrize("kind", [None, "image_to_model"])
def test_one_picture_by_its_address(site: Site, kind: str | None) -> None:
    said = FRONT | {"sessionId": "s", "iteration": 3.0, "generator": "offline", "parameters": {"style": "coin"}}
    job = job_of(site, post(site, said | ({} if kind is None else {"kind": kind})))

    assert (job.kind, job.generator, job.session_id, job.iteration) == (Kind.IMAGE, "offline", "s", 3)
    assert job.choices["style"] == "coin"
    assert job.image is not None
    assert job.image.name == "front.png"


def test_one_picture_as_a_file_with_parameters_as_json(site: Site) -> None:
    answer = post_form(
        site, {"image": VIEWS["front"]}, targetObject="Cup", generator="offline", parameters='{"face_limit": 5000.0}'
    )
    job = job_of(site, answer)

    assert (job.kind, job.generator, job.choices["face_limit"]) == (Kind.IMAGE, "offline", 5000)


@pytest.mark.parametrize("kind", [None, "multiview_to_model"])
def test_several_views_by_their_addresses(site: Site, host: Host, kind: str | None) -> None:
    addresses = {"imageLeftUrl": f"{HOST}/left", "imageBackUrl": f"{HOST}/back", "imageRightUrl": f"{HOST}/right"}
    job = job_of(site, post(site, FRONT | addresses | ({} if kind is None else {"kind": kind})))

    assert isinstance(job.request, MultiviewToModel)
    assert {slot.value: image.name for slot, image in job.request.inputs().items()} == {
        name: f"{name}.png" for name in VIEWS
    }
    assert sorted(host.calls) == sorted(f"{HOST}/{name}" for name in VIEWS)


def test_several_views_as_files_and_addresses_mixed(site: Site, host: Host) -> None:
    answer = post_form(
        site,
        {"imageRight": VIEWS["right"], "image": VIEWS["front"]},
        kind="multiview_to_model",
        targetObject="Cup",
        imageBackUrl=f"{HOST}/back",
    )
    job = job_of(site, answer)

    assert isinstance(job.request, MultiviewToModel)
    names = {slot: image.name for slot, image in job.request.inputs().items()}
    assert names == {Slot.FRONT: "image.png", Slot.BACK: "back.png", Slot.RIGHT: "imageRight.png"}
    assert host.calls == [f"{HOST}/back"]


@pytest.mark.parametrize("is_form", [False, True])
def test_words(site: Site, is_form: bool) -> None:
    said = TEXT | {"negativePrompt": "handle", "kind": "text_to_model"}
    job = job_of(site, post_form(site, {}, **said) if is_form else post(site, said))

    assert isinstance(job.request, TextToModel)
    assert (job.request.prompt, job.request.negative_prompt, job.generator) == ("a blue cup", "handle", "tripo")
    assert job.image is None
    assert job_of(site, post(site, TEXT)).kind is Kind.TEXT  # told by what was sent


def test_of_words_there_is_no_picture_and_the_status_says_so(site: Site) -> None:
    job = job_of(site, post(site, TEXT | {"targetObject": "Cup"}))
    site.finish(job.id, glb(), generator="tripo")
    body = site.client.get(f"/api/generation-status/{job.id}").json()

    assert (body["status"], body["image_url"]) == ("completed", None)
    assert body["3d_url"].endswith(f"/api/jobs/{job.id}/model.glb")
    picture = site.client.get(f"/api/jobs/{job.id}/image")
    assert (picture.status_code, picture.json()["error"]) == (404, f"Job {job.id} has no picture.")


def test_fields_that_a_page_left_empty_are_not_meant(site: Site) -> None:
    empty = ("kind", "generator", "prompt", "imageUrl", "imageBackUrl", "parameters", "iteration", "imageRight")
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    body = b"".join(part % (name.encode(), b"", b"") for name in empty)
    body += part % (b"targetObject", b"", b"Cup") + part % (b"imageLeft", b'; filename=""', b"")
    body += part % (b"image", b'; filename="a.jpg"', VIEWS["front"])
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = site.client.post("/api/jobs", content=body + b"--x--\r\n", headers=headers)

    assert job_of(site, answer).kind is Kind.IMAGE


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": (NAMED, "The picture of the front is missing"),
    "no name": ({"imageUrl": f"{HOST}/front"}, "name the object in the picture"),
    "no name for words": ({"prompt": "a cup"}, "name the object."),
    "a kind that there is not": (
        FRONT | {"kind": "video_to_model"},
        "There is no kind 'video_to_model'. Possible are im",
    ),
    "an empty kind": (FRONT | {"kind": ""}, "There is no kind ''"),
    "a generator that is not connected": (FRONT | {"generator": "comfyui"}, "there is tripo, offline"),
    "an empty generator": (FRONT | {"generator": ""}, "No generator '' is connected"),
    "a kind that the generator cannot do": (TEXT | {"generator": "offline"}, "cannot do this: a model from words"),
    "another generator's choice": (
        FRONT | {"generator": "offline", "parameters": {"pbr": True}},
        "has no choice 'pbr' for this; it knows style, height_m, texture, face_limit",
    ),
    "a choice of a kind that has it not": (
        TEXT | {"parameters": {"orientation": "default"}},
        "has no choice 'orientation'",
    ),
    "a choice in another spelling": (FRONT | {"parameters": {"faceLimit": 500}}, "no choice 'faceLimit'"),
    "a value that there is not": (FRONT | {"parameters": {"texture_quality": "best"}}, "Possible are standard, detail"),
    "a value too large": (FRONT | {"parameters": {"face_limit": 10**400}}, "between 100 and 2,000,000"),
    "a value of another type": (FRONT | {"parameters": {"texture": "yes"}}, "true or false"),
    "a value that is a list": (FRONT | {"parameters": {"texture": [True]}}, "The parameter 'texture' is a text, a nu"),
    "a value that is null": (FRONT | {"parameters": {"texture": None}}, "leave it out for the usual"),
    "a choice that goes not with the others": (
        FRONT | {"parameters": {"texture": False, "texture_quality": "detailed"}},
        "goes only with texture true",
    ),
    "parameters that are a list": (FRONT | {"parameters": []}, "parameters: it must be a JSON object"),
    "a field that there is not": (FRONT | {"colour": 1}, "There is no field 'colour'. Possible are kind, targetObject"),
    "the older endpoint's choices": (FRONT | {"options": {}}, "There is no field 'options'"),
    "a file's name in JSON": (NAMED | {"image": "x"}, "Pictures as files go into a multipart form"),
    "a null": (FRONT | {"prompt": None}, "prompt: input should be a valid string"),
    "a wrong iteration": (FRONT | {"iteration": -1}, "iteration: "),
    "sides without the front": (NAMED | {"imageLeftUrl": f"{HOST}/left"}, "The picture of the front is missing"),
    "views without a side": (FRONT | {"kind": "multiview_to_model"}, "at least one of left, back and right"),
    "a side for one picture": (
        FRONT | {"kind": "image_to_model", "imageBackUrl": f"{HOST}/back"},
        "send multiview_to_model",
    ),
    "words and a picture": (FRONT | {"prompt": "a cup"}, "Words are for a model from words"),
    "a picture for words": (FRONT | {"prompt": "a cup", "kind": "text_to_model"}, "takes no picture"),
    "no words": (NAMED | {"kind": "text_to_model", "prompt": " \n"}, "say in words what is to be made"),
    "only words of what is not wanted": (NAMED | {"negativePrompt": "x"}, "say in words what is to be made"),
    "a prompt too long": (NAMED | {"prompt": "x" * 1025}, "1,025 characters"),
    "a negative prompt too long": (TEXT | {"negativePrompt": "x" * 256}, "256 characters"),
    "a sign that cannot be stored": (NAMED | {"prompt": "a\0b"}, "cannot be stored"),
    "a source for a picture": (FRONT | {"kind": "image_to_model", "source": 1}, "only with the kind convert_model"),
    "a picture beside a source": (
        FRONT | {"source": 1},
        "leave out targetObject and imageUrl. Nothing was ordered or charged",
    ),
    "no source": ({"kind": "convert_model"}, "name in source the finished job"),
    "a source that is none": ({"source": 0}, "source: "),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_fetched(site: Site, host: Host, what: str) -> None:
    body, words = REFUSED[what]

    assert_nothing_happened(site, post(site, body), words)
    assert host.calls == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1]", "it must be a JSON object"),
        (b"null", "it must be a JSON object"),
        (b'{"iteration": NaN}', "not valid JSON"),
        (
            b'{"parameters": {"height_m": 1e999}, "imageUrl": "x", "targetObject": "x", "generator": "offline"}',
            "a number",
        ),
        (b"[" * 60_000, "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
    ],
    ids=lambda each: str(each)[:20],
)
def test_a_broken_body_is_refused(site: Site, data: bytes, words: str) -> None:
    answer = site.client.post("/api/jobs", content=data, headers={"content-type": "application/json"})

    assert_nothing_happened(site, answer, words)
    text = site.client.post("/api/jobs", content=data, headers={"content-type": "text/plain"})
    assert_nothing_happened(site, text, "Send JSON, or a multipart form")


@pytest.mark.parametrize(
    ("files", "fields", "words"),
    [
        ({"imageTop": VIEWS["front"]}, NAMED, "There is no field 'imageTop'. Possible are image, imageLeft"),
        ({"image": VIEWS["front"], "prompt": b"a cup"}, NAMED, "prompt is a text, not a file"),
        ({}, NAMED | {"image": "https://example.com/front"}, "its address goes into imageUrl"),
        ({"image": VIEWS["front"]}, FRONT, "Send image or imageUrl, not both"),
        ({"image": VIEWS["front"]}, NAMED | {"parameters": "{"}, "parameters is not valid JSON"),
        ({"image": VIEWS["front"]}, NAMED | {"parameters": "[]"}, "parameters: it must be a JSON object"),
        ({"image": VIEWS["front"]}, NAMED | {"iteration": "two"}, "iteration must be a whole number"),
        ({}, {"source": "first"}, "source must be a whole number, not 'first'"),
        ({"imageLeft": VIEWS["left"]}, {"source": "1"}, "leave out imageLeft"),
        (
            {"image": VIEWS["front"], "imageBack": VIEWS["front"]},
            NAMED,
            "are the same file. Choose another for the back",
        ),
        ({"image": VIEWS["front"], "imageBack": b"%PDF-1.4"}, NAMED, "The picture of the back: This is a PDF"),
        ({"image": b"<html>", "imageBack": VIEWS["front"]}, NAMED, "This is a web page"),
        ({"image": VIEWS["front"], "imageRight": b""}, NAMED, "The picture of the right: "),
    ],
)
def test_a_wrong_form_is_refused(
    site: Site, host: Host, files: dict[str, bytes], fields: dict[str, str], words: str
) -> None:
    assert_nothing_happened(site, post_form(site, files, **fields), words)
    assert host.calls == []


def test_a_field_that_comes_twice_is_refused(site: Site) -> None:
    files = [("image", ("a.png", VIEWS["front"])), ("image", ("b.png", VIEWS["back"]))]

    assert_nothing_happened(site, site.client.post("/api/jobs", files=files, data=NAMED), "'image' came twice")


@pytest.mark.parametrize(
    ("side", "words"), [("imageUrl", "This address"), ("imageRightUrl", "The picture of the right: ")]
)
def test_an_address_that_may_not_be_fetched_says_of_which_side_it_is(site: Site, side: str, words: str) -> None:
    answer = post(site, FRONT | {"imageBackUrl": f"{HOST}/back"} | {side: f"{HOST}/nothing"})

    assert_nothing_happened(site, answer)
    assert answer.json()["error"].startswith(words)


def test_what_nobody_here_can_do_says_who_could(free_site: Site) -> None:
    assert_nothing_happened(
        free_site, post(free_site, TEXT), "No generator that is connected here makes a model from words. Tripo"
    )


def test_a_generator_that_cannot_says_who_can(site: Site) -> None:
    assert_nothing_happened(site, post(site, TEXT | {"generator": "offline"}), "Of those connected here, Tripo can.")


def test_the_budget_counts_for_every_kind(make_site: Callable[..., Site], host: Host) -> None:
    site = make_site(host, tripo_api_key="tsk_x", tripo_base_url=NOBODY, max_credits_per_day=1)

    assert_nothing_happened(site, post(site, TEXT), "budget", status=402)
    assert_nothing_happened(site, post(site, FRONT | {"imageBackUrl": f"{HOST}/back"}), "budget", status=402)


def test_a_page_of_another_site_submits_nothing(site: Site, host: Host) -> None:
    answer = site.client.post("/api/jobs", json=FRONT, headers={"Origin": "https://evil.example"})

    assert_nothing_happened(site, answer, status=403)
    assert host.calls == []


# -- the same key


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (TEXT, {"prompt": "a red cup"}),
        (TEXT, {"negativePrompt": "handle"}),
        (TEXT, {"generator": "tripo"}),
        (TEXT, {"parameters": {"texture": False}}),
        (FRONT | {"imageBackUrl": f"{HOST}/back"}, {"imageBackUrl": f"{HOST}/right"}),
        (FRONT | {"imageBackUrl": f"{HOST}/back"}, {"imageLeftUrl": f"{HOST}/left"}),
        (FRONT | {"imageBackUrl": f"{HOST}/back"}, {"iteration": 2}),
    ],
)
def test_a_key_belongs_to_one_request_and_a_repeat_fetches_nothing(
    site: Site, host: Host, body: dict[str, Any], change: dict[str, Any]
) -> None:
    first = post(site, body, key="k")
    host.calls.clear()
    host.is_away = True
    again, other = post(site, body, key="k"), post(site, body | change, key="k")

    assert (again.status_code, again.json()) == (202, first.json())
    assert other.status_code == 409
    assert host.calls == []
    assert site.services.jobs.find(JobQuery()).total == 1


def test_the_same_views_as_files_under_a_key_are_the_same_job(site: Site) -> None:
    files = {"image": VIEWS["front"], "imageLeft": VIEWS["left"]}
    first = post_form(site, files, key="k", **NAMED)

    assert post_form(site, files, key="k", **NAMED).json() == first.json()
    assert post_form(site, files, key="k", **NAMED, kind="multiview_to_model").json() == first.json()
    turned = {"image": VIEWS["front"], "imageRight": VIEWS["left"]}
    assert post_form(site, turned, key="k", **NAMED).status_code == 409


def test_a_key_of_the_contracts_endpoint_is_known_here(site: Site) -> None:
    old = site.client.post("/api/generate-3d", json=FRONT, headers={"Idempotency-Key": "k"})

    assert post(site, FRONT, key="k").json() == old.json()
    assert post(site, TEXT, key="k").status_code == 409
    assert post(site, FRONT, key=" ").status_code == 422


# -- another file of a finished model


@pytest.fixture
def model(site: Site) -> Job:
    """Made by Tripo, and finished."""
    number = post(site, TEXT).json()["record_id"]
    return site.finish(number, glb(), generator="tripo")


@pytest.mark.parametrize("is_form", [False, True])
def test_another_file_of_a_model_is_ordered_by_its_job(site: Site, model: Job, is_form: bool) -> None:
    parameters = {"format": "fbx", "quad": True, "face_limit": 9000.0}
    if is_form:
        answer = post_form(site, {}, source=str(model.id), parameters=json.dumps(parameters))
    else:
        answer = post(site, {"kind": "convert_model", "source": model.id, "parameters": parameters})
    job = job_of(site, answer)

    assert answer.headers["location"] == f"/api/generation-status/{job.id}"
    assert (job.kind, job.source) == (Kind.CONVERT, model.id)
    assert job.conversion is not None
    assert (job.conversion.quad, job.conversion.face_limit) == (True, 9000)


def test_the_same_order_is_the_same_job_through_both_doors(site: Site, model: Job) -> None:
    plain = post(site, {"source": model.id}, path="/api/jobs?estimate=true")
    known = site.client.post(f"/api/jobs/{model.id}/conversions", json={})

    assert known.status_code == 200
    assert known.json()["record_id"] == plain.json()["record_id"]
    assert known.json()["estimated_credits"] == plain.json()["estimated_credits"]
    assert (
        post(site, {"source": model.id, "generator": "tripo"}, key="k").json()["record_id"] == plain.json()["record_id"]
    )


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"parameters": {"colour": "red"}}, 422, "no choice 'colour' for this; it knows format, quad, face_limit"),
        ({"parameters": {"format": "obj"}}, 422, "Possible are fbx"),
        ({"parameters": {"face_limit": 500}}, 422, "goes only with quad true"),
        ({"generator": "offline"}, 422, "made by another generator"),
        ({"generator": "nobody"}, 422, "No generator 'nobody' is connected"),
        ({"source": 99}, 404, "no job 99"),
        ({"targetObject": "Cup"}, 422, "leave out targetObject"),
    ],
)
def test_an_order_that_cannot_be_is_refused(
    site: Site, model: Job, change: dict[str, Any], status: int, words: str
) -> None:
    answer = post(site, {"kind": "convert_model", "source": model.id} | change)

    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert site.services.jobs.find(JobQuery()).total == 1


@pytest.mark.parametrize("door", ["jobs", "conversions"])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_key_of_an_order_is_kept_with_it(site: Site, model: Job, door: str, is_known: bool) -> None:
    """Also with one that was ordered before, and through either door."""
    if is_known:
        post(site, {"source": model.id})

    def order(quad: bool) -> httpx.Response:
        if door == "jobs":
            return post(site, {"source": model.id, "parameters": {"quad": quad}}, key="k")
        address = f"/api/jobs/{model.id}/conversions"
        return site.client.post(address, json={"quad": quad}, headers={"Idempotency-Key": "k"})

    first, again, other = order(False), order(False), order(True)
    assert again.json()["record_id"] == first.json()["record_id"]
    assert (other.status_code, "'k' was already used" in other.json()["error"]) == (409, True)
    assert post(site, FRONT, key="k").status_code == 409
    assert post(site, {"source": model.id}, key="k").json()["record_id"] == first.json()["record_id"]
    assert [job.conversion and job.conversion.quad for job in site.services.convert.ordered(model.id)] == [False]


def test_a_key_stays_with_its_job_when_the_order_is_made_again(site: Site, model: Job) -> None:
    first = post(site, {"source": model.id}, key="k").json()["record_id"]
    site.services.decide.cancel(first)
    again = site.services.decide.retry(first)

    assert post(site, {"source": model.id}, key="k").json()["record_id"] == first
    assert post(site, {"source": model.id}, key="l").json()["record_id"] == again.id
    assert post(site, {"source": model.id}, key="l").json()["record_id"] == again.id
    assert post(site, {"source": model.id, "parameters": {"quad": True}}, key="l").status_code == 409


def test_a_key_of_another_request_orders_nothing(site: Site, model: Job) -> None:
    post(site, FRONT, key="k")

    assert post(site, {"source": model.id}, key="k").status_code == 409
    assert site.services.convert.ordered(model.id) == []


def test_a_model_that_is_not_finished_is_not_converted(site: Site) -> None:
    number = post(site, FRONT).json()["record_id"]
    answer = post(site, {"source": number})

    assert answer.status_code == 409
    assert "no finished model" in answer.json()["error"]


@pytest.mark.parametrize("field", ["image", "imageLeft", "imageBack", "imageRight"])
def test_a_picture_that_is_too_large_is_413_whichever_side_it_shows(make_site: Callable[..., Site], field: str) -> None:
    site = make_site(max_image_mb=1, tripo_api_key="tsk_x", tripo_base_url=NOBODY)
    files = {"image": VIEWS["front"], "imageLeft": VIEWS["left"]}
    files[field] = VIEWS["right"] + bytes(2**20)
    answer = site.client.post("/api/jobs", files={name: ("a.png", data) for name, data in files.items()}, data=NAMED)

    assert answer.status_code == 413
    assert "at most 1 MB are possible" in answer.json()["error"]
    assert site.services.jobs.find(JobQuery()).total == 0


def test_at_the_older_address_a_back_that_is_too_large_is_answered_as_it_always_was(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(max_image_mb=1)
    files = {"image": ("a.png", VIEWS["front"]), "back": ("b.png", VIEWS["right"] + bytes(2**20))}

    assert site.client.post("/api/generate-3d", files=files, data=NAMED).status_code == 422
