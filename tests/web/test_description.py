"""What the API says of itself: tools read it, so every name in it must lead somewhere, and files are files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.connected import known
from core.domain.declaration import Choice, ChoiceType, Declaration, Offer
from core.domain.request import Kind
from core.web.answers import ErrorBody
from core.web.job_bodies import FILES, JobBody
from core.web.job_schemas import job_schemas
from core.web.parts import is_range
from core.web.server import make_api
from tests import pictures
from tests.web.conftest import Site

METHODS = ("get", "post")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return make_api().openapi()


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, methods[method]


def everything(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from everything(each)


SCHEMAS = {kind: kind.value.title().replace("_", "") for kind in Kind.all()}


def validator(described: dict[str, Any], kind: Kind) -> Draft202012Validator:
    whole = {"$ref": f"#/components/schemas/{SCHEMAS[kind]}", "components": described["components"]}
    return Draft202012Validator(whole)


def test_every_reference_leads_to_a_component(described: dict[str, Any]) -> None:
    references = {part["$ref"] for part in everything(described) if isinstance(part.get("$ref"), str)}

    assert "#/components/schemas/OptionsBody" in references
    for reference in references:
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in described["components"]["schemas"], reference


def test_every_link_leads_to_an_operation_with_that_parameter(described: dict[str, Any]) -> None:
    by_name = {operation["operationId"]: operation for _, operation in operations(described)}
    links = [link for part in everything(described) for link in part.get("links", {}).values()]

    assert len(by_name) == len(list(operations(described)))
    assert {link["operationId"] for link in links} >= {"status", "report", "export", "model", "thumbnail", "cancel"}
    for link in links:
        named = {f"{each['in']}.{each['name']}" for each in by_name[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= named


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/jobs/{record_id}/model.{kind}", "model/gltf-binary"),
        ("/jobs/{record_id}/image", "image/jpeg"),
        ("/jobs/{record_id}/thumbnail.png", "image/png"),
        ("/jobs/{record_id}/rendered.png", "image/png"),
        ("/jobs/{record_id}/original", "application/octet-stream"),
        ("/jobs/{record_id}/turntable.webp", "image/webp"),
        ("/jobs/{record_id}/export", "model/stl"),
        ("/export.zip", "application/zip"),
    ],
)
def test_files_are_described_as_files(described: dict[str, Any], path: str, media_type: str) -> None:
    content = described["paths"][path]["get"]["responses"]["200"]["content"]

    assert content[media_type] == {"schema": {"type": "string", "format": "binary"}}
    assert "application/json" not in content


def test_every_json_answer_and_every_error_has_a_schema(described: dict[str, Any]) -> None:
    for path, operation in operations(described):
        for code, answer in operation["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            assert schema != {}, (path, code)
            if code in ("404", "409", "422"):
                assert schema == {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}, (path, code)


def test_the_request_in_json_has_an_example_that_is_taken(described: dict[str, Any]) -> None:
    content = described["paths"]["/generate-3d"]["post"]["requestBody"]["content"]
    value = content["application/json"]["examples"]["by address"]["value"]

    assert {"sessionId", "iteration", "targetObject", "imageUrl"} == set(value)


def test_each_kind_has_a_schema_and_an_example_that_fits_it_alone(described: dict[str, Any]) -> None:
    content = described["paths"]["/jobs"]["post"]["requestBody"]["content"]
    schemas = described["components"]["schemas"]

    named = schemas["Job"]["discriminator"]["mapping"]
    assert set(named) == set(Kind.all())
    assert [each["$ref"] for each in schemas["Job"]["oneOf"]] == [*named.values()]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Job"}
    form = schemas["JobForm"]["properties"]
    assert content["multipart/form-data"]["schema"] == {"$ref": "#/components/schemas/JobForm"}
    assert set(form) == {*JobBody.model_fields, "prompt", "negativePrompt", *FILES}
    assert {name for name, field in form.items() if field.get("format") == "binary"} == set(FILES)
    for kind, example in content["application/json"]["examples"].items():
        for body in (example["value"], {name: value for name, value in example["value"].items() if name != "kind"}):
            fit = [each.value for each in Kind.all() if validator(described, each).is_valid(body)]
            assert fit == [kind], body


def test_the_parameters_of_a_kind_are_what_the_known_generators_declare(described: dict[str, Any]) -> None:
    for kind in Kind.all():
        parameters = described["components"]["schemas"][f"{SCHEMAS[kind]}Parameters"]
        offers = [(maker, maker.offer(kind)) for maker in known()]
        choices = [(maker, choice) for maker, offer in offers if offer is not None for choice in offer.all_choices]

        assert set(parameters["properties"]) == {choice.name for _, choice in choices}
        assert parameters["additionalProperties"] is False
        for maker, choice in choices:
            told = parameters["properties"][choice.name]
            assert f"{maker.label}: {choice.label}." in told["description"]
            assert set(choice.values) <= set(told.get("enum", choice.values))


def test_a_choice_that_generators_know_differently_is_described_for_each() -> None:
    def maker(name: str, choice: Choice) -> Declaration:
        return replace(known()[0], name=name, label=name.upper(), offers=(Offer(kind=Kind.TEXT, choices=(choice,)),))

    few = Choice(name="faces", label="Faces", type=ChoiceType.WHOLE, least=5, most=10)
    more = replace(few, least=1, most=7)
    none = replace(few, least=None, most=None)
    words = Choice(name="faces", label="Faces", type=ChoiceType.ONE_OF, values={"few": "Few"}, default="few", help="Y.")

    def told(*choices: Choice) -> Any:
        known = [maker(f"m{number}", choice) for number, choice in enumerate(choices)]
        return job_schemas(known)["TextToModelParameters"]["properties"]["faces"]

    assert told(few, more) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10,
        "description": "M0: Faces. M1: Faces.",
    }
    assert told(few, none) == {"type": "integer", "description": "M0: Faces. M1: Faces."}
    assert told(few, words) == {
        "anyOf": [{"type": "integer", "minimum": 5, "maximum": 10}, {"type": "string", "enum": ["few"]}],
        "description": 'M0: Faces. M1: Faces. Y. Usually "few".',
    }
    assert job_schemas([maker("m0", few)])["TextToModel"]["properties"]["generator"]["enum"] == ["m0"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/jobs/1/retry", "GET, POST"),
        ("PUT", "/api/jobs/1/decision", "GET, POST"),
        ("POST", "/api/health", "GET"),
        ("GET", "/api/jobs", "POST"),
    ],
)
def test_a_wrong_method_is_answered_with_every_method_of_the_path(
    site: Site, method: str, path: str, allowed: str
) -> None:
    answer = site.client.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["success"] is False


@pytest.mark.parametrize("text", ["bytes=0-", "bytes=0-3", "bytes=-5", "bytes=0-1, 5-9", "BYTES=3-3"])
def test_a_range_of_bytes_is_one(text: str) -> None:
    assert is_range(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "bytes", "bytes=", "bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=" + "9" * 5000 + "-", "bytes=--1"],
)
def test_a_range_that_cannot_be_read_is_ignored(site: Site, text: str) -> None:
    assert not is_range(text)
    files = {"image": ("a.jpg", pictures.cat())}
    number = site.client.post("/api/generate-3d", files=files, data={"targetObject": "Cup"}).json()["record_id"]
    site.finish(number)
    whole = site.client.get(f"/api/jobs/{number}/model.glb", headers={"Range": text})
    assert (whole.status_code, whole.content[:4]) == (200, b"glTF")
