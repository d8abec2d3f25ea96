"""Whether everything works: answered at once, whatever else the server is busy with."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from core.services.health import Health
from core.web.answers import HealthBody
from core.web.described import errors, json_of
from core.web.jobs_api import ServicesNeeded

router = APIRouter()
HEALTH = errors() | json_of(HealthBody, words="Well") | json_of(HealthBody, code=503, words="Unwell")
ANSWER_S = 3.0  # those who ask give up after five or ten


@router.get("/health", summary="Whether everything works", responses=HEALTH)
async def health(services: ServicesNeeded) -> JSONResponse:
    """200 when jobs move on, 503 with a sentence for what does not."""
    look = asyncio.wrap_future(services.health.begin())
    done, _ = await asyncio.wait([look], timeout=ANSWER_S)
    state = look.result() if done else services.health.overdue()
    return JSONResponse(
        health_body(state), status_code=200 if state.is_well else 503, headers={"Cache-Control": "no-store"}
    )


def health_body(state: Health) -> dict[str, object]:
    age_s, free = state.heartbeat_age_s, state.disk.free_bytes
    return {
        "status": "ok" if state.is_well else "unwell",
        "store": _part(state.store_problem),
        "scheduler": _part(state.scheduler_problem) | {"heartbeat_age_s": None if age_s is None else round(age_s, 1)},
        "files": _part(state.files_problem),
        "disk": _part(state.disk.problem) | {"free_mb": None if free is None else free // 2**20},
        "generator": state.generator,
    }


def _part(problem: str | None) -> dict[str, object]:
    return {"ok": problem is None, "problem": problem}
