"""A generator tells us that there is news of a task. It is a hint: we ask the generator ourselves."""

from __future__ import annotations

import logging
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from core.bootstrap import Services
from core.connected import known
from core.web.answers import DoneBody
from core.web.described import errors, json_of
from core.web.jobs_api import ServicesNeeded
from core.web.problems import problem

log = logging.getLogger(__name__)
router = APIRouter()


def _described() -> dict[str, Any]:
    """Who calls, how each signs its calls, and what all of them say."""
    callers = {each.name: each.webhook for each in known() if each.webhook is not None}
    signatures = [
        {"name": terms.signature_header, "in": "header", "schema": {"type": "string"}} for terms in callers.values()
    ]
    fields = {"id": {"type": "string"}, "type": {"type": "string"}, "data": {"type": "object"}}
    schema = {"type": "object", "required": ["id", "type"], "properties": fields}
    caller = {"name": "generator", "in": "path", "required": True, "schema": {"type": "string", "enum": [*callers]}}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "parameters": [caller, *signatures],
    }


@router.post(
    "/webhooks/{generator}",
    responses=errors(401, 404) | json_of(DoneBody),
    summary="A generator's webhook",
    openapi_extra=_described(),
)
async def webhook(request: Request, services: ServicesNeeded) -> JSONResponse:
    """Off until its secret is set. Stores the delivery, answers, and has the task asked for at once."""
    generator = request.path_params["generator"]
    declaration = services.makers.declaration(generator)
    reader = services.webhooks.get(generator)
    if declaration is None or declaration.webhook is None or reader is None:
        return problem(404, _why_off(services, generator))
    body = await request.body()
    header = request.headers.get(declaration.webhook.signature_header, "")
    if not reader.is_signed(header, body, now_s=time.time()):
        log.warning("a webhook call with a wrong or old signature was refused")
        return problem(401, "The signature is not right or too old; nothing was stored.")
    delivery = reader.delivery_of(body)
    if delivery is None:
        return problem(422, "This is no delivery; nothing was stored.")
    if delivery.type in declaration.webhook.news:
        account = services.account_of(generator)
        is_new = await run_in_threadpool(services.jobs.accounts.note_delivery, account, delivery)
        if is_new and delivery.task_id is not None:
            await run_in_threadpool(services.scheduler.wake)
    return JSONResponse({"success": True})


def _why_off(services: Services, generator: str) -> str:
    declaration = services.makers.declaration(generator)
    if declaration is None or declaration.webhook is None:
        return "No generator that is known here calls this address."
    secret = declaration.webhook.turned_on_by
    if generator in services.makers.connected:
        return f"Webhooks are off: the operator has not set {secret}."
    return f"Webhooks are off: they need {declaration.connected_by} and {secret}."
