"""Tripo's JSON to and from the domain's values. Older names of fields are read too: both are met in the wild."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from core.domain.generation import Balance, GenerationRequest, TaskPhase, TaskState, UsageRow
from core.domain.request import (
    Conversion,
    ConvertModel,
    JobRequest,
    Kind,
    MultiviewToModel,
    Slot,
    TextToModel,
)
from core.generators.tripo.codes import task_failure
from core.generators.tripo.prices import PRICES

PHASES = {
    "queued": TaskPhase.WAITING,
    "running": TaskPhase.WORKING,
    "unknown": TaskPhase.WORKING,  # a fault of Tripo's that passes
    "success": TaskPhase.SUCCEEDED,
}
ENDED = frozenset({"success", "failed", "cancelled", "banned", "expired"})
OLD_FAILURES = {"banned": "2008", "expired": "2018"}  # words that became failed with a code
MODEL_KEYS = ("model_url", "pbr_model", "model", "base_model")
USUAL_MODEL = PRICES[0].model
PREVIEW_KEYS = ("rendered_image_url", "rendered_image")


PATHS = {
    Kind.IMAGE: "/v3/generation/image-to-model",
    Kind.MULTIVIEW: "/v3/generation/multiview-to-model",
    Kind.TEXT: "/v3/generation/text-to-model",
    Kind.CONVERT: "/v3/models/convert",
}
VIEWS = (Slot.FRONT, Slot.LEFT, Slot.BACK, Slot.RIGHT)  # the order of `inputs`, None for one that is missing
UNLESS = {"texture_quality": "standard", "geometry_quality": "standard", "orientation": "default", "auto_size": False}


def create_path(request: GenerationRequest) -> str:
    """Of the call that is paid for."""
    return PATHS[request.request.kind]


def create_body(request: GenerationRequest) -> dict[str, Any]:
    """Body of the paid call: only what differs from Tripo's defaults, for P models refuse even a plain false."""
    asked = request.request
    if isinstance(asked, ConvertModel):
        return _conversion_body(asked.conversion)
    chosen: Mapping[str, Any] = asked.choices
    body = _subject(asked, request.tokens)
    body |= {"model": chosen.get("model", USUAL_MODEL), "model_seed": request.nonce}
    if chosen.get("face_limit") is not None:
        body["face_limit"] = chosen["face_limit"]
    has_texture = chosen.get("texture", True)
    if not has_texture:
        body |= {"texture": False, "pbr": False}  # pbr alone would bring the texture back
    elif not chosen.get("pbr", True):
        body["pbr"] = False
    for name, usual in UNLESS.items():
        if chosen.get(name, usual) != usual and (has_texture or name != "texture_quality"):
            body[name] = chosen[name]
    return body


def _subject(asked: JobRequest, tokens: Mapping[Slot, str]) -> dict[str, Any]:
    """What the model is made of."""
    if isinstance(asked, TextToModel):
        return {"prompt": asked.prompt} | ({"negative_prompt": asked.negative_prompt} if asked.negative_prompt else {})
    if isinstance(asked, MultiviewToModel):
        return {"inputs": [tokens.get(slot) for slot in VIEWS]}
    return {"input": tokens[Slot.FRONT]}


def _conversion_body(conversion: Conversion) -> dict[str, Any]:
    """No field of it is free to carry a random number; task, format and options together tell whose it is."""
    body: dict[str, Any] = {"input": conversion.task_id, "format": conversion.format}
    if conversion.quad:
        body["quad"] = True
    if conversion.face_limit is not None:
        body["face_limit"] = conversion.face_limit
    return body


def task_state(task: dict[str, Any]) -> TaskState | None:
    """One task; None when it has no id."""
    task_id = task.get("task_id")
    if not isinstance(task_id, str) or not task_id:
        return None
    status = str(task.get("status") or "unknown")
    phase = PHASES.get(status, TaskPhase.FAILED)
    echo = task.get("input")
    failure = _failure(task, status) if phase is TaskPhase.FAILED else (None, None)
    return TaskState(
        task_id=task_id,
        phase=phase,
        progress=100 if phase is TaskPhase.SUCCEEDED else _percent(task.get("progress")),
        model_url=_url(task.get("output"), MODEL_KEYS),
        preview_url=_url(task.get("output"), PREVIEW_KEYS),
        credits_used=decimal(task.get("credits_consumed", task.get("consumed_credit"))),
        error_code=failure[0],
        error_message=failure[1],
        created_at=moment(task.get("created_at", task.get("create_time"))),
        input_token=_token(echo),
        input_nonce=_integer(echo.get("model_seed")) if isinstance(echo, dict) else None,
        input_conversion=_conversion(echo),
        input_prompt=_prompt(echo),
        shows_request=isinstance(echo, dict) and bool(echo),
    )


def balance(data: dict[str, Any]) -> Balance | None:
    available, held = decimal(data.get("balance")), decimal(data.get("frozen", 0))
    return None if available is None or held is None else Balance(available=available, held=held)


def usage_rows(data: dict[str, Any] | list[Any]) -> list[UsageRow] | None:
    """None for what is not a list of tasks: that nothing is read of it does not mean that nothing was made."""
    rows = data if isinstance(data, list) else data.get("items")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("task_id") for row in rows):
        return None
    return [
        UsageRow(
            task_id=str(row["task_id"]),
            type=str(row.get("type", "")),
            status=str(row.get("status", "")),
            created_at=moment(row.get("created_at", row.get("create_time"))),
            credits_used=decimal(row.get("credits_consumed", row.get("consumed_credit"))),
            has_ended=str(row.get("status", "")) in ENDED,
        )
        for row in rows
    ]


def moment(value: object) -> datetime | None:
    """A time as ISO 8601 or unix seconds, aware UTC; None when it is neither."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdecimal():
            found = datetime.fromisoformat(value)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        seconds = decimal(value)
        return None if seconds is None else datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def decimal(value: object) -> Decimal | None:
    """A number of credits, exact; None when it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _failure(task: dict[str, Any], status: str) -> tuple[str, str]:
    code = task.get("error_code")
    text = str(code) if code not in (None, "", 0) else OLD_FAILURES.get(status)
    message = task.get("error_message") or task.get("error_msg")
    if text is None and status == "cancelled":
        return "cancelled", "Tripo cancelled this task. It gives the credits it held back. You can submit it again."
    return text or "task_failed", task_failure(_kind(task), text, str(message) if message else None)


def _kind(task: dict[str, Any]) -> Kind:
    """What a task was to do, by its type (our words for kinds are Tripo's), else by what it repeats of its request."""
    try:
        return Kind(str(task.get("type")))
    except ValueError:
        echo = task.get("input")
    if _conversion(echo) is not None:
        return Kind.CONVERT
    if not isinstance(echo, dict):
        return Kind.IMAGE
    return Kind.TEXT if "prompt" in echo else Kind.MULTIVIEW if "inputs" in echo else Kind.IMAGE


def _url(output: object, keys: Sequence[str]) -> str | None:
    if not isinstance(output, dict):
        return None
    urls = [output.get(key) for key in keys]
    if keys is MODEL_KEYS and isinstance(output.get("model_urls"), list):
        urls += output["model_urls"]
    return next((url for url in urls if isinstance(url, str) and url), None)


def _token(echo: object) -> str | None:
    """What the request was about in its echo, in any of its forms: the (front's) picture's token, or a model's task."""
    if not isinstance(echo, dict):
        return None
    fields = (echo.get("input"), echo.get("original_model_task_id"), echo.get("file"))
    return next(filter(None, map(_file, (*fields, _front(echo.get("inputs")), _front(echo.get("files"))))), None)


def _file(value: object) -> str | None:
    """A picture as it is named: by its token, or by an object that has it."""
    token = value.get("file_token") if isinstance(value, dict) else value
    return token if isinstance(token, str) else None


def _front(views: object) -> object:
    """The first of four places, or the one that is called front: both ways of writing are met."""
    if isinstance(views, dict):
        return views.get(Slot.FRONT.value)
    if not isinstance(views, list):
        return None
    named = next(
        (view[Slot.FRONT.value] for view in views if isinstance(view, dict) and Slot.FRONT.value in view), None
    )
    return named or next(iter(views), None)


def _conversion(echo: object) -> Conversion | None:
    """What the request was to convert; None when it was another one."""
    task_id = _token(echo)
    if not isinstance(echo, dict) or task_id is None or not isinstance(echo.get("format"), str):
        return None
    faces = _integer(echo.get("face_limit"))
    return Conversion(
        task_id=task_id,
        format=echo["format"].upper(),
        quad=echo.get("quad") is True,
        face_limit=faces if faces is not None and faces > 0 else None,  # some clients write 0 for no limit
    )


def _prompt(echo: object) -> str | None:
    prompt = echo.get("prompt") if isinstance(echo, dict) else None
    return prompt if isinstance(prompt, str) else None


def _percent(value: object) -> int:
    number = decimal(value)
    return 0 if number is None else max(0, min(100, int(number)))


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
