"""What may be decided about a job: cancel, make again, fetch again, or settle what needs a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core.domain.errors import InputRefused
from core.domain.job import Job
from core.web.answers import AccountBody, CancelledBody, CandidatesBody, ChangedBody, RetryOfferBody
from core.web.bodies import Text, iso, number, status_path
from core.web.described import JobNumber, errors, json_of
from core.web.jobs_api import ServicesNeeded, job_number

router = APIRouter()
RETRY = errors(402, 404, 409) | json_of(ChangedBody, code=202, words="Queued", links=("status", "cancel"))


EITHER: list[JsonValue] = [
    {"required": ["take"], "properties": {"take": {"type": "string"}, "sendAgain": {"const": False}}},
    {"required": ["sendAgain"], "properties": {"take": {"type": "null"}, "sendAgain": {"const": True}}},
]


class DecisionBody(BaseModel):
    """JSON of `POST /api/jobs/{id}/decision`: exactly one of the two."""

    model_config = ConfigDict(strict=True, json_schema_extra={"oneOf": EITHER})

    take: Annotated[Text | None, Field(description="The number of the task that is this job's.")] = None
    sendAgain: Annotated[bool, Field(description="Nothing was made: send it again.")] = False  # noqa: N815


@router.post("/jobs/{record_id}/cancel", responses=errors(404, 409) | json_of(CancelledBody), summary="Stop a job")
def cancel(record_id: JobNumber, services: ServicesNeeded) -> JSONResponse:
    """A job that was not sent ends for certain. Later only a generator that can be stopped stops, see `can_cancel`.

    Another may go on and still charge. `message` says which it is.
    """
    job = services.decide.cancel(job_number(record_id))
    message = job.error_message or "Cancelled."
    return JSONResponse({"success": True, "record_id": job.id, "status": job.status.value, "message": message})


@router.get(
    "/jobs/{record_id}/retry",
    responses=errors(404) | json_of(RetryOfferBody),
    summary="What making it again would cost",
)
def retry_offer(record_id: JobNumber, services: ServicesNeeded) -> JSONResponse:
    job = services.overview.job(job_number(record_id))
    offer = services.decide.retry_offer(job)
    body: dict[str, Any] = {"record_id": job.id, "possible": offer is not None}
    if offer is not None:
        body |= {
            "estimated_credits": number(offer.credits),
            "message": offer.why,
            "needs_another_picture": offer.needs_another_picture,
        }
    elif (refusal := services.decide.retry_refusal(job)) is not None:
        body["message"] = refusal
    return JSONResponse(body)


@router.post("/jobs/{record_id}/retry", status_code=202, responses=RETRY, summary="Make it again, as a new job")
def retry(record_id: JobNumber, services: ServicesNeeded) -> JSONResponse:
    job = services.decide.retry(job_number(record_id))
    body = _changed(job, "3D generation job submitted successfully") | {"retry_of": job.retry_of}
    return JSONResponse(body, status_code=202, headers={"Location": status_path(job.id)})


@router.post(
    "/jobs/{record_id}/fetch",
    status_code=202,
    responses=errors(404, 409) | json_of(ChangedBody, code=202),
    summary="Fetch a finished model again now",
)
def fetch(record_id: JobNumber, services: ServicesNeeded) -> JSONResponse:
    """Costs nothing: the model is made, and only its transfer is repeated."""
    job = services.decide.fetch_again(job_number(record_id))
    return JSONResponse(_changed(job, "The model is fetched again; this costs nothing."), status_code=202)


@router.get(
    "/jobs/{record_id}/decision",
    responses=errors(404) | json_of(CandidatesBody),
    summary="Between what a person has to decide",
)
def candidates(record_id: JobNumber, services: ServicesNeeded) -> JSONResponse:
    job = services.overview.job(job_number(record_id))
    tasks = [
        {
            "task_id": task.task_id,
            "status": task.status,
            "created_at": None if task.created_at is None else iso(task.created_at),
            "credits": number(task.credits_used),
            "evidence": task.evidence,
        }
        for task in services.decide.candidates(job.id)
    ]
    return JSONResponse({"record_id": job.id, "stage": job.stage.value, "reason": job.error_message, "tasks": tasks})


@router.post(
    "/jobs/{record_id}/decision",
    responses=errors(404, 409) | json_of(ChangedBody),
    summary="Settle a job that needs a person",
)
def decide(record_id: JobNumber, body: DecisionBody, services: ServicesNeeded) -> JSONResponse:
    if (body.take is None) == (not body.sendAgain):
        raise InputRefused("Give exactly one: take, with a task's number, or sendAgain.", code="decision_unclear")
    number_ = job_number(record_id)
    if body.take is not None:
        return JSONResponse(_changed(services.decide.take(number_, body.take), "The task is this job's now."))
    return JSONResponse(_changed(services.decide.send_again(number_), "It is sent again."))


@router.get("/account", responses=errors() | json_of(AccountBody), summary="Balance, and tasks that belong to no job")
def account(services: ServicesNeeded) -> JSONResponse:
    view = services.overview.account()
    balance = view.balance
    return JSONResponse(
        {
            "connected": view.is_paid,
            "balance": None if balance is None else number(balance.available),
            "held": None if balance is None else number(balance.held),
            "balance_at": None if view.balance_at is None else iso(view.balance_at),
            "credits_last_24h": number(view.spent),
            "max_credits_per_day": number(view.most),
            "problems": list(view.problems),
            "tasks_of_no_job": [
                {"task_id": task.task_id, "status": task.status, "credits": number(task.credits_used)}
                for task in view.orphaned
            ],
            "kept_for_no_job": [
                {"what": left.what, "task_id": left.task_id, "record_id": left.job_id, "why": left.why}
                for left in view.leftovers
            ],
        },
        headers={"Cache-Control": "no-store"},
    )


def _changed(job: Job, message: str) -> dict[str, Any]:
    return {
        "success": True,
        "record_id": job.id,
        "status": job.status.value,
        "status_url": status_path(job.id),
        "message": message,
    }
