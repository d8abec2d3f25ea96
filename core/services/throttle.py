"""The one door to a generator: while its account has to wait, or it does not answer, no call goes through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from core.domain.declaration import Declaration, Evidence
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    LookupFailed,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
    StoreUnavailable,
)
from core.domain.generation import (
    Balance,
    FetchedModel,
    GenerationRequest,
    TaskLookup,
    TaskPhase,
    TaskState,
    UsageRow,
)
from core.domain.job import Category
from core.domain.request import JobRequest, StoredImage
from core.ports.clock import Clock
from core.ports.generator import FreeGenerator, Generator, PaidGenerator
from core.ports.job_store import JobStore
from core.services.backoff import busy_wait_s, open_wait_s

log = logging.getLogger(__name__)
FAILURES_TO_OPEN = 5  # calls in a row that got no answer
FRESH_S = 60.0  # signed addresses live for minutes. Source: Tripo v3, tasks: "users measured 5 minutes"
Result = TypeVar("Result")


class Throttle:
    """A Generator around a generator.

    * Whatever says "too busy" stops every call of the account for as long as it was told, in all replicas.
    * FAILURES_TO_OPEN calls in a row without an answer open the breaker: no call for a while, and then a free question
      about the account goes first.
    * It remembers for a minute where finished models are, so that one that is fetched at once is not asked for twice.
    """

    def __init__(self, generator: Generator, *, jobs: JobStore, clock: Clock) -> None:
        self._generator = generator
        self._jobs = jobs
        self._clock = clock
        self._lock = threading.Lock()
        self._busy_until_s = 0.0
        self._busy_count = 0
        self._failures = 0
        self._open_until_s = 0.0
        self._is_open = False
        self._finished: dict[str, tuple[float, TaskState]] = {}
        self._has_asked_time = False
        self._was_checked = False
        self._refused: str | None = None  # why no job can be given to it, as a sentence for its operator
        self._unreached: str | None = None  # why it could not be asked about its account, until it answers anything
        self._told: tuple[datetime, float] | None = None  # the vendor's time, and ours on the clock nobody can set

    @property
    def declaration(self) -> Declaration:
        return self._generator.declaration

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def label(self) -> str:
        return self.declaration.label

    @property
    def is_paid(self) -> bool:
        return self.declaration.is_paid

    @property
    def account(self) -> str:
        return self._generator.account

    @property
    def problem(self) -> str | None:
        """Why no job can be given to it, as a sentence; None when nothing is known against it. No call is made."""
        if self._is_open:
            return f"{self.label} has not answered for a while; it is asked again by itself."
        return self._refused or self._unreached

    def known_wait_s(self) -> float:
        """Seconds until a call may go through, as far as this process knows: for ticks, which ask no table for it.

        While another one was told to wait, the table gives out no job, and `_open_the_door` lets no call through.
        """
        now_s = self._clock.boot_s()
        return max(self._busy_until_s - now_s, self._open_until_s - now_s, 0.0)

    def wait_s(self) -> float:
        """Seconds until a call may go through; 0.0 when one may now. Raises: StoreUnavailable."""
        return max(self.known_wait_s(), self._jobs.accounts.account_wait_s(generator=self.name))

    # -- the Generator port

    def estimate(self, request: JobRequest) -> Decimal | None:
        return self._generator.estimate(request)

    def category(self, request: JobRequest) -> Category:
        return self._generator.category(request)

    def check(self, request: JobRequest) -> None:
        self._generator.check(request)
        self.declaration.check(request)

    def understood(self, request: JobRequest) -> JobRequest:
        """Without the choices that say nothing beside the others; of a free generator, without unknown ones, too."""
        self._generator.check(request)
        return self.declaration.applicable(request) if self.is_paid else self.declaration.fitted(request)

    def upload(self, image: StoredImage, data: bytes) -> str:
        return self._call(lambda: self._generator.upload(image, data))

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        """As the port says; `check_open` comes before the intent, and only what this process knows is looked at here.

        Between intent and send nothing is asked, neither the job table nor the service.
        """
        damage = self._jobs.damage()
        if damage is not None:
            raise NotSent(damage)
        now_s = self._clock.boot_s()
        if self._is_open or self._open_until_s > now_s:
            raise NotSent(f"{self.label} has not answered for a while, so nothing was sent. It is tried again.")
        if self._busy_until_s > now_s:
            wait_s = self._busy_until_s - now_s
            raise AccountBusy(f"{self.label} asked us to wait; {wait_s:.0f} s are left.", retry_after_s=wait_s)
        return self._count(lambda: self._generator.create(request, check_send_window=check_send_window))

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        answer = self._call(lambda: self._generator.look_up(task_ids))
        now_s = self._clock.boot_s()
        finished = {key: (now_s, state) for key, state in answer.found.items() if state.phase is TaskPhase.SUCCEEDED}
        with self._lock:
            kept = {key: seen for key, seen in self._finished.items() if now_s - seen[0] < FRESH_S}
            self._finished = kept | finished
        return answer

    def fetch_model(self, task: TaskState) -> FetchedModel:
        return self._generator.fetch_model(task)  # from a signed address: no call of the account

    def check_account(self) -> None:
        self._ask_account(self._generator.check_account)

    def balance(self) -> Balance:
        return self._ask_account(self._paid.balance)

    def usage(self, *, limit: int, offset: int) -> list[UsageRow]:
        return self._call(lambda: self._paid.usage(limit=limit, offset=offset))

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        self._free.begin_again(task_id, request, check_send_window=check_send_window)

    def stop_task(self, task_id: str) -> None:
        self._free.stop_task(task_id)

    def close(self) -> None:
        self._generator.close()

    # -- what it remembers

    def take_finished(self, task_id: str) -> TaskState | None:
        """The state of a finished task, if it was heard in the last minute; given once."""
        with self._lock:
            seen_s, state = self._finished.pop(task_id, (0.0, None))
        return state if state is not None and self._clock.boot_s() - seen_s < FRESH_S else None

    def check_open(self) -> None:
        """Return when a call may go through now; asked before an intent is written.

        A vendor whose time is not known yet is asked a free question: a refusal may have come without it.

        Raises: AccountBusy, AccountBlocked, LookupFailed, StoreUnavailable.
        """
        self._open_the_door()
        if self.declaration.evidence is Evidence.NAMED:
            self._check_equipped()
        if self.is_paid and self._told is None and not self._has_asked_time:
            self._count(self._generator.check_account)
            self._has_asked_time = True  # a vendor that does not tell its time is not asked for it before each job

    def _check_equipped(self) -> None:
        """A server of the operator's own may lack what it needs: it is asked before the first job, then each minute."""
        if not self._was_checked:
            self.check_account()
        if self._refused is not None:
            raise AccountBlocked(self._refused)

    def vendor_now(self) -> datetime | None:
        """The time by the vendor's clock, from its newest answer; None when it has not told it."""
        if self._told is None:
            return None
        at, at_s = self._told
        return at + timedelta(seconds=self._clock.boot_s() - at_s)

    def send_window(self, seconds: float) -> Callable[[], None]:
        """A window that begins now; the check raises NotSent once it has closed, by the clock that nobody can set."""
        ends_s = self._clock.boot_s() + seconds

        def check() -> None:
            if self._clock.boot_s() >= ends_s:
                raise NotSent("The time to send this request had passed, so it was not sent. It is tried again.")

        return check

    # -- how a call goes through

    @property
    def _paid(self) -> PaidGenerator:
        return self._generator  # type: ignore[return-value]  # only wired where `is_paid` holds

    @property
    def _free(self) -> FreeGenerator:
        return self._generator  # type: ignore[return-value]  # only asked where `is_paid` does not hold

    def _call(self, act: Callable[[], Result]) -> Result:
        self._open_the_door()
        return self._count(act)

    def _ask_account(self, act: Callable[[], Result]) -> Result:
        """A free question that tells whether jobs can be given to it; what is wrong is remembered."""
        try:
            result = self._call(act)
        except AccountBlocked as exc:
            self._was_checked, self._refused = True, exc.message
            raise
        except LookupFailed as exc:
            self._unreached = exc.message
            raise
        self._was_checked, self._refused = True, None
        return result

    def _open_the_door(self) -> None:
        """Raises: AccountBusy, LookupFailed (the breaker is open), StoreUnavailable."""
        wait_s = self.wait_s()
        if wait_s > 0:
            if self._open_until_s > self._clock.boot_s():
                raise LookupFailed(f"{self.label} has not answered for a while; it is asked again in {wait_s:.0f} s.")
            raise AccountBusy(f"{self.label} asked us to wait; {wait_s:.0f} s are left.", retry_after_s=wait_s)
        if self._is_open:
            self._count(self._generator.check_account)

    def _count(self, act: Callable[[], Result]) -> Result:
        try:
            result = act()
        except AccountBusy as exc:
            wait_s = self._busy(exc.retry_after_s)
            raise AccountBusy(exc.message, retry_after_s=wait_s, code=exc.code, trace_id=exc.trace_id) from exc
        except (AccountBlocked, RequestRejected):
            self._answered()
            raise
        except (LookupFailed, OutcomeUnknown, NotSent):
            self._failed()
            raise
        self._answered()
        return result

    def _busy(self, told_s: float | None) -> float:
        with self._lock:
            wait_s = busy_wait_s(told_s, self._busy_count)
            self._busy_count += 1
            self._busy_until_s = max(self._busy_until_s, self._clock.boot_s() + wait_s)
        try:
            self._jobs.accounts.pause_account(generator=self.name, wait_s=wait_s)
        except StoreUnavailable as exc:
            log.warning("%s: the wait of %.0f s is known to this process only: %s", self.name, wait_s, exc.message)
        return wait_s

    def _answered(self) -> None:
        now_s = self._clock.boot_s()
        vendor_at = self._paid.told_at if self.is_paid else None
        with self._lock:
            if vendor_at is not None:
                self._told = (vendor_at, now_s)
            if self._is_open:
                log.info("%s answers again", self.label)
            self._failures, self._busy_count, self._is_open = 0, 0, False
            self._unreached = None

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_TO_OPEN:
                pause_s = open_wait_s(self._failures - FAILURES_TO_OPEN)
                self._is_open = True
                self._open_until_s = self._clock.boot_s() + pause_s
                log.warning(
                    "%s did not answer %s calls in a row; no call for %.0f s", self.label, self._failures, pause_s
                )
