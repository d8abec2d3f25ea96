"""Our errors as answers: `{"success": false, "error": "<sentence>"}` with the right status code."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from core.domain.errors import (
    BudgetExceeded,
    ExportFailed,
    IdempotencyConflict,
    IllegalTransition,
    InputRefused,
    JobNotFound,
    MaquetteError,
    ModelInvalid,
    ObjectChanged,
    ObjectMissing,
    SandboxFailed,
    StorageFull,
    StoreUnavailable,
)
from core.domain.request import Slot

log = logging.getLogger(__name__)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
NOTHING_HERE = "There is nothing at this address."
RETRY_AFTER_S = 10  # a database that restarts is back within seconds
STATUS_CODES: tuple[tuple[type[MaquetteError], int], ...] = (
    (BudgetExceeded, 402),
    (InputRefused, 422),
    (ModelInvalid, 422),
    (ExportFailed, 422),
    (JobNotFound, 404),
    (ObjectChanged, 410),
    (ObjectMissing, 404),
    (IdempotencyConflict, 409),
    (IllegalTransition, 409),
    (StorageFull, 507),
    (StoreUnavailable, 503),
    (SandboxFailed, 503),
)
SIDES = frozenset(f"{slot.value}_too_large" for slot in Slot)
OLDER = "/api/generate-3d"  # its picture of the back was refused with 422 from the beginning


def problem(status_code: int, sentence: str, *, headers: dict[str, str] | None = None) -> JSONResponse:
    """The one form of every error answer."""
    shown = sentence.encode(errors="replace").decode()  # it may repeat half a pair, which UTF-8 cannot send
    return JSONResponse({"success": False, "error": shown}, status_code=status_code, headers=headers)


def install(api: FastAPI) -> None:
    """Let every error of this API answer in that form."""
    api.add_exception_handler(MaquetteError, _ours)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _fault)


async def _ours(request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, MaquetteError):
        raise exc
    code = next((code for kind, code in STATUS_CODES if isinstance(exc, kind)), 500)
    if exc.code == "too_large" or (exc.code in SIDES and request.scope["path"] != OLDER):
        code = 413
    headers = {"Retry-After": str(RETRY_AFTER_S)} if code == 503 else None
    return problem(code, exc.message, headers=headers)


async def _invalid(request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, RequestValidationError):
        raise exc
    return problem(422, " ".join(_sentence(error["loc"], error["msg"]) for error in exc.errors()))


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in location if part not in ("body", "path", "query"))
    return f"{name or 'The request'}: {message[:1].lower()}{message[1:]}."


async def _http(request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, HTTPException):
        raise exc
    if exc.status_code == 405:
        return problem(405, "This address does not take that method.", headers={"Allow": ", ".join(_methods(request))})
    sentence = NOTHING_HERE if exc.status_code == 404 else str(exc.detail)
    return problem(exc.status_code, sentence, headers=dict(exc.headers) if exc.headers else None)


def _methods(request: Request) -> list[str]:
    """Every method of the path; the router tells only those of the first route that has it."""

    def takes(method: str) -> bool:
        scope = dict(request.scope, method=method)
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in METHODS if takes(method)]


async def _gone(request: Request, exc: Exception) -> JSONResponse:
    """Whoever sent it hung up in the middle, or was cut off by a limit that has its own answer. No fault of ours."""
    return problem(400, "The request ended before it was complete.")


async def _fault(request: Request, exc: Exception) -> JSONResponse:
    log.error("%s %s: a fault of ours", request.method, request.scope["path"], exc_info=exc)
    return problem(500, "Something went wrong on our side; it is in the server's log. Your jobs are not affected.")
