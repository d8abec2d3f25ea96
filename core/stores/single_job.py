"""The verbs that change one job, once for every adapter: each is one change, held by a claim or not."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from core.domain import transitions
from core.domain.change import Change
from core.domain.claims import Claim, Failure, Intent
from core.domain.job import Job, StoredModel


class ChangesJob(Protocol):
    """What an adapter does for all of them."""

    def __call__(self, job_id: int, change: Change, *, claim: Claim | None = None) -> Job:
        """Read the row, check the claim, apply the change, and write row and event, all or nothing."""
        ...


class SingleJobVerbs:
    """See core.ports.job_store for what each verb promises."""

    def __init__(self, change: ChangesJob) -> None:
        self._change = change

    def mark_submitting(self, claim: Claim, intent: Intent) -> Job:
        return self._held(claim, transitions.submitting(intent))

    def return_to_queue(self, claim: Claim, *, wait_s: float, note: str) -> Job:
        return self._held(claim, transitions.queued_again(wait_s=wait_s, note=note))

    def mark_blocked(self, claim: Claim, failure: Failure) -> Job:
        return self._held(claim, transitions.blocked(failure))

    def mark_uncertain(self, claim: Claim, *, note: str) -> Job:
        return self._held(claim, transitions.uncertain(note))

    def note_scan(self, claim: Claim, *, counts: bool) -> Job:
        return self._held(claim, transitions.scanned(counts=counts))

    def send_again(self, job_id: int, *, note: str) -> Job:
        return self._change(job_id, transitions.sent_again(note))

    def note_begun(self, claim: Claim, *, lease_s: float, note: str) -> Job:
        return self._held(claim, transitions.begun_again(lease_s=lease_s, note=note))

    def mark_saving(self, claim: Claim, *, credits_used: Decimal | None) -> Job:
        return self._held(claim, transitions.saving(credits_used))

    def postpone_saving(self, claim: Claim, *, wait_s: float, note: str, is_missed: bool = False) -> Job:
        return self._held(claim, transitions.postponed(wait_s=wait_s, note=note, is_missed=is_missed))

    def fetch_now(self, job_id: int) -> Job:
        return self._change(job_id, transitions.due_now)

    def complete(self, claim: Claim, model: StoredModel) -> Job:
        return self._held(claim, transitions.completed(model))

    def fail(self, claim: Claim, failure: Failure) -> Job:
        return self._held(claim, transitions.failed(failure))

    def cancel(self, job_id: int, *, maker: str) -> Job:
        return self._change(job_id, transitions.cancelled(maker))

    def renew(self, claim: Claim, *, lease_s: float) -> None:
        self._held(claim, transitions.renewed(lease_s))

    def release(self, claim: Claim) -> None:
        self._held(claim, transitions.released)

    def _held(self, claim: Claim, change: Change) -> Job:
        return self._change(claim.job_id, change, claim=claim)
