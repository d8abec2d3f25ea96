"""Time, as the use cases see it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests advance it by hand."""

    def now(self) -> datetime:
        """The time of day, aware UTC."""
        ...

    def boot_s(self) -> float:
        """Seconds that never go back and go on counting while the machine is suspended."""
        ...

    @property
    def boot_id(self) -> str:
        """The same for all processes whose `boot_s` can be compared; empty when that is not known."""
        ...
