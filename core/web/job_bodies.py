"""Read the body of `POST /api/jobs`: any kind, as JSON or as a form."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from core.domain.errors import InputRefused
from core.domain.request import Choices, Kind, Slot, TextInput
from core.services.requests import Sent, SubmitRequest
from core.web.bodies import WHOLE, Text, form_number
from core.web.submitting import key_of

PICTURES = {Slot.FRONT: "image", Slot.LEFT: "imageLeft", Slot.BACK: "imageBack", Slot.RIGHT: "imageRight"}
FILES = {name: slot for slot, name in PICTURES.items()}
MOST_FILES, MOST_TEXTS = 8, 30  # more than there are fields, so that one too many is told by its name
MOST_JOB = 10**18 - 1
OF_AN_ORDER = ("kind", "source", "generator", "parameters")


class JobBody(BaseModel):
    """The fields of every kind, beside the texts of each. Which of them go together is told by the use cases."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Text = ""
    targetObject: Text = ""  # noqa: N815
    generator: Text = ""
    source: Annotated[int, Field(ge=1, le=MOST_JOB), WHOLE] = 0
    parameters: dict[str, Any] = Field(default_factory=dict)
    imageUrl: Text = ""  # noqa: N815
    imageLeftUrl: Text = ""  # noqa: N815
    imageBackUrl: Text = ""  # noqa: N815
    imageRightUrl: Text = ""  # noqa: N815
    sessionId: Text = ""  # noqa: N815
    iteration: Annotated[int, Field(ge=0, lt=2**31), WHOLE] = 1


def _texts() -> dict[str, TextInput]:
    """Every kind's texts, by the name that the API calls them."""
    return {text.api_name: text for kind in Kind.all() for text in kind.about.texts}


def _model() -> type[JobBody]:
    return _model_with(tuple(_texts()))


@functools.cache
def _model_with(texts: tuple[str, ...]) -> type[JobBody]:
    fields: dict[str, Any] = dict.fromkeys(texts, (Text, ""))
    return create_model("JobBody", __base__=JobBody, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Another file of a finished model.

    Attributes:
        generator: who is to make it; None, or the one that made the model.
    """

    source: int
    choices: Choices
    generator: str | None
    idempotency_key: str | None


async def read_job(request: Request) -> SubmitRequest | Order:
    """What is asked for. Raises: InputRefused, by name, for what no kind has or what does not go together."""
    key = key_of(request)
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        body, files = await _read_form(request)
    elif media_type in ("application/json", ""):
        body, files = _body_of(_json(await request.body(), "The body")), {}
    else:
        raise InputRefused("Send JSON, or a multipart form with pictures as files.", code="media_type")
    kind = _kind(body)
    choices = {name: _value(name, value) for name, value in body.parameters.items()}
    if bool(body.source) if kind is None else kind.about.is_of_a_job:
        return _order(body, files, choices, key)
    if body.source:
        raise InputRefused(
            "source names the finished job whose model becomes another file: it goes only with the kind "
            f"{' or '.join(kind.value for kind in Kind.all() if kind.about.is_of_a_job)}. Nothing was stored.",
            code="source_unwanted",
        )
    return SubmitRequest(
        kind=kind,
        target_object=body.targetObject,
        session_id=body.sessionId,
        iteration=body.iteration,
        pictures=_pictures(body, files),
        texts={text.name: given for name, text in _texts().items() if (given := getattr(body, name))},
        generator=body.generator if "generator" in body.model_fields_set else None,
        choices=choices,
        idempotency_key=key,
    )


def _order(body: JobBody, files: Mapping[Slot, Sent], choices: Choices, key: str | None) -> Order:
    over = [name for name in _model().model_fields if name in body.model_fields_set and name not in OF_AN_ORDER]
    over += [PICTURES[slot] for slot in files]
    if over:
        raise InputRefused(
            f"{Kind.CONVERT.about.words.capitalize()} is made of the job that source names, with its name and session: "
            f"leave out {' and '.join(over)}. Nothing was ordered or charged.",
            code="field_unwanted",
        )
    if not body.source:
        raise InputRefused(
            "Please name in source the finished job whose model becomes another file. Nothing was ordered or charged.",
            code="source_missing",
        )
    return Order(
        source=body.source,
        choices=choices,
        generator=body.generator if "generator" in body.model_fields_set else None,
        idempotency_key=key,
    )


async def _read_form(request: Request) -> tuple[JobBody, dict[Slot, Sent]]:
    texts: dict[str, Any] = {}
    files: dict[Slot, Sent] = {}
    async with request.form(max_files=MOST_FILES, max_fields=MOST_TEXTS) as form:
        seen: set[str] = set()
        for name, value in form.multi_items():
            if name in seen:
                raise InputRefused(f"The field {_shown(name)} came twice. Nothing was stored.", code="field_twice")
            seen.add(name)
            if value == "":
                continue  # what is left empty in a form is not meant
            if isinstance(value, str) and name in FILES:
                raise InputRefused(
                    f"{name} is the picture itself, as a file; its address goes into {name}Url. Nothing was stored.",
                    code="file_wanted",
                )
            if isinstance(value, str):
                texts[name] = value
            elif name in FILES:
                data = await value.read()
                if data or value.filename:
                    files[FILES[name]] = Sent(data=data, name=value.filename or "picture")
            else:
                raise _no_file(name)
    if "parameters" in texts:
        texts["parameters"] = _json(texts["parameters"].encode("utf-8", "replace"), "parameters")
    for name in ("source", "iteration"):
        if name in texts:
            texts[name] = form_number(texts[name], name)
    return _body_of(texts), files


def _no_file(name: str) -> InputRefused:
    if name in _model().model_fields:
        return InputRefused(f"{name} is a text, not a file. Nothing was stored.", code="text_wanted")
    return _unknown([name], [*FILES, *_model().model_fields])


def _json(data: bytes, what: str) -> Any:
    try:
        return json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise InputRefused(f"{what} is not valid JSON.", code="not_json") from exc


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity, which JSON does not have


def _body_of(texts: Any) -> JobBody:
    if isinstance(texts, dict):
        over = [name for name in texts if name not in _model().model_fields]
        if over:
            raise _unknown(over, _model().model_fields)
    try:
        return _model().model_validate(texts, strict=True)
    except ValidationError as exc:
        parts = [f"{'.'.join(map(str, error['loc'])) or 'The body'}: {_words(error)}." for error in exc.errors()]
        raise InputRefused(" ".join(parts), code="body_invalid") from exc


def _words(error: Mapping[str, Any]) -> str:
    return "it must be a JSON object" if error["type"] in ("model_type", "dict_type") else str(error["msg"]).lower()


def _unknown(names: Sequence[str], known: Iterable[str]) -> InputRefused:
    hint = " Pictures as files go into a multipart form." if set(names) & set(FILES) else ""
    return InputRefused(
        f"There is no field {' and '.join(map(_shown, names[:5]))}. Possible are {', '.join(known)}.{hint} "
        "Nothing was stored.",
        code="field_unknown",
    )


def _shown(name: str) -> str:
    return repr(name[:40])


def _kind(body: JobBody) -> Kind | None:
    if "kind" not in body.model_fields_set:
        return None
    try:
        return Kind(body.kind)
    except ValueError as exc:
        raise InputRefused(
            f"There is no kind {_shown(body.kind)}. Possible are {', '.join(Kind.all())}. Nothing was stored.",
            code="kind_unknown",
        ) from exc


def _value(name: str, value: Any) -> str | int | float | bool:
    """What may be a choice. JSON has one kind of number: 5.0 is the whole number 5. Raises: InputRefused."""
    if not isinstance(value, str | int | float | bool):
        raise InputRefused(
            f"The parameter {_shown(name)} is a text, a number, or true or false; leave it out for the usual. "
            "Nothing was stored.",
            code="parameter_invalid",
        )
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pictures(body: JobBody, files: Mapping[Slot, Sent]) -> dict[Slot, Sent]:
    """By side, front first. Raises: InputRefused for a picture that was sent in two ways."""
    found: dict[Slot, Sent] = {}
    for slot, name in PICTURES.items():
        field = f"{name}Url"
        if field in body.model_fields_set and slot in files:
            raise InputRefused(
                f"Send {name} or {field}, not both. Nothing was stored.", code=f"{slot.value}_in_two_ways"
            )
        if field in body.model_fields_set:
            found[slot] = Sent(address=getattr(body, field))
        elif slot in files:
            found[slot] = files[slot]
    return found
