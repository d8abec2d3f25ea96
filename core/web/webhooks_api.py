"""Tripo tells us that there is news of a task. It is a hint: we ask Tripo ourselves."""

from __future__ import annotations

import logging
import time

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from core.adapters.tripo.webhooks import SIGNATURE_HEADER, delivery_of, is_signed
from core.web.jobs_api import ERRORS, ServicesNeeded
from core.web.problems import problem

log = logging.getLogger(__name__)
router = APIRouter()
MOST_BYTES = 256 * 1024  # a delivery has a few hundred
KNOWN_TYPES = frozenset({"task.completed", "task.failed", "balance.low"})


@router.post("/webhooks/tripo", responses=ERRORS | {401: {}}, summary="Tripo's webhook")
async def tripo_webhook(request: Request, services: ServicesNeeded) -> JSONResponse:
    """Off without TRIPO_WEBHOOK_SECRET. Stores the delivery, answers, and has the task asked for at once."""
    secret = services.settings.tripo_webhook_secret
    if secret is None:
        return problem(404, "Webhooks are off: the operator has not set TRIPO_WEBHOOK_SECRET.")
    declared = request.headers.get("content-length", "")
    body = b"" if declared.isdecimal() and int(declared) > MOST_BYTES else await request.body()
    if len(body) > MOST_BYTES or not body:
        return problem(413, "A delivery has a body of a few hundred bytes; nothing was stored.")
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
