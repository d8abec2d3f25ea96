"""Tripo's answers: unwrap what worked, raise our errors for what did not."""

from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    GenerationError,
    LookupFailed,
    OutcomeUnknown,
    RequestRejected,
)
from core.domain.request import Kind
from core.generators.tripo.codes import Effect, row_of

TRACE = "X-Tripo-Trace-ID"
MAX_WAIT_S = 3600.0  # a wrong clock in X-RateLimit-Reset must not stop the account for days


def envelope(response: httpx.Response) -> dict[str, Any] | None:
    """The parsed `{"code": …, "data": …}`, numbers with a point as Decimal; None when it is anything else."""
    try:
        body = json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    has_code = isinstance(body, dict) and isinstance(body.get("code"), int) and not isinstance(body["code"], bool)
    return body if has_code else None


def data_of(response: httpx.Response) -> dict[str, Any] | list[Any]:
    """The data of a free call.

    Raises: RequestRejected, AccountBusy, AccountBlocked, LookupFailed.
    """
    body = envelope(response)
    if body is None:
        if response.status_code in (401, 429):
            raise error_of(response, 1002 if response.status_code == 401 else 1007)
        raise LookupFailed(
            f"Tripo answered {response.status_code} with something unreadable; it is asked again. Nothing was charged.",
            trace_id=response.headers.get(TRACE),
        )
    if body["code"] != 0:
        error = error_of(response, body["code"])
        if isinstance(error, OutcomeUnknown):  # a question that met a fault is simply asked again
            raise LookupFailed("Tripo had a fault of its own; it is asked again.", code=error.code)
        raise error
    data = body.get("data")
    if not isinstance(data, dict | list):
        raise LookupFailed("Tripo answered without data; it is asked again.", trace_id=response.headers.get(TRACE))
    return data


def created_task(response: httpx.Response, kind: Kind) -> str:
    """The id of the task that a create request made.

    Raises: RequestRejected, AccountBusy, AccountBlocked: nothing was created. OutcomeUnknown: it may have been.
    """
    body = envelope(response)
    trace = response.headers.get(TRACE)
    # A 5xx may come after the task was made, even with a readable code in it: it is looked for, never repeated.
    if body is None or response.status_code >= 500:
        raise OutcomeUnknown(
            f"Tripo answered {response.status_code} and did not say whether it took the order. "
            "We are checking that; nothing is sent again before it is known, so nothing is charged twice.",
            trace_id=trace,
        )
    if body["code"] != 0:
        raise error_of(response, body["code"], kind)
    data = body.get("data")
    task_id = data.get("task_id") if isinstance(data, dict) else None
    if not isinstance(task_id, str) or not task_id:
        raise OutcomeUnknown(
            "Tripo took the order but did not name its task. We are looking for it; nothing is charged twice.",
            trace_id=trace,
        )
    return task_id


def error_of(response: httpx.Response, code: int, kind: Kind = Kind.IMAGE) -> GenerationError:
    """Our error for a code of Tripo's; a picture that is handed over is spoken of as one, whatever it is for."""
    row = row_of(code, kind)
    trace = response.headers.get(TRACE)
    effect = row.effect if row is not None else _effect_of_status(response.status_code)
    message = row.sentence if row is not None else f"Tripo refused the request with code {code}. Nothing was charged."
    if effect is Effect.BUSY:
        return AccountBusy(message, retry_after_s=_wait_s(response), code=str(code), trace_id=trace)
    if effect is Effect.BLOCKED:
        return AccountBlocked(message, code=str(code), trace_id=trace)
    if effect is Effect.UNKNOWN:
        return OutcomeUnknown(message, code=str(code), trace_id=trace)
    return RequestRejected(message, code=str(code), trace_id=trace)


def _effect_of_status(status_code: int) -> Effect:
    """For codes that are not in the table."""
    if status_code == 401:
        return Effect.BLOCKED
    if status_code == 429:
        return Effect.BUSY
    return Effect.UNKNOWN if status_code >= 500 else Effect.REJECTED


def _wait_s(response: httpx.Response) -> float | None:
    """Seconds from Retry-After (which may be a date), else until X-RateLimit-Reset (unix seconds), or None."""
    now_s = time.time()
    for name, read in (
        ("Retry-After", float),
        ("Retry-After", lambda text: parsedate_to_datetime(text).timestamp() - now_s),
        ("X-RateLimit-Reset", lambda text: float(text) - now_s),
    ):
        try:
            wait_s = read(response.headers[name])
        except (KeyError, ValueError, OverflowError):
            continue
        if math.isfinite(wait_s):
            return min(MAX_WAIT_S, max(0.0, wait_s))
    return None
