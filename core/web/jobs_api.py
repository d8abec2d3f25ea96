"""Submit a job, and ask how it is doing."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from core.bootstrap import Services, get_services
from core.domain.errors import InputRefused, JobNotFound, PictureRefused
from core.domain.job import Job
from core.domain.request import Choices, Slot
from core.services.requests import Sent, SubmitRequest
from core.web.answers import StatusBody
from core.web.bodies import (
    GenerateBody,
    OptionsBody,
    form_number,
    status_body,
)
from core.web.described import BODIES, JobNumber, errors, json_of
from core.web.hosts import origin_of
from core.web.submitting import ANSWERS, answered, fetched, key_of

router = APIRouter()


async def services_at_hand() -> Services:
    """A plain function would wait for a thread of the common pool, and health with it."""
    return get_services()


ServicesNeeded = Annotated[Services, Depends(services_at_hand)]
STATUS = errors(404) | json_of(StatusBody)


async def read_request(request: Request) -> SubmitRequest:
    """Read the body, JSON or multipart. Raises: InputRefused."""
    key = key_of(request)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, key)
    if kind not in ("application/json", ""):
        raise InputRefused("Send JSON with imageUrl, or a multipart form with the field image.", code="media_type")
    try:
        body = GenerateBody.model_validate(json.loads(await request.body()), strict=True)
    except ValidationError as exc:
        parts = [f"{'.'.join(map(str, error['loc'])) or 'The body'}: {error['msg'].lower()}." for error in exc.errors()]
        raise InputRefused(" ".join(parts), code="body_invalid") from exc
    except (ValueError, RecursionError) as exc:
        raise InputRefused("The body is not valid JSON.", code="not_json") from exc

    return SubmitRequest(
        pictures=_views(Sent(address=body.imageUrl), None if body.backUrl is None else Sent(address=body.backUrl)),
        target_object=body.targetObject,
        session_id=body.sessionId,
        iteration=body.iteration,
        choices=body.options.chosen(),
        drops_unknown=True,
        idempotency_key=key,
    )


async def _read_form(request: Request, key: str | None) -> SubmitRequest:
    try:
        async with request.form(max_files=2, max_fields=20) as form:
            file = form.get("image")
            if not isinstance(file, UploadFile):
                raise PictureRefused("The form has no file in the field image.", code="image_missing")
            image, name = await file.read(), file.filename or "picture"
            behind = form.get("back")
            back = await behind.read() if isinstance(behind, UploadFile) else None
            texts = {field: value for field, value in form.items() if isinstance(value, str)}
    except MultiPartException as exc:
        raise InputRefused("The form could not be read. Send it as multipart/form-data.", code="form_broken") from exc
    if "targetObject" not in texts:
        raise InputRefused("The field targetObject is missing: it names what the picture shows.", code="name_missing")
    return SubmitRequest(
        pictures=_views(Sent(data=image, name=name), Sent(data=back, name=name) if back else None),
        target_object=texts["targetObject"],
        session_id=texts.get("sessionId", ""),
        iteration=form_number(texts.get("iteration", "1")),
        choices=_form_options(texts),
        drops_unknown=True,
        idempotency_key=key,
    )


def _views(front: Sent, back: Sent | None) -> dict[Slot, Sent]:
    return {Slot.FRONT: front} if back is None else {Slot.FRONT: front, Slot.BACK: back}


def _form_options(texts: dict[str, str]) -> Choices:
    try:
        return OptionsBody.model_validate({name: value for name, value in texts.items() if value != ""}).chosen()
    except ValidationError as exc:
        parts = [f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}." for error in exc.errors()]
        raise InputRefused(" ".join(parts), code="options_invalid") from exc


@router.post(
    "/generate-3d",
    status_code=202,
    responses=errors(402, 409, 507) | ANSWERS,
    openapi_extra=BODIES,
    summary="Submit a picture",
)
async def generate(
    request: Request,
    services: ServicesNeeded,
    asked: Annotated[SubmitRequest, Depends(read_request)],
    estimate: bool = False,
) -> JSONResponse:
    """Queue a job and answer at once. With `Prefer: wait=N`, answer when the model is there, or after N seconds;
    when too many wait, at once all the same.

    With `?estimate=true` the answer also has `estimated_credits`.
    """

    def submit() -> Job:
        return services.submit.submit(asked, fetch=lambda wanted: fetched(wanted, services)).job

    return await answered(submit, services, request, estimate=estimate)


@router.get("/generation-status/{record_id}", responses=STATUS, summary="Ask how a job is doing")
@router.get(
    "/status/{record_id}", responses=STATUS, operation_id="status_too", summary="The same, under its other name"
)
def status(record_id: JobNumber, request: Request, services: ServicesNeeded) -> JSONResponse:
    """The contract's keys: `3d_url` and `image_url` when completed, `error_message` when it ended otherwise.

    The header `X-Maquette-Note` says why nobody works on it, where its generator is not connected any more.
    """
    job = services.overview.job(job_number(record_id))
    overview, origin = services.overview, origin_of(request.scope)
    body = status_body(
        job,
        model_address=overview.model_address(job, origin=origin),
        image_address=overview.image_address(job, origin=origin),
    )
    absence = services.makers.absence(job)
    note = {} if absence is None else {"X-Maquette-Note": absence}
    return JSONResponse(body, headers={"Cache-Control": "no-store"} | note)


def job_number(text: str) -> int:
    """A job's number from a path. Raises: JobNotFound."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise JobNotFound(f"There is no job {text[:40]!r}.")
    return int(text)
