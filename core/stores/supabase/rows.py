"""Rows of the database as JSON, to and from the domain's values."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.domain.errors import StoreUnavailable
from core.domain.generation import OrphanedTask, Source
from core.domain.job import Category, Job, JobEvent, JobOptions, NewJob, StoredImage, StoredModel
from core.domain.naming import folded
from core.domain.status import Stage, Status
from core.stores.supabase.connection import UPDATE_NEEDED

Row = dict[str, Any]
TIMES = (
    "created_at",
    "updated_at",
    "send_by",
    "lease_until",
    "not_before",
    "next_poll_at",
    "missed_since",
    "started_at",
    "finished_at",
    "intent_at",
    "scanned_at",
    "cancelled_at",
    "hint_at",
)
FIXED = (
    "id",
    "session_id",
    "target_object",
    "iteration",
    "generator",
    "idempotency_key",
    "request_hash",
    "retry_of",
    "converted_from",
)
WRITTEN = (
    "progress",
    "attempt",
    "nonce",
    "image_token",
    "task_id",
    "owner",
    "epoch",
    "missed_count",
    "account",
    "settle_scans",
    "fetch_tries",
    "error_code",
    "error_message",
)


def to_time(text: str | None) -> datetime | None:
    """Supabase writes a T, its small sibling a space; both are read."""
    return None if text is None else needed_time(text)


def needed_time(text: str) -> datetime:
    """In UTC, whatever time zone the database is set to; a time without one is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_decimal(value: float | str | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def from_decimal(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def from_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def to_job(row: Row) -> Job:
    """Raises: StoreUnavailable for a row of a database that lacks the newest update."""
    try:
        return _to_job(row)
    except KeyError as exc:
        raise StoreUnavailable(UPDATE_NEEDED) from exc


def _to_job(row: Row) -> Job:
    image, model, options = row["image"], row["model"], row["options"]
    return Job(
        **{name: row[name] for name in FIXED + WRITTEN},
        **{name: to_time(row[name]) for name in TIMES},  # type: ignore[arg-type]
        image=None if image is None else StoredImage(**image),
        category=Category(row["category"]),
        options=JobOptions.stored(options),
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        model=None if model is None else StoredModel(**model),
        credits_estimate=to_decimal(row["credits_estimate"]),
        credits_used=to_decimal(row["credits_used"]),
        model_link=row["3d_url"] if model is None else None,
        image_link=row["image_url"] if image is None else None,
    )


def from_job(job: Job) -> Row:
    """Everything about a job that can change."""
    row: Row = {name: getattr(job, name) for name in WRITTEN}
    row |= {name: from_time(getattr(job, name)) for name in TIMES if name not in ("created_at", "updated_at")}
    return row | {
        "status": job.status.value,
        "stage": job.stage.value,
        "model": None if job.model is None else asdict(job.model),
        "credits_used": from_decimal(job.credits_used),
    }


def from_new(new: NewJob) -> Row:
    return {
        "session_id": new.session_id,
        "target_object": new.target_object,
        "folded_name": folded(new.target_object),
        "iteration": new.iteration,
        "generator": new.generator,
        "category": new.category.value,
        "options": asdict(new.options),
        "image": asdict(new.image),
        "credits_estimate": from_decimal(new.credits_estimate),
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "retry_of": new.retry_of,
        "converted_from": new.converted_from,
        "note": "Waiting for a free place.",
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


def from_seen(task: OrphanedTask) -> Row:
    return {
        "task_id": task.task_id,
        "account": task.account,
        "source": task.source.value,
        "type": task.type,
        "status": task.status,
        "created_at": from_time(task.created_at),
        "credits_used": from_decimal(task.credits_used),
        "job_id": task.job_id,
        "evidence": task.evidence,
    }


def to_seen(row: Row) -> OrphanedTask:
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
