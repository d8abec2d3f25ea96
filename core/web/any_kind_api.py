"""Submit a job of any kind."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from core.bootstrap import Services
from core.domain.declaration import CONVERSION
from core.domain.errors import InputRefused
from core.domain.job import Job
from core.services.requests import SubmitRequest
from core.web.described import errors
from core.web.job_bodies import Order, read_job
from core.web.job_schemas import BODIES
from core.web.jobs_api import ServicesNeeded
from core.web.submitting import ANSWERS, answered, fetched_by_side

router = APIRouter()


@router.post(
    "/jobs",
    status_code=202,
    responses=errors(402, 404, 409, 507) | ANSWERS,
    openapi_extra=BODIES,
    operation_id="submit",
    summary="Submit a job of any kind",
)
async def submit_any(
    request: Request,
    services: ServicesNeeded,
    asked: Annotated[SubmitRequest | Order, Depends(read_job)],
    estimate: bool = False,
) -> JSONResponse:
    """One picture, several views, words, or another file of a finished model; see `/generators` for who makes what.

    Answers as `/generate-3d` does, `Prefer: wait`, `Idempotency-Key` and `?estimate=true` included. `kind` may be left
    out: it is told by what was sent.
    """
    if isinstance(asked, Order):
        return await answered(lambda: _ordered(asked, services), services, request, estimate=estimate)

    def submit() -> Job:
        return services.submit.submit(asked, fetch=lambda wanted: fetched_by_side(wanted, services)).job

    places = (len(asked.pictures) + 1) // 2 or 1  # each is made for two pictures
    return await answered(submit, services, request, estimate=estimate, places=places)


def _ordered(order: Order, services: Services) -> Job:
    """Raises: JobNotFound, IllegalTransition, IdempotencyConflict, InputRefused (BudgetExceeded), StoreUnavailable."""
    job = services.overview.job(order.source)
    maker = services.makers.named(order.generator or job.generator)
    if maker.name != job.generator:
        raise InputRefused(
            f"The model of job {job.id} was made by another generator than {maker.label}, and only that one converts "
            "it. Leave generator out. Nothing was ordered or charged.",
            code="generator_refused",
        )
    CONVERSION.check(order.choices, label=maker.label)
    chosen = CONVERSION.resolved(order.choices)
    faces = chosen.get("face_limit")
    return services.convert.order(
        job.id,
        quad=chosen["quad"] is True,
        face_limit=faces if isinstance(faces, int) else None,
        key=order.idempotency_key,
    ).job
