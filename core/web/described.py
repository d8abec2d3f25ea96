"""What the API's description says of answers, files and links, beyond what FastAPI reads from the handlers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path
from pydantic import BaseModel, WithJsonSchema
from pydantic.json_schema import models_json_schema

from core.web.answers import ErrorBody
from core.web.bodies import FormBody, GenerateBody

Responses = dict[int | str, dict[str, Any]]

EVERYWHERE = {
    400: "The request is not HTTP as it should be.",
    403: "The request came from a page of another web site.",
    408: "The body did not come whole in time.",
    413: "The body is too large.",
    415: "A part of the form has a character set that is not UTF-8.",
    421: "The `Host` is none of this server's names, see `ALLOWED_HOSTS`.",
    422: "Something in the request cannot be used; nothing was stored or charged.",
    503: "The job table is away, or too much is asked at once; `Retry-After` says when to come again.",
}
SOMETIMES = {
    401: "The signature is wrong or old.",
    402: "The budget of `MAX_CREDITS_PER_DAY` does not allow it; nothing was stored or charged.",
    404: "There is no such job, or its file is not there.",
    409: "The job's stage does not allow it, or the `Idempotency-Key` was used for another request.",
    410: "Other bytes lie in the file's place, which are never shown under its name.",
    507: "The disk is full.",
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}}

# A path's number is text to the handler, so that every wrong one is the same 404.
JobNumber = Annotated[
    str,
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**18 - 1}),
    Path(description="The job's `record_id`.", openapi_examples={"a job": {"value": 1}}),
]
Validator = Annotated[str | None, Header(alias="If-None-Match", description="An ETag: 304 when it is still right.")]
RANGE: dict[str, Any] = {
    "name": "Range",
    "in": "header",
    "description": "A part of the file: 206. One that cannot be read is ignored.",
    "schema": {"type": "string"},
    "examples": {"all but the head": {"value": "bytes=4-"}},
}
LINKED = (
    *("status", "report", "export", "model", "image", "thumbnail", "turntable", "cancel", "retry_offer", "candidates"),
    "offers",
)


def errors(*codes: int) -> Responses:
    """Those that every call may give, and these."""
    responses: Responses = {code: {"model": ErrorBody, "description": words} for code, words in EVERYWHERE.items()}
    responses |= {code: {"model": ErrorBody, "description": SOMETIMES[code]} for code in codes}
    responses[503]["headers"] = RETRY_AFTER
    return responses


def json_of(model: type[BaseModel], *, code: int = 200, words: str = "Done", links: Iterable[str] = ()) -> Responses:
    """An answer in JSON; `links` are the operations that take its `record_id`."""
    responses: dict[str, Any] = {"model": model, "description": words}
    named = {
        f"{name}_of_it": {"operationId": name, "parameters": {"path.record_id": "$response.body#/record_id"}}
        for name in links
    }
    return {code: responses | ({"links": named} if named else {})}


def file_of(*media_types: str, words: str, ranges: bool = False) -> Responses:
    """An answer that is a file, perhaps in parts."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    whole = {"description": words, "content": dict.fromkeys(media_types, binary)}
    responses: Responses = {200: whole}
    if ranges:
        text = {"text/plain": {"schema": {"type": "string"}}}
        part = dict.fromkeys((*media_types, "multipart/byteranges"), binary)
        responses[206] = {"description": "The part that `Range` asked for.", "content": part}
        responses[416] = {"description": "The file does not reach that far.", "content": text}
    return responses


NOT_MODIFIED: Responses = {304: {"description": "It is as it was."}}
REFERENCE = "#/components/schemas/"
KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same request gives the same job.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
MAKES_A_JOB: dict[str, Any] = {
    "parameters": [
        KEY,
        {
            "name": "Prefer",
            "in": "header",
            "description": "`wait=N`: answer when the model is there, or after N seconds, at most 600.",
            "schema": {"type": "string"},
            "examples": {"wait": {"value": "wait=1"}},
        },
    ],
}
BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/GenerateBody"},
                "examples": {
                    "by address": {
                        "value": {
                            "sessionId": "your-session-id",
                            "iteration": 1,
                            "targetObject": "Golden Retriever",
                            "imageUrl": "https://example.com/image.png",
                        }
                    }
                },
            },
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/FormBody"}},
        },
    },
    **MAKES_A_JOB,
}


def install(api: FastAPI, schemas: Mapping[str, dict[str, Any]]) -> None:
    """Let the description name every body that a handler reads by itself; `schemas` are those beside our models."""
    describe = api.openapi

    def whole() -> dict[str, Any]:
        if api.openapi_schema is None:
            responses = describe()
            _, named = models_json_schema(
                [(GenerateBody, "validation"), (FormBody, "validation")],
                ref_template=REFERENCE + "{model}",
            )
            responses["components"]["schemas"].update(named["$defs"] | schemas)
            _without_null(responses["components"]["schemas"]["FormBody"]["properties"].values())
            for path in responses["paths"].values():
                for operation in path.values():
                    if "206" in operation["responses"]:
                        operation["parameters"].append(RANGE)
                    _without_null(each["schema"] for each in operation.get("parameters", ()))
        return api.openapi_schema or {}

    api.openapi = whole  # type: ignore[method-assign]


def _without_null(schemas: Iterable[dict[str, Any]]) -> None:
    """Forms and addresses have no null: a field is there, or it is not."""
    for schema in schemas:
        kinds = [kind for kind in schema.pop("anyOf", ()) if kind.get("type") != "null"]
        if kinds:
            schema.update(kinds[0])
        if schema.get("default", "") is None:
            del schema["default"]
