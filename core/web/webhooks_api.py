"""Tripo tells us that there is news of a task. It is a hint: we ask Tripo ourselves."""

from __future__ import annotations

import logging
import time

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from core.generators.tripo.webhooks import SIGNATURE_HEADER, delivery_of, is_signed
from core.web.answers import DoneBody
from core.web.described import errors, json_of
from core.web.jobs_api import ServicesNeeded
from core.web.problems import problem

log = logging.getLogger(__name__)
router = APIRouter()
SIGNED = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["id", "type"],
                    "properties": {"id": {"type": "string"}, "type": {"type": "string"}, "data": {"type": "object"}},
                }
            }
        },
    },
    "parameters": [{"name": SIGNATURE_HEADER, "in": "header", "required": True, "schema": {"type": "string"}}],
}
KNOWN_TYPES = frozenset({"task.completed", "task.failed", "balance.low"})


@router.post(
    "/webhooks/tripo", responses=errors(401, 404) | json_of(DoneBody), summary="Tripo's webhook", openapi_extra=SIGNED
)
async def tripo_webhook(request: Request, services: ServicesNeeded) -> JSONResponse:
    """Off without TRIPO_WEBHOOK_SECRET. Stores the delivery, answers, and has the task asked for at once."""
    secret = services.settings.tripo_webhook_secret
    if secret is None:
        return problem(404, "Webhooks are off: the operator has not set TRIPO_WEBHOOK_SECRET.")
    body = await request.body()
    header = request.headers.get(SIGNATURE_HEADER, "")
    if not is_signed(secret.get_secret_value(), header, body, now_s=time.time()):
        log.warning("a webhook call with a wrong or old signature was refused")
        return problem(401, "The signature is not right or too old; nothing was stored.")
    delivery = delivery_of(body)
    if delivery is None:
        return problem(422, "This is no delivery; nothing was stored.")
    if delivery.type in KNOWN_TYPES:
        account = services.account_of("tripo")
        is_new = await run_in_threadpool(services.jobs.note_delivery, account, delivery)
        if is_new and delivery.task_id is not None:
            await run_in_threadpool(services.scheduler.wake)
    return JSONResponse({"success": True})
