"""The use cases that one generator needs, together."""

from __future__ import annotations

from dataclasses import dataclass

from core.services.billing import Billing
from core.services.collect import Collect
from core.services.dispatch import Dispatch
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.sweep import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Moves the jobs of one generator through their life.

    Attributes:
        name: the generator's.
        reconcile, billing: for a generator that is paid.
    """

    name: str
    dispatch: Dispatch
    poll: Poll
    collect: Collect
    sweep: Sweep
    reconcile: Reconcile | None = None
    billing: Billing | None = None
