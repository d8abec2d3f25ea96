"""Rows of the job table to and from the domain's values."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from core.domain.errors import StoreDamaged
from core.domain.generation import OrphanedTask, Source
from core.domain.job import Category, Job, JobEvent, JobOptions, NewJob, StoredImage, StoredModel
from core.domain.status import Stage, Status
from core.stores.sqlite.soundness import DAMAGED

Value = TypeVar("Value")


def _sound(read: Callable[[sqlite3.Row], Value]) -> Callable[[sqlite3.Row], Value]:
    """What nobody of ours wrote shows that the file is damaged, though SQLite could read it."""

    @functools.wraps(read)
    def checked(row: sqlite3.Row) -> Value:
        try:
            return read(row)
        except (ValueError, TypeError, LookupError, ArithmeticError) as exc:
            raise StoreDamaged(DAMAGED) from exc

    return checked


def to_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with six digits, so that texts sort as times do."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def to_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def needed_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def new_job_parameters(new: NewJob, now: datetime) -> dict[str, Any]:
    """For the query insert_job."""
    return {
        "session_id": new.session_id,
        "target_object": new.target_object,
        "iteration": new.iteration,
        "now": to_text(now),
        "generator": new.generator,
        "category": new.category.value,
        "options": json.dumps(asdict(new.options)),
        "image": json.dumps(asdict(new.image)),
        "credits_estimate": None if new.credits_estimate is None else str(new.credits_estimate),
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "retry_of": new.retry_of,
        "converted_from": new.converted_from,
    }


def job_parameters(job: Job) -> dict[str, Any]:
    """For the query save_job."""
    return {
        "id": job.id,
        "status": job.status.value,
        "stage": job.stage.value,
        "updated_at": to_text(job.updated_at),
        "model": None if job.model is None else json.dumps(asdict(job.model)),
        "progress": job.progress,
        "attempt": job.attempt,
        "nonce": job.nonce,
        "image_token": job.image_token,
        "send_by": to_text(job.send_by),
        "task_id": job.task_id,
        "owner": job.owner,
        "epoch": job.epoch,
        "lease_until": to_text(job.lease_until),
        "not_before": to_text(job.not_before),
        "next_poll_at": to_text(job.next_poll_at),
        "missed_count": job.missed_count,
        "missed_since": to_text(job.missed_since),
        "started_at": to_text(job.started_at),
        "finished_at": to_text(job.finished_at),
        "intent_at": to_text(job.intent_at),
        "account": job.account,
        "settle_scans": job.settle_scans,
        "scanned_at": to_text(job.scanned_at),
        "cancelled_at": to_text(job.cancelled_at),
        "hint_at": to_text(job.hint_at),
        "fetch_tries": job.fetch_tries,
        "credits_used": None if job.credits_used is None else str(job.credits_used),
        "error_code": job.error_code,
        "error_message": job.error_message,
    }


# The same row is read many times while its JSON stays the same, and the values are frozen.


@functools.lru_cache(2048)
def _image(text: str) -> StoredImage:
    return StoredImage(**json.loads(text))


@functools.lru_cache(256)
def _options(text: str) -> JobOptions:
    return JobOptions.stored(json.loads(text))


@_sound
def to_job(row: sqlite3.Row) -> Job:
    image, model = row["image"], row["model"]
    return Job(
        id=row["id"],
        session_id=row["session_id"],
        target_object=row["target_object"],
        iteration=row["iteration"],
        image=None if image is None else _image(image),
        generator=row["generator"],
        category=Category(row["category"]),
        options=_options(row["options"]),
        status=Status(row["status"]),
        stage=Stage(row["stage"]),
        created_at=needed_time(row["created_at"]),
        updated_at=needed_time(row["updated_at"]),
        progress=row["progress"],
        attempt=row["attempt"],
        nonce=row["nonce"],
        image_token=row["image_token"],
        send_by=to_time(row["send_by"]),
        task_id=row["task_id"],
        owner=row["owner"],
        epoch=row["epoch"],
        lease_until=to_time(row["lease_until"]),
        not_before=to_time(row["not_before"]),
        next_poll_at=to_time(row["next_poll_at"]),
        missed_count=row["missed_count"],
        missed_since=to_time(row["missed_since"]),
        started_at=to_time(row["started_at"]),
        finished_at=to_time(row["finished_at"]),
        intent_at=to_time(row["intent_at"]),
        account=row["account"],
        settle_scans=row["settle_scans"],
        scanned_at=to_time(row["scanned_at"]),
        cancelled_at=to_time(row["cancelled_at"]),
        hint_at=to_time(row["hint_at"]),
        fetch_tries=row["fetch_tries"],
        model=None if model is None else StoredModel(**json.loads(model)),
        model_link=row["3d_url"] if model is None else None,
        image_link=row["image_url"] if image is None else None,
        credits_estimate=to_decimal(row["credits_estimate"]),
        credits_used=to_decimal(row["credits_used"]),
        error_code=row["error_code"],
        error_message=row["error_message"],
        idempotency_key=row["idempotency_key"],
        request_hash=row["request_hash"],
        retry_of=row["retry_of"],
        converted_from=row["converted_from"],
    )


def seen_parameters(task: OrphanedTask, now: datetime) -> dict[str, Any]:
    """For the query keep_orphaned."""
    return {
        "task_id": task.task_id,
        "account": task.account,
        "source": task.source.value,
        "type": task.type,
        "status": task.status,
        "created_at": to_text(task.created_at),
        "credits_used": None if task.credits_used is None else str(task.credits_used),
        "job_id": task.job_id,
        "evidence": task.evidence,
        "now": to_text(now),
    }


@_sound
def to_seen(row: sqlite3.Row) -> OrphanedTask:
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


@_sound
def to_event(row: sqlite3.Row) -> JobEvent:
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
