"""Whether the job table can be relied on: part of the JobStore port."""

from __future__ import annotations

from typing import Protocol

from core.ports.journal import Installation


class Sound(Protocol):
    """A table that is damaged, emptied, replaced or of another version is not used.

    From then on every verb that could lead to a paid request raises StoreDamaged, which is a StoreUnavailable.
    """

    def damage(self) -> str | None:
        """Why nothing may be sent, as a sentence; None while all is well, as far as is known. Asks nothing."""
        ...

    def check(self) -> None:
        """Look whether the table is whole, of this version, and has the jobs it had; bounded in time.

        Raises: StoreDamaged, StoreUnavailable.
        """
        ...

    def try_write(self) -> None:
        """Write something without a meaning, so that `failed_write` is of now.

        Raises: StorageFull, StoreUnavailable.
        """
        ...

    def failed_write(self) -> str | None:
        """Why the newest write failed, as a sentence; None when it did not. Asks nothing."""
        ...

    def installation(self) -> Installation:
        """Which table this is; one that has no name yet, because it is new or was emptied, is given one."""
        ...
