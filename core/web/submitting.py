"""What the endpoints that make jobs share: the key of a request, its pictures, and its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from core.bootstrap import Services
from core.domain.errors import AddressRefused, InputRefused, PictureRefused
from core.domain.job import Job
from core.domain.request import Slot
from core.domain.status import Status
from core.services.requests import Sent, SubmitRequest
from core.web import prefer
from core.web.answers import ModelReadyBody, SubmittedBody, WaitEndedBody
from core.web.bodies import number, status_path
from core.web.described import LINKED, Responses, json_of
from core.web.hosts import origin_of
from core.web.waiting import PICTURES, WAITING, wait_for_end

MESSAGE = "3D generation job submitted successfully"  # the contract's words
MAX_KEY = 255  # characters of an Idempotency-Key
ANSWERS: Responses = (
    json_of(SubmittedBody, code=202, words="Queued", links=LINKED)
    | json_of(ModelReadyBody, words="With `Prefer: wait`: the model is there")
    | json_of(WaitEndedBody, code=408, words="With `Prefer: wait`: the time is over, and the job goes on")
    | json_of(WaitEndedBody, code=500, words="With `Prefer: wait`: the job ended without a model")
)


def key_of(request: Request) -> str | None:
    """The header Idempotency-Key. Raises: InputRefused."""
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable() and key.strip()):
        raise InputRefused(
            f"The Idempotency-Key must have 1 to {MAX_KEY} characters that can be shown.", code="key_invalid"
        )
    return key


def fetched(request: SubmitRequest, services: Services) -> SubmitRequest:
    """With the pictures that its addresses give. Raises: AddressRefused, PictureRefused."""
    pictures = {
        slot: sent if sent.address is None else _of_address(sent.address, services)
        for slot, sent in request.pictures.items()
    }
    return replace(request, pictures=pictures)


def fetched_by_side(request: SubmitRequest, services: Services) -> SubmitRequest:
    """As `fetched`; what is wrong with a picture says of which side it is. Raises: AddressRefused, PictureRefused."""
    for slot in request.pictures:
        one = replace(request, pictures={slot: request.pictures[slot]})
        try:
            request = replace(request, pictures={**request.pictures, **fetched(one, services).pictures})
        except (AddressRefused, PictureRefused) as exc:
            if slot is Slot.FRONT:
                raise
            raise type(exc)(f"The picture of the {slot.value}: {exc.message}", code=exc.code) from exc
    return request


def _of_address(address: str, services: Services) -> Sent:
    found = services.fetcher.fetch(address)
    return Sent(data=found.data, name=found.name, address=address)


async def answered(
    submit: Callable[[], Job], services: Services, request: Request, *, estimate: bool, places: int = 1
) -> JSONResponse:
    """Queue a job and answer at once, or as the header `Prefer` asks for.

    Args:
        places: how many of the lane's it takes; more for more pictures.

    Raises: whatever `submit` raises, and SandboxFailed when too much is asked at once.
    """
    started_s = time.monotonic()
    wait_s = prefer.wait_s(request.headers.getlist("prefer"))
    job = await PICTURES.run(submit, places=places)
    if wait_s is not None and not WAITING.is_full:  # else as without the wish, which the standard allows
        return _waited(await wait_for_end(services.overview, job, ends_s=started_s + wait_s), services, request)
    body: dict[str, Any] = {
        "success": True,
        "record_id": job.id,
        "status": job.status.value,
        "status_url": status_path(job.id),
        "message": MESSAGE,
    }
    if estimate:
        body["estimated_credits"] = number(job.credits_estimate)
    return JSONResponse(body, status_code=202, headers={"Location": status_path(job.id)})


def _waited(job: Job, services: Services, request: Request) -> JSONResponse:
    """The answers of the older, synchronous endpoint."""
    applied = {"Preference-Applied": "wait", "Location": status_path(job.id)}
    if job.status is Status.COMPLETED:
        url = services.overview.model_address(job, origin=origin_of(request.scope))
        return JSONResponse({"success": True, "model_url": url, "supabase_record_id": job.id}, headers=applied)
    if job.status in (Status.RUNNING, Status.TIMEOUT):
        return JSONResponse({"error": "Timeout waiting for 3D generation"}, status_code=408, headers=applied)
    return JSONResponse({"error": job.error_message or "The job was cancelled."}, status_code=500, headers=applied)
