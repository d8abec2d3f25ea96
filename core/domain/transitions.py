"""What each verb of the job table does to a job: pure, and the same for every adapter.

A change takes the row as it is and the store's time, and gives the row as it shall be with the event to be logged. How
a row is read, held and written in one transaction is the adapter's; what the verb means is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.domain.change import CANCELLED_FREE, Change, Changed, moved, stays
from core.domain.claims import Affordable, Failure, Intent, PollNote
from core.domain.errors import ClaimLost, IllegalTransition
from core.domain.generation import UsageRow
from core.domain.job import Job, StoredModel
from core.domain.patience import may_wait
from core.domain.status import Stage, Status, check_transition

BINDABLE = frozenset({Stage.SUBMITTING, Stage.UNCERTAIN, Stage.ATTENTION})
UNDER_WAY = frozenset({Stage.GENERATING, Stage.LATE, Stage.SAVING})
KEPT_ALL_THE_SAME = "You cancelled this job. The model had been made and charged all the same, so it was kept."
KEPT_FREE = "You cancelled this job when its model was already made, so it was kept. It cost nothing."
STOPPING = "Cancelled. The work on it stops, and it costs nothing."
LATE = "This takes longer than the time limit. It is still being watched: if the model comes, you get it here."
LONGEST_WATCH = timedelta(days=7)  # of a late task that could not be asked for
STANDSTILL = timedelta(hours=2)  # nothing is tried more seldom than once an hour: a longer pause is the server's
IN_VAIN = timedelta(days=1)  # after a standstill it is tried for this long, before the age of a job ends it


def submitting(intent: Intent) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        if job.lease_until is None or job.lease_until <= now:
            raise ClaimLost(f"The lease on job {job.id} ran out before it could be submitted; nothing was sent.")
        row = replace(
            job,
            attempt=job.attempt + 1,
            nonce=intent.nonce,
            image_token=intent.image_token,
            send_by=now + timedelta(seconds=intent.send_within_s),
            intent_at=now if intent.vendor_at is None else min(now, intent.vendor_at),
            account=intent.account,
            settle_scans=0,
            scanned_at=None,
            not_before=None,
            error_code=None,
            error_message=None,
        )
        sending = moved(row, now, Stage.SUBMITTING, job.about.sending, keep_lease=True)
        return replace(sending, needs_lease=True)

    return change


def bound(task_id: str, *, poll_in_s: float) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        row = replace(
            job if job.cancelled_at is not None else replace(job, error_code=None, error_message=None),
            task_id=task_id,
            started_at=now,
            not_before=None,
            next_poll_at=now + timedelta(seconds=poll_in_s),
            progress=0,
            missed_count=0,
            missed_since=None,
            scanned_at=None,
        )
        return moved(row, now, Stage.GENERATING, _told(job, "The model is being made.", "The file is being made."))

    return change


def adopted(
    attempt: int, task_id: str, *, nonce: int | None, poll_in_s: float
) -> Callable[[Job, datetime], Changed | None]:
    """On proof, without a claim; None when the job has gone another way, the same row when it has the task already."""

    def change(job: Job, now: datetime) -> Changed | None:
        if job.task_id == task_id:
            return Changed(job=job, before=job.stage)
        if job.stage not in BINDABLE or (job.attempt, job.nonce) != (attempt, nonce):
            return None
        # a new epoch: whoever held the job works on a question that is answered
        return bound(task_id, poll_in_s=poll_in_s)(replace(job, epoch=job.epoch + 1, owner=None), now)

    return change


def again(job: Job) -> Job:
    """With a clean slate: nothing of the attempt before counts any more."""
    row = replace(job, error_code=None, error_message=None, owner=None)
    return replace(row, settle_scans=0, scanned_at=None, missed_since=None)


def queued_again(*, wait_s: float, note: str) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        row = replace(again(job), not_before=now + timedelta(seconds=wait_s))
        return stays(row) if job.stage is Stage.QUEUED else moved(row, now, Stage.QUEUED, note)

    return change


def blocked(failure: Failure) -> Change:
    return lambda job, now: moved(_with(job, failure), now, Stage.BLOCKED, failure.message)


def uncertain(note: str) -> Change:
    return lambda job, now: moved(job, now, Stage.UNCERTAIN, note)


def scanned(*, counts: bool) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        scans = job.settle_scans + 1 if counts else job.settle_scans
        since = searched_since(job, now)
        return stays(replace(job, settle_scans=scans, scanned_at=now, missed_since=since, owner=None))

    return change


def attention(note: str) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        row = replace(job, owner=None)
        if job.cancelled_at is None:
            row = replace(row, error_code="attention", error_message=note)
        return stays(row) if job.stage is Stage.ATTENTION else moved(row, now, Stage.ATTENTION, note)

    return change


def sent_again(note: str) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        if job.stage is not Stage.ATTENTION:
            raise IllegalTransition(f"Job {job.id} no longer waits for a decision; nothing was changed.")
        if job.cancelled_at is not None:
            # it would end with the promise that nothing was made, while its task may exist
            raise IllegalTransition(
                f"Job {job.id} was cancelled, so it is not sent again. It is still searched for: if it was made "
                "and charged, you get it here. Nothing was changed."
            )
        return moved(again(job), now, Stage.QUEUED, note)

    return change


def polled(note: PollNote) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        row = replace(
            job,
            progress=max(job.progress, note.progress),
            not_before=now if note.is_waiting and may_wait(job, now) else job.not_before,
            # news that came while the answer was under way is asked for at once
            next_poll_at=now if job.hint_at else now + timedelta(seconds=note.poll_again_in_s),
            hint_at=None if note.is_answered else now,
            missed_count=job.missed_count + 1 if note.is_missed else 0,
            missed_since=(job.missed_since or now) if note.is_missed else None,
            scanned_at=None if note.is_answered else tried_since(job, now),
            owner=None,
            lease_until=None,
        )
        return Changed(job=row, before=job.stage)

    return change


def begun_again(*, lease_s: float, note: str) -> Change:
    """A task that was lost is under way again, under its number; the lease goes on.

    It counts, unless the task only waited when it was lost: then it cannot be what stopped the machine.
    """

    def change(job: Job, now: datetime) -> Changed:
        if job.stage not in UNDER_WAY:
            raise IllegalTransition(f"Job {job.id} has no task under way that could be begun again.")
        row = replace(job, settle_scans=job.settle_scans + (not job.only_waits))
        row = replace(row, lease_until=now + timedelta(seconds=lease_s))
        if job.stage is not Stage.SAVING:
            row = replace(row, progress=0, not_before=None)
        return Changed(job=row, before=job.stage, note=note)

    return change


def saving(credits_used: Decimal | None) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        row = replace(
            job,
            progress=100,
            credits_used=credits_used,
            next_poll_at=now,
            owner=None,
            missed_count=0,
            missed_since=None,
            scanned_at=None,
        )
        note = _told(job, "The model is made; it is being stored.", "The file is made; it is being stored.")
        return moved(row, now, Stage.SAVING, note)

    return change


def postponed(*, wait_s: float, note: str, is_missed: bool = False) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        if job.stage is not Stage.SAVING:
            check_transition(job.stage, Stage.SAVING)
        row = replace(
            job,
            next_poll_at=now + timedelta(seconds=wait_s),
            error_message=job.error_message if job.cancelled_at is not None else note,
            fetch_tries=job.fetch_tries + (0 if is_missed else 1),
            missed_count=job.missed_count + 1 if is_missed else 0,
            missed_since=(job.missed_since or now) if is_missed else None,
            scanned_at=tried_since(job, now),
        )
        return stays(row)

    return change


def due_now(job: Job, now: datetime) -> Changed:
    if job.stage is not Stage.SAVING:
        raise IllegalTransition(f"Job {job.id} has no finished model waiting to be fetched.")
    return Changed(job=replace(job, next_poll_at=now, scanned_at=None), before=job.stage)


def completed(model: StoredModel) -> Change:
    def change(job: Job, now: datetime) -> Changed:
        kept = KEPT_FREE if job.is_free else KEPT_ALL_THE_SAME
        message = None if job.cancelled_at is None else kept
        row = replace(job, model=model, progress=100, error_code=None, error_message=message)
        note = _told(job, "The model is ready.", "The file is ready.")
        return moved(row, now, Stage.DONE, note, ended_as=Status.COMPLETED)

    return change


def failed(failure: Failure) -> Change:
    return lambda job, now: moved(_with(job, failure), now, Stage.DONE, failure.message, ended_as=Status.FAILED)


def cancelled(maker: str) -> Change:
    """See JobStore.cancel; `maker` is the label of whoever makes it."""

    def change(job: Job, now: datetime) -> Changed:
        if job.is_ended:
            raise IllegalTransition(f"Job {job.id} has already ended, so there is nothing to cancel.")
        if job.cancelled_at is not None:
            return Changed(job=job, before=job.stage)
        if job.stage not in (Stage.QUEUED, Stage.BLOCKED):
            if job.is_free:
                # due at once: whoever has the task stops it
                row = replace(job, cancelled_at=now, status=Status.CANCELLED, error_message=STOPPING)
                return Changed(job=replace(row, error_code=None, next_poll_at=now), before=job.stage, note=STOPPING)
            note = f"Cancelled. {maker} cannot be stopped: it may still finish this model and charge for it."
            if job.stage is Stage.ATTENTION:
                # it is searched for until it is known what became of it: else nobody would ever see its task again
                made = f"{maker} may have made it and charged for it: we go on searching."
                note = f"Cancelled; it is not sent again. {made}"
            row = replace(job, cancelled_at=now, status=Status.CANCELLED, error_code=None, error_message=note)
            return Changed(job=row, before=job.stage, note=note)
        note = CANCELLED_FREE if job.is_free else "Cancelled before it was sent; nothing was charged."
        row = replace(job, cancelled_at=now, epoch=job.epoch + 1, owner=None, error_code=None, error_message=note)
        return moved(row, now, Stage.DONE, note, ended_as=Status.CANCELLED)

    return change


def expired(job: Job, now: datetime) -> Changed:
    return moved(job, now, Stage.UNCERTAIN, "The worker that was sending it stopped before it heard the answer.")


def late(job: Job, now: datetime) -> Changed:
    row = replace(job, error_code="timeout", error_message=LATE)
    return moved(row, now, Stage.LATE, "It takes longer than the time limit; it is still being watched.")


def given_up(job: Job, now: datetime) -> Changed:
    note = "No model came within the time it was watched."
    row = replace(job, error_code="timeout", error_message=note)
    return moved(row, now, Stage.DONE, note, ended_as=Status.TIMEOUT)


def may_give_up(job: Job, now: datetime) -> bool:
    """Not before the newest question was answered: after a standstill the model may be there.

    After a week also when it is not answered, but not before it was asked in vain for long enough.
    """
    is_open = job.hint_at is not None or (job.next_poll_at is not None and job.next_poll_at <= now)
    is_old = job.started_at is not None and now - job.started_at > LONGEST_WATCH
    return not is_open or (is_old and now - tried_since(job, now) > IN_VAIN)


def tried_since(job: Job, now: datetime) -> datetime:
    """Since when the task is asked for, or its model fetched, in vain; begins anew after a standstill of the server."""
    stood_still = job.next_poll_at is None or now - job.next_poll_at > STANDSTILL
    return now if job.scanned_at is None or stood_still else job.scanned_at


def searched_since(job: Job, now: datetime) -> datetime:
    """Since when its lost task is searched for; begins anew after a standstill of the server."""
    stood_still = job.scanned_at is None or now - job.scanned_at > STANDSTILL
    return now if job.missed_since is None or stood_still else job.missed_since


def unblocked(job: Job, now: datetime) -> Changed:
    row = replace(job, error_code=None, error_message=None)
    return moved(row, now, Stage.QUEUED, "The account answers again; waiting for a free place.")


def may_unblock(job: Job, balance: Affordable | None) -> bool:
    """A job that waits for credit goes on only when there is enough for it."""
    if balance is None or job.error_code not in balance.short_codes:
        return True
    return balance.available >= (job.credits_estimate or 0)


def billed(row: UsageRow) -> Change:
    """The usage list is the bill: its final sum counts, whatever was known before, also of a job that has ended."""

    def change(job: Job, now: datetime) -> Changed:
        spent = row.credits_used if row.has_ended and row.credits_used is not None else job.credits_used
        return Changed(job=replace(job, credits_used=spent), before=job.stage)

    return change


def renewed(lease_s: float) -> Change:
    return lambda job, now: Changed(job=replace(job, lease_until=now + timedelta(seconds=lease_s)), before=job.stage)


def released(job: Job, now: datetime) -> Changed:
    return Changed(job=replace(job, owner=None, lease_until=None), before=job.stage)


def _told(job: Job, of_a_model: str, of_a_conversion: str) -> str:
    return of_a_model if job.makes_model else of_a_conversion


def _with(job: Job, failure: Failure) -> Job:
    spent = failure.credits_used if failure.credits_used is not None else job.credits_used
    return replace(job, error_code=failure.code, error_message=failure.message, credits_used=spent)
