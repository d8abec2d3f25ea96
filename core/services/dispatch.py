"""Send queued jobs to the generator: claim, write the intent, send once, write down what came of it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.domain.claims import Claim, Claimed, Failure, Intent, Slots
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    LookupFailed,
    NotSent,
    ObjectMissing,
    OutcomeUnknown,
    RequestRejected,
    StorageFull,
    StoreUnavailable,
)
from core.domain.job import Job
from core.domain.request import Slot
from core.ports.clock import Clock
from core.ports.job_store import JobStore
from core.ports.journal import Installation, TaskNote
from core.ports.object_store import ObjectStore
from core.services.attempts import handed_over, main_token, order_of
from core.services.backoff import retry_wait_s
from core.services.journal import Notes
from core.services.leases import renewing
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
TICK_BUDGET_S = 20.0  # a tick starts no further job after this; each single call is bounded by its own time limit
BIND_TRIES = 5  # the task exists and may be paid: its id is written again and again before it is left to be settled
FOREIGN_S = 30.0  # jobs are claimed by category: one of another generator is left for so long, and hides none behind it
NONCE_LIMIT = 2**31  # model_seed is a signed 32-bit integer. Source: Tripo v3, image-to-model


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """The use case; one tick sends the jobs for which a slot is free, one after the other."""

    jobs: JobStore
    objects: ObjectStore
    generator: Throttle
    notes: Notes
    clock: Clock
    owner: str
    slots: Slots
    lease_s: float
    send_by_s: float

    def tick(self) -> int:
        """Send what can be sent now; returns how many jobs were tried."""
        deadline_s = self.clock.boot_s() + TICK_BUDGET_S
        tried = 0
        while self.clock.boot_s() < deadline_s and self.generator.known_wait_s() <= 0:
            claimed = self.jobs.claim_queued(owner=self.owner, lease_s=self.lease_s, slots=self.slots, limit=1)
            if not claimed:
                break
            tried += 1
            try:
                self._send(claimed[0])
            except ClaimLost as exc:
                log.warning("job %s: %s", claimed[0].job.id, exc.message)
        return tried

    def _send(self, claimed: Claimed) -> None:
        job, claim = claimed.job, claimed.claim
        if job.generator != self.generator.name:
            log.warning("job %s: it is %s's, not %s's; it is left", job.id, job.generator, self.generator.name)
            note = "It waits for the generator that it was ordered from."
            self.jobs.return_to_queue(claim, wait_s=FOREIGN_S, note=note)
            return
        with renewing(self.jobs, claim, lease_s=self.lease_s):  # a slow line may take longer than a lease
            ready = self._upload(job, claim)
        if ready is None:
            return
        tokens, home = ready
        token = main_token(job, tokens)
        # Taken before the intent is written, so that the window measured here ends no later than `send_by`.
        check_send_window = self.generator.send_window(self.send_by_s)
        intent = Intent(
            nonce=secrets.randbelow(NONCE_LIMIT),
            image_token=token,
            send_within_s=self.send_by_s,
            account=self.generator.account,
            vendor_at=self.generator.vendor_now(),
        )
        try:
            job = self.jobs.mark_submitting(claim, intent)
        except StoreUnavailable as exc:
            # whether the intent was written or not: without a confirmed one nothing is sent
            self._return_unsent(claim, wait_s=retry_wait_s(job.epoch), note=f"{exc.message} Nothing was sent.")
            return
        if job.nonce != intent.nonce or job.image_token != token:
            raise ClaimLost(f"The intent of job {job.id} did not read back as written; nothing was sent.")
        self._create(job, claim, tokens, home, check_send_window=check_send_window)

    def _upload(self, job: Job, claim: Claim) -> tuple[Mapping[Slot, str], Installation] | None:
        """Hand over the pictures, which is free; their tokens, and what the note of the answer will name.

        None when the job went another way. Whether the account may be called, and which table this is, is asked here,
        after the upload and before the intent: between intent and send nothing else is asked.
        """
        try:
            tokens = handed_over(job, self.generator, self.objects)
            home = self.jobs.installation()
            self.generator.check_open()
            return tokens, home
        except ObjectMissing as exc:
            cost = "It cost nothing." if job.is_free else "Nothing was charged."
            self.jobs.fail(claim, Failure(code=exc.code, message=f"{exc.message} {cost}"))
        except RequestRejected as exc:
            self.jobs.fail(claim, Failure(code=exc.code, message=exc.message))
        except AccountBlocked as exc:
            self.jobs.mark_blocked(claim, Failure(code=exc.code, message=exc.message))
        except AccountBusy as exc:
            self._wait(claim, exc)
        except (LookupFailed, StoreUnavailable) as exc:
            log.warning("job %s: upload: %s", job.id, exc.message)
            self.jobs.return_to_queue(claim, wait_s=retry_wait_s(job.epoch), note=exc.message)
        return None

    def _return_unsent(self, claim: Claim, *, wait_s: float, note: str) -> None:
        """Nothing was sent, for certain; written again and again, so that it need not be searched for.

        Raises: StorageFull, StoreUnavailable, when none of the tries succeeded.
        """
        for _ in range(BIND_TRIES - 1):
            try:
                self.jobs.return_to_queue(claim, wait_s=wait_s, note=note)
                return
            except (StorageFull, StoreUnavailable) as exc:
                log.warning("job %s: not sent, and not written down yet: %s", claim.job_id, exc.message)
        self.jobs.return_to_queue(claim, wait_s=wait_s, note=note)

    def _create(
        self,
        job: Job,
        claim: Claim,
        tokens: Mapping[Slot, str],
        home: Installation,
        *,
        check_send_window: Callable[[], None],
    ) -> None:
        try:
            task_id = self.generator.create(order_of(job, home, tokens), check_send_window=check_send_window)
        except RequestRejected as exc:
            self.jobs.fail(claim, Failure(code=exc.code, message=exc.message))
        except AccountBlocked as exc:
            self.jobs.mark_blocked(claim, Failure(code=exc.code, message=exc.message))
        except AccountBusy as exc:
            self._wait(claim, exc)
        except NotSent as exc:
            self._return_unsent(claim, wait_s=retry_wait_s(job.epoch), note=exc.message)
        except OutcomeUnknown as exc:
            cause = type(exc.__cause__ or exc).__name__
            log.warning("job %s: attempt %s: %s (%s, trace %s)", job.id, job.attempt, exc.message, cause, exc.trace_id)
            self.jobs.mark_uncertain(claim, note=exc.message)
        else:
            self._bind(
                TaskNote(
                    job_id=job.id,
                    attempt=job.attempt,
                    task_id=task_id,
                    nonce=job.nonce,
                    installation=home.id,
                    project=home.project,
                )
            )

    def _bind(self, note: TaskNote) -> None:
        """On this machine's disk first, then in the job table, again and again: the task may be paid for."""
        log.info("job %s: attempt %s: task %s", note.job_id, note.attempt, note.task_id)
        try:
            self.notes.journal.write(note)
        except StorageFull as exc:
            log.warning("job %s: %s", note.job_id, exc.message)
        for _ in range(BIND_TRIES):
            try:
                self.notes.settle(note)
                return
            except (StorageFull, StoreUnavailable) as exc:
                log.warning("job %s: task %s could not be written down yet: %s", note.job_id, note.task_id, exc.message)

    def _wait(self, claim: Claim, busy: AccountBusy) -> None:
        self._return_unsent(claim, wait_s=busy.retry_after_s or 0.0, note=busy.message)
