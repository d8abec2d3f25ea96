"""Rows of both job tables to and from the domain's values: each column is spelled here once.

A row is a mapping by column. Times are ISO 8601 in UTC, decimals are texts, objects are JSON: as a value where the
store has such a type, else as a text.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.domain.generation import OrphanedTask, Source
from core.domain.job import Job, JobEvent, NewJob, StoredModel
from core.domain.naming import folded
from core.domain.request import JobRequest
from core.domain.request_codec import stored_request, to_old_columns
from core.domain.status import Stage, Status

Row = Mapping[str, Any]
EARLIEST, LATEST = datetime(1700, 1, 1, tzinfo=UTC), datetime(2250, 1, 1, tzinfo=UTC)
BEYOND = re.compile(r"-?infinity|\d{5,}-.*|\d{4,}-.* BC")
FIRST_NOTE = "Waiting for a free place."
FIXED = (
    *("id", "session_id", "target_object", "iteration", "generator", "category", "idempotency_key", "request_hash"),
    "retry_of",
)
WRITTEN = (
    *("progress", "attempt", "nonce", "image_token", "task_id", "owner", "epoch", "missed_count", "account"),
    *("settle_scans", "fetch_tries", "error_code", "error_message"),
)
WRITTEN_TIMES = (
    *("send_by", "lease_until", "not_before", "next_poll_at", "missed_since", "started_at", "finished_at"),
    *("intent_at", "scanned_at", "cancelled_at", "hint_at"),
)
AS_THEY_ARE = FIXED + WRITTEN
# A job table is read by the hundred rows a second: each of these takes many columns at once.
_AS_THEY_ARE, _WRITTEN_OF, _TIMES_OF = (
    operator.itemgetter(*AS_THEY_ARE),
    operator.attrgetter(*WRITTEN),
    operator.attrgetter(*WRITTEN_TIMES),
)


def to_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with six digits, so that texts sort as times do."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_time(text: str | None) -> datetime | None:
    return None if text is None else needed_time(text)


def needed_time(text: str) -> datetime:
    """In UTC, whatever time zone the database is set to; a time without one is UTC.

    PostgreSQL knows times that Python does not (`infinity`, years of five digits, before Christ), and tables of years
    beyond 2262 cannot be shown. Other programs may write such a row: it reads as the nearest time that can be shown.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if not BEYOND.fullmatch(text):
            raise
        return EARLIEST if text.startswith("-") or text.endswith("BC") else LATEST
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST < moment < LATEST:
        return EARLIEST if moment <= EARLIEST else LATEST
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def to_decimal(value: float | str | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def from_decimal(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def to_job(row: Row) -> Job:
    """Raises: KeyError for a column that is not there; ValueError, TypeError, ArithmeticError for what is not ours."""
    model, request = row["model"], _request(row)
    image_link, model_link = row["image_url"], row["3d_url"]
    return Job(
        **dict(zip(AS_THEY_ARE, _AS_THEY_ARE(row), strict=True)),
        created_at=needed_time(row["created_at"]),
        updated_at=needed_time(row["updated_at"]),
        **{name: needed_time(text) for name in WRITTEN_TIMES if (text := row[name]) is not None},  # type: ignore[arg-type]
        request=request,
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        model=None if model is None else StoredModel(**_object(model)),
        credits_estimate=to_decimal(row["credits_estimate"]),
        credits_used=to_decimal(row["credits_used"]),
        model_link=model_link if model is None else None,
        image_link=image_link if row["image"] is None and request is None else None,
    )


def from_job(job: Job) -> dict[str, Any]:
    """Everything about a job that can change, but when it was updated."""
    row: dict[str, Any] = dict(zip(WRITTEN, _WRITTEN_OF(job), strict=True))
    times = zip(WRITTEN_TIMES, _TIMES_OF(job), strict=True)
    row |= {name: None if moment is None else to_text(moment) for name, moment in times}
    return row | {
        "status": job.status.value,
        "stage": job.stage.value,
        "model": None if job.model is None else asdict(job.model),
        "credits_used": from_decimal(job.credits_used),
    }


def from_new(new: NewJob) -> dict[str, Any]:
    """A new row, readable for servers of the version before, too."""
    options, image, source = to_old_columns(new.request)
    return {
        "session_id": new.session_id,
        "target_object": new.target_object,
        "folded_name": folded(new.target_object),
        "iteration": new.iteration,
        "generator": new.generator,
        "category": new.category,
        "kind": new.request.kind.value,
        "request": new.request.to_json(),
        "options": options,
        "image": image,
        "converted_from": source,
        "credits_estimate": from_decimal(new.credits_estimate),
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "retry_of": new.retry_of,
    }


def to_event(row: Row) -> JobEvent:
    return JobEvent(
        id=row["id"],
        job_id=row["job_id"],
        at=needed_time(row["at"]),
        before=None if row["before"] is None else Stage(row["before"]),
        after=Stage(row["after"]),
        status=Status(row["status"]),
        attempt=row["attempt"],
        task_id=row["task_id"],
        error_code=row["error_code"],
        note=row["note"],
    )


def from_orphaned(task: OrphanedTask) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "account": task.account,
        "source": task.source.value,
        "type": task.type,
        "status": task.status,
        "created_at": to_text(task.created_at),
        "credits_used": from_decimal(task.credits_used),
        "job_id": task.job_id,
        "evidence": task.evidence,
    }


def to_orphaned(row: Row) -> OrphanedTask:
    return OrphanedTask(
        task_id=row["task_id"],
        account=row["account"],
        source=Source(row["source"]),
        type=row["type"],
        status=row["status"],
        created_at=to_time(row["created_at"]),
        credits_used=to_decimal(row["credits_used"]),
        job_id=row["job_id"],
        evidence=row["evidence"],
    )


def _request(row: Row) -> JobRequest | None:
    columns = row["request"], row["options"], row["image"], row["converted_from"]
    if isinstance(columns[1], str):
        return _request_of_texts(*columns)
    return stored_request(*columns)


@functools.lru_cache(2048)
def _request_of_texts(
    request: str | None, options: str, image: str | None, converted_from: int | None
) -> JobRequest | None:
    """The same row is read many times while this stays the same, and the values are frozen."""
    return stored_request(
        None if request is None else json.loads(request),
        json.loads(options),
        None if image is None else json.loads(image),
        converted_from,
    )


def _object(value: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return json.loads(value) if isinstance(value, str) else value
