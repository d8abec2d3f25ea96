"""The use cases that one generator needs, together."""

from __future__ import annotations

from dataclasses import dataclass

from core.services.bookkeeping import Bookkeeping
from core.services.collect import Collect
from core.services.dispatch import Dispatch
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.settle import Settle


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Moves the jobs of one generator through their life.

    Attributes:
        name: the generator's.
        settle, books: for a generator that is paid.
    """

    name: str
    dispatch: Dispatch
    poll: Poll
    collect: Collect
    reconcile: Reconcile
    settle: Settle | None = None
    books: Bookkeeping | None = None
