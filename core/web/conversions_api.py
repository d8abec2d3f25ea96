"""Files that the generator makes of its finished model for credits, because nothing here can."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from core.domain.job import Job
from core.web.answers import OffersBody, OrderBody
from core.web.bodies import WHOLE, number, status_path
from core.web.described import KEY, JobNumber, errors, json_of
from core.web.jobs_api import ServicesNeeded, job_number
from core.web.submitting import key_of

router = APIRouter()
ORDER = (
    errors(402, 404, 409)
    | json_of(OrderBody, code=202, words="Ordered", links=("status", "cancel"))
    | json_of(OrderBody, words="Ordered before", links=("status", "cancel"))
)


class ConversionBody(BaseModel):
    """JSON of `POST /api/jobs/{id}/conversions`. A misspelt key must not order, and charge, something else."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["fbx"] = "fbx"
    quad: Annotated[bool, Field(description="Lay the surface anew in four-sided faces.")] = False
    faceLimit: Annotated[  # noqa: N815
        Annotated[int, Field(ge=1, lt=2**31), WHOLE] | None, Field(description="With quad: at most so many faces.")
    ] = None


@router.get(
    "/jobs/{record_id}/conversions",
    responses=errors(404) | json_of(OffersBody),
    summary="What its generator can make of a model, and the price",
)
def offers(record_id: JobNumber, services: ServicesNeeded) -> JSONResponse:
    """The generator is not asked. `problem` says why nothing can be ordered; `ordered` are the jobs that were."""
    job = services.overview.job(job_number(record_id))
    kinds = [
        {"format": "fbx", "quad": offer.quad, "estimated_credits": number(offer.credits)}
        for offer in services.convert.offers(job)
    ]
    ordered = [_shown(each) for each in services.convert.ordered(job.id)]
    body = {"record_id": job.id, "problem": services.convert.refusal(job), "offers": kinds, "ordered": ordered}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


@router.post(
    "/jobs/{record_id}/conversions",
    status_code=202,
    responses=ORDER,
    openapi_extra={"parameters": [KEY]},
    summary="Order one of them",
)
def order(record_id: JobNumber, body: ConversionBody, services: ServicesNeeded, request: Request) -> JSONResponse:
    """Costs credits. 202 with a new job; 200 with the job that was ordered before: nothing is paid for twice."""
    added = services.convert.order(
        job_number(record_id), quad=body.quad, face_limit=body.faceLimit, key=key_of(request)
    )
    job = added.job
    maker = services.overview.maker_of(job)
    message = f"Ordered from {maker}." if added.created else f"This was ordered before, as job {job.id}."
    answer = {"success": True, "message": message, "estimated_credits": number(job.credits_estimate)} | _shown(job)
    return JSONResponse(answer, status_code=202 if added.created else 200, headers={"Location": status_path(job.id)})


def _shown(job: Job) -> dict[str, Any]:
    conversion = job.conversion
    return {
        "record_id": job.id,
        "converted_from": job.source,
        "format": "fbx",
        "quad": conversion is not None and conversion.quad,
        "faceLimit": None if conversion is None else conversion.face_limit,
        "status": job.status.value,
        "status_url": status_path(job.id),
    }
