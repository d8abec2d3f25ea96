"""A generator that costs nothing is never spoken of as if it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.domain import transitions
from core.domain.change import Change
from core.domain.claims import Failure
from core.domain.errors import IllegalTransition
from core.domain.job import Job
from core.domain.status import Stage, Status, status_of
from core.ui import labels
from tests.builders import Category, asked, intent, stored_model

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FORBIDDEN = ("tripo", "charge", "credit", "paid", "account")
CHANGES: dict[str, Change] = {
    "submitting": transitions.submitting(intent()),
    "bound": transitions.bound("offline-1", poll_in_s=1),
    "queued again": transitions.queued_again(wait_s=0, note="It is started again; it costs nothing."),
    "saving": transitions.saving(Decimal(0)),
    "completed": transitions.completed(stored_model()),
    "failed": transitions.failed(Failure(code="engine_failed", message="It failed.")),
    "cancelled": transitions.cancelled("Tripo"),
    "expired": transitions.expired,
    "late": transitions.late,
    "given up": transitions.given_up,
}


def free_job(stage: Stage, *, is_cancelled: bool = False) -> Job:
    job = Job(
        id=1,
        session_id="s",
        target_object="Cup",
        iteration=1,
        request=asked(),
        generator="offline",
        category=Category.OFFLINE,
        credits_estimate=Decimal(0),
        status=status_of(stage, Status.FAILED if stage is Stage.DONE else None),
        stage=stage,
        created_at=NOW,
        updated_at=NOW,
        lease_until=NOW + timedelta(minutes=1),
    )
    return replace(job, cancelled_at=NOW, status=Status.CANCELLED) if is_cancelled else job


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["", "cancelled"])
@pytest.mark.parametrize("name", CHANGES)
def test_no_event_and_no_note_of_a_free_job_speaks_of_money(name: str, is_cancelled: bool) -> None:
    seen = 0
    for stage in Stage:
        try:
            changed = CHANGES[name](free_job(stage, is_cancelled=is_cancelled), NOW)
        except IllegalTransition:
            continue
        seen += 1
        said = f"{changed.note or ''} {changed.job.error_message or ''}".lower()
        assert [word for word in FORBIDDEN if word in said] == [], (stage, said)
    assert seen > 0


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["", "cancelled"])
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.DONE])
def test_no_stage_of_a_free_job_is_explained_with_money(stage: Stage, is_cancelled: bool) -> None:
    job = free_job(stage, is_cancelled=is_cancelled)
    said = f"{labels.state(job)} {labels.explained(job, maker='Tripo')}".lower()

    assert [word for word in FORBIDDEN if word in said] == []
