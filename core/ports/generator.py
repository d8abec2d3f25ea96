"""Whoever makes models: a vendor's service, a machine of one's own, or the built-in engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.domain.declaration import Declaration
from core.domain.generation import Balance, FetchedModel, GenerationRequest, TaskLookup, TaskState, UsageRow
from core.domain.job import Category
from core.domain.request import JobRequest, StoredImage


class Generator(Protocol):
    """Makes models, in its own time.

    Guarantees every adapter gives:
        * `create` sends at most one request and never repeats it by itself;
        * an error below `NotCreated` is a proof that no task exists; everything else that goes wrong in `create`
          is `OutcomeUnknown`;
        * `look_up`, `fetch_model` and `upload` are free and may be repeated at will.
    """

    @property
    def declaration(self) -> Declaration:
        """Who it is and what it can do; the same for as long as the process lives."""
        ...

    @property
    def account(self) -> str:
        """Fingerprint of the account that is used; tells nothing of the key. A task is known to its account only."""
        ...

    def estimate(self, request: JobRequest) -> Decimal | None:
        """Credits that it will cost by the list of prices, 0 for a generator that never charges; None when the list
        does not say. No call is made."""
        ...

    def category(self, request: JobRequest) -> Category:
        """With which other jobs it shares a limit of tasks open at once."""
        ...

    def check(self, request: JobRequest) -> None:
        """What the declaration cannot say as data. Raises: InputRefused, when it cannot be made. No call is made."""
        ...

    def upload(self, image: StoredImage, data: bytes) -> str:
        """Hand over the picture; returns the token to be named in the request. Free.

        Raises: RequestRejected, AccountBusy, AccountBlocked, LookupFailed (try again).
        """
        ...

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        """Ask for the model, once; returns the task's id.

        Args:
            check_send_window: is called as late as can be before the first byte leaves, and raises NotSent when the
                time window of this attempt has closed.

        Raises: NotSent, RequestRejected, AccountBusy, AccountBlocked: nothing was created. OutcomeUnknown otherwise.
        """
        ...

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        """The state of any number of tasks, in ceil(n / 100) requests at most.

        Raises: AccountBusy, AccountBlocked, LookupFailed: no answer about any of them could be read.
        """
        ...

    def fetch_model(self, task: TaskState) -> FetchedModel:
        """The bytes of a succeeded task's model, size capped.

        Raises: ModelUnavailable, when the address has expired or the transfer broke: look up again and repeat.
            ModelInvalid, when what came can never become a model of ours.
        """
        ...

    def check_account(self) -> None:
        """Return when jobs can be given to this generator now. Free.

        Raises: AccountBlocked, AccountBusy, LookupFailed.
        """
        ...

    def close(self) -> None:
        """End connections and child processes."""
        ...


class FreeGenerator(Generator, Protocol):
    """A generator that costs nothing and keeps its tasks on one machine: a task can be stopped, or begun elsewhere."""

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        """Begin a task here that was begun on another machine, under the number that it has.

        Args:
            check_send_window: as for `create`.

        Raises: NotSent, when it was not begun. OutcomeUnknown, when it may have been.
        """
        ...

    def stop_task(self, task_id: str) -> None:
        """End the work on a task; nothing happens when it has ended.

        Raises: LookupFailed, AccountBusy, AccountBlocked: it was not stopped, try again.
        """
        ...


class PaidGenerator(Generator, Protocol):
    """A generator with an account that is charged; both questions are free."""

    @property
    def told_at(self) -> datetime | None:
        """The vendor's own time in its newest answer; None when it has told none."""
        ...

    def balance(self) -> Balance:
        """Credits free and held. Raises: AccountBlocked, AccountBusy, LookupFailed."""
        ...

    def usage(self, *, limit: int, offset: int) -> list[UsageRow]:
        """The account's tasks, newest first; `limit` at most 200. New rows move the later ones to higher offsets.

        Raises: AccountBlocked, AccountBusy, LookupFailed.
        """
        ...
