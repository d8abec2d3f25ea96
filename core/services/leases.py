"""Keep a claim while work takes longer than its lease."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.domain.claims import Claim
from core.domain.errors import MaquetteError
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
