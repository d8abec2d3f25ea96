"""In an agenda's place where nobody ticks, as in a move of a table or a test: every question is asked by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.domain.job import Category
from core.domain.status import Stage
from core.stores.rows import needed_time
from core.stores.supabase.agenda import Group
from core.stores.supabase.connection import Connection

MAY_BE = Group(generator="", category="", stage=Stage.QUEUED)  # only the call itself can tell


class EachTime:
    """See Agenda for what each question means."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def note(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Nothing is remembered."""

    def forget(self) -> None:
        """Nothing is remembered."""

    def again(self, groups: Sequence[Group]) -> None:
        """Nothing is remembered."""

    def queued(self, slots: Mapping[Category, int]) -> list[Group]:
        return [MAY_BE]

    def due(self, generator: str, *stages: Stage) -> list[Group]:
        return [MAY_BE]

    def uncertain(self, generator: str, *, not_scanned_for_s: float) -> list[Group]:
        return [MAY_BE]

    def has_stuck(self, stage: Stage, *, age_s: float, generator: str) -> bool:
        return True

    def has_unfolded(self) -> bool:
        return True

    def beat(self, owner: str) -> None:
        self._db.call("beat", p_owner=owner)

    def state(self) -> Mapping[str, int]:
        found: Mapping[str, int] = self._db.call("table_state")
        return found

    def now(self) -> datetime:
        return needed_time(self._db.call("now"))

    def last_change(self) -> int:
        return int(self._db.call("last_change"))

    def last_beat(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._db.call("last_beat")
        return found
