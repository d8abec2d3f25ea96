"""Keep the books of a paid account: its balance, what each task cost, how late its usage list is, tasks not ours."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.domain.claims import Affordable
from core.domain.errors import AccountBlocked, AccountBusy, LookupFailed, RequestRejected
from core.ports.clock import Clock
from core.ports.job_store import JobQuery, JobStore
from core.services.account_scan import AccountScan
from core.services.fingerprint import MARGIN
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
BALANCE_EVERY_S, BALANCE_BUSY_S = 60.0, 15.0  # without and with jobs under way
USAGE_EVERY_S = 30.0  # while the row of a young task is missing …
FIRST_LOOKS = 3  # at most, at what was made before the start; one is enough where it saw all
NEWEST = 100  # jobs, among which the newest that was sent is looked for
DAY = timedelta(days=1)
USAGE_SLOW_S = 600.0  # … and once the youngest is older than this, as seldom as this


@dataclass(slots=True)
class _Due:
    """When what is asked for next, on the clock that never goes back."""

    balance_s: float = 0.0
    usage_s: float = 0.0
    first_looks: int = FIRST_LOOKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """The use case, for one generator that is paid; one tick asks for what is due."""

    jobs: JobStore
    generator: Throttle
    scan: AccountScan
    clock: Clock
    _due: _Due = field(default_factory=_Due, init=False)

    def tick(self) -> None:
        """Ask for the balance once a minute, and for usage after the start and while something is missing there.

        A table that was put back from a backup does not know what was paid since: the look after the start lists it.
        """
        if self.generator.known_wait_s() > 0:
            return
        now_s = self.clock.boot_s()
        try:
            if now_s >= self._due.balance_s:
                is_busy = self.jobs.find(JobQuery(page_size=1)).running > 0
                self._due.balance_s = now_s + (BALANCE_BUSY_S if is_busy else BALANCE_EVERY_S)
                self._balance()
            if now_s >= self._due.usage_s:
                self._due.usage_s = now_s + USAGE_EVERY_S
                self._usage(now_s)
        except (AccountBlocked, AccountBusy, LookupFailed, RequestRejected) as exc:
            log.info("%s does not tell its books now: %s", self.generator.label, exc.message)

    def _balance(self) -> None:
        balance = self.generator.balance()
        self.jobs.accounts.note_balance(self.generator.account, balance)
        codes = self.generator.declaration.credit_codes
        left = Affordable(available=balance.available, short_codes=codes)
        woken = self.jobs.unblock(generator=self.generator.name, balance=left)
        if woken:
            log.info("%s takes jobs again: %s go on", self.generator.label, woken)

    def _usage(self, now_s: float) -> None:
        account = self.generator.account
        awaited = self.jobs.accounts.usage_awaited_since(account)
        times = [] if awaited is None else [awaited]
        is_first = self._due.first_looks > 0
        if is_first:
            times.append(self._since_backup(account))
        if not times:
            return
        since = min(times)
        if awaited is not None and self.jobs.now() - awaited > timedelta(seconds=USAGE_SLOW_S):
            self._due.usage_s = now_s + USAGE_SLOW_S
        found = self.scan.read(since - MARGIN)
        if found.is_complete:
            self.jobs.accounts.note_usage(account, found.rows)
        self.scan.list_orphaned(found)
        if is_first:
            self._due.first_looks = 0 if found.is_complete else self._due.first_looks - 1

    def _since_backup(self, account: str) -> datetime:
        """How far back the first look goes: what the table does not know was sent after the newest job that it does."""
        newest = self.jobs.find(JobQuery(page_size=NEWEST)).jobs
        sent = [job.intent_at for job in newest if job.intent_at is not None and job.account == account]
        return min([self.jobs.now() - DAY, *sent[:1]])
