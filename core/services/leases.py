"""Keep a claim while work takes longer than its lease."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from core.domain.claims import Claim
from core.domain.errors import ClaimLost, MaquetteError
from core.ports.job_store import JobStore

log = logging.getLogger(__name__)


@contextmanager
def renewing(jobs: JobStore, claim: Claim, *, lease_s: float) -> Iterator[None]:
    """Renew `claim` every third of its lease for as long as the block runs; a process that hangs or dies stops."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(lease_s / 3):
            try:
                jobs.renew(claim, lease_s=lease_s)
            except MaquetteError as exc:  # the write at the end of the work finds out whether the claim still holds
                log.warning("job %s: the lease could not be renewed: %s", claim.job_id, exc.message)

    thread = threading.Thread(target=renew, name=f"lease-{claim.job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Keeper:
    """Keeps many claims, between two steps of work: whoever works on them calls it before each step.

    A claim that another worker took over is let go; the write at the end of the work finds that out, too.
    """

    def __init__(self, jobs: JobStore, claims: Iterable[Claim], *, lease_s: float) -> None:
        self._jobs = jobs
        self._claims = list(claims)
        self._lease_s = lease_s
        self._renewed_at = jobs.now()

    def __call__(self) -> None:
        """Renew all once a third of the lease has passed. Raises: StoreUnavailable."""
        now = self._jobs.now()
        if now - self._renewed_at < timedelta(seconds=self._lease_s / 3):
            return
        self._renewed_at = now
        for claim in self._claims:
            try:
                self._jobs.renew(claim, lease_s=self._lease_s)
            except ClaimLost as exc:
                log.info("job %s: %s", claim.job_id, exc.message)
                self.drop(claim)

    def drop(self, claim: Claim) -> None:
        """It is not needed any more."""
        self._claims = [each for each in self._claims if each != claim]
