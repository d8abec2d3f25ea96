"""What there is to do, asked in one question for all ticks of a process: while there is nothing, no more is asked.

A hosted project is billed and throttled by requests. Every tick that looks for work asks here first. A look is relied
on for a few seconds, so work that another server brought is found that much later; what this process itself wrote
counts at once. The agenda never decides what is done: it only leaves out calls that would have claimed nothing, and
every claim is still made by the database.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core.domain.job import Category
from core.domain.status import Stage
from core.ports.clock import Clock
from core.stores.rows import needed_time, to_time
from core.stores.supabase.connection import Connection

BEAT_S = 4.5  # a look that is younger has said already that this process is alive
HOLDING = frozenset({Stage.SUBMITTING, Stage.UNCERTAIN, Stage.GENERATING})  # a slot of their category
TIMED = frozenset({Stage.GENERATING, Stage.LATE, Stage.SAVING})  # due at `next_poll_at`
TICK_S = 1.0  # by then a tick has asked anew, if the line works: pages need not ask as well
SEARCHED = (Stage.UNCERTAIN, Stage.ATTENTION)


@dataclass(slots=True, kw_only=True)
class Group:
    """The open jobs of one generator, category and stage.

    Attributes:
        due_s: on our clock, when the first may be claimed; None for none, until the next look.
        began_s: on our clock, when the first of them was bound; None where none was.
        scanned_s: on our clock, when the one that was searched for longest ago was; None for never.
    """

    generator: str
    category: Category
    stage: Stage
    count: int = 0
    leased: int = 0
    due_s: float | None = None
    began_s: float | None = None
    scanned_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One answer.

    Attributes:
        at_s, told_s: on our clock, when it was asked for, and when the answer was there.
        now: the database's time, between the two.
    """

    at_s: float
    told_s: float
    now: datetime
    state: Mapping[str, int]
    last_change: int
    last_beat: Mapping[str, Any] | None
    has_unfolded: bool
    groups: dict[tuple[str, Category, Stage], Group] = field(default_factory=dict)


class Agenda:
    """Shared by the ticks and pages of a process.

    Args:
        fresh_s: how long an answer is relied on.
        ticks: for pages, the agenda of the ticks: its answers count here too, but nobody waits while it asks. On a line
            that has gone silent that takes a minute.
    """

    def __init__(self, connection: Connection, clock: Clock, *, fresh_s: float, ticks: Agenda | None = None) -> None:
        self._ticks = ticks
        self._db = connection
        self._clock = clock
        self._fresh_s = fresh_s
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._owner = ""
        self._look: Look | None = None
        self._written: list[Mapping[str, Any]] = []  # while a look is under way, whose answer may not have it
        self._freed: set[Category] = set()
        self._newest = 0  # number of the newest change that this process wrote

    def look(self, *, within_s: float | None = None) -> Look:
        """The newest answer, or a new one where it is too old. Raises: StoreUnavailable."""
        within_s = self._fresh_s if within_s is None else min(within_s, self._fresh_s)
        fresh = self._fresh(within_s)
        if fresh is not None:
            return fresh
        with self._asking:  # who comes meanwhile gets the same answer
            fresh = self._fresh(within_s)
            if fresh is not None:
                return fresh
            at_s = self._clock.boot_s()
            self._written.clear()
            answer = self._db.call("look", p_owner=self._owner)
            look = _read(answer, at_s=at_s, told_s=self._clock.boot_s())
            with self._lock:
                self._look = look
                self._freed.clear()
                for row in self._written:
                    self._note(look, row)
            return look

    def _fresh(self, within_s: float) -> Look | None:
        known = None if self._ticks is None else self._ticks._fresh(within_s + TICK_S)
        return known or self._own(within_s)

    def _own(self, within_s: float) -> Look | None:
        with self._lock:
            look = self._look
            return look if look is not None and self._clock.boot_s() - look.at_s < within_s else None

    def forget(self) -> None:
        """Something was written whose consequences are not known here: the next question is asked anew."""
        with self._lock:
            self._look = None

    def beat(self, owner: str) -> None:
        """From now on each look says that this process is alive; one is made now when the last is too old."""
        if self._owner != owner:
            self._owner = owner
            self.forget()
        self.look(within_s=BEAT_S)

    # -- what this process wrote

    def note(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows as they were written just now."""
        with self._lock:
            self._written.extend(rows)
            self._newest = max([self._newest, *(int(row["change_number"]) for row in rows)])
            if self._look is not None:
                for row in rows:
                    self._note(self._look, row)

    def _note(self, look: Look, row: Mapping[str, Any]) -> None:
        stage = Stage(row["stage"])
        if stage is not Stage.DONE:
            self._place(look, stage, row)
        self._free(look, row["category"])

    def _place(self, look: Look, stage: Stage, row: Mapping[str, Any]) -> None:
        key = (row["generator"], row["category"], stage)
        group = look.groups.setdefault(key, Group(generator=key[0], category=key[1], stage=stage))
        group.count = max(group.count, 1)
        group.due_s = _earlier(group.due_s, self._due_at(look, stage, row))
        scanned, began = to_time(row["scanned_at"]), to_time(row["started_at"])
        if stage in SEARCHED:
            group.scanned_s = None if scanned is None else _ours(look, scanned)
        if began is not None:
            group.began_s = _earlier(group.began_s, _ours(look, began))

    def _free(self, look: Look, category: Category) -> None:
        """A slot of the category may be free now: what waits for one is due."""
        self._freed.add(category)
        for group in look.groups.values():
            if group.stage is Stage.QUEUED and group.category == category and group.count:
                group.due_s = self._clock.boot_s()

    def _due_at(self, look: Look, stage: Stage, row: Mapping[str, Any]) -> float | None:
        """When it may be claimed, on our clock; None for never."""
        planned = "next_poll_at" if stage in TIMED else "not_before" if stage is Stage.QUEUED else None
        if stage in TIMED and row["next_poll_at"] is None:
            return None
        times = [to_time(row[name]) for name in ("lease_until", planned) if name is not None]
        return max([self._clock.boot_s(), *(_ours(look, at) for at in times if at is not None)])

    def again(self, groups: Sequence[Group]) -> None:
        """The call found some, so there may be more."""
        with self._lock:
            for group in groups:
                group.due_s = self._clock.boot_s()

    def state(self) -> Mapping[str, int]:
        return self.look().state

    def has_unfolded(self) -> bool:
        return self.look().has_unfolded

    def last_beat(self) -> Mapping[str, Any] | None:
        return self.look().last_beat

    def now(self) -> datetime:
        """The database's time, or a moment before it: nothing is taken for older than it is."""
        look = self.look()
        return look.now + timedelta(seconds=self._clock.boot_s() - look.told_s)

    def last_change(self) -> int:
        """The cursor of now, as far as it is known."""
        look = self.look()
        return max(look.last_change, self._newest, 0 if self._ticks is None else self._ticks._newest)

    # -- what a call would find: an empty answer means that it would find nothing

    def queued(self, slots: Mapping[Category, int]) -> list[Group]:
        look = self.look()
        with self._lock:
            found = [each for each in self._due(look, Stage.QUEUED) if each.category in slots]
            return _taken([each for each in found if self._is_free(look, each.category, slots)])

    def _is_free(self, look: Look, category: Category, slots: Mapping[Category, int]) -> bool:
        held = sum(
            each.count if each.stage in HOLDING else each.leased
            for each in look.groups.values()
            if each.category == category
        )
        return category in self._freed or held < slots[category]

    def due(self, generator: str, *stages: Stage) -> list[Group]:
        look = self.look()
        with self._lock:
            return _taken([each for each in self._due(look, *stages) if each.generator == generator])

    def uncertain(self, generator: str, *, not_scanned_for_s: float) -> list[Group]:
        look = self.look()
        with self._lock:
            now_s = self._clock.boot_s()
            found = [each for each in self._due(look, *SEARCHED) if each.generator == generator]
            # not taken: one in attention is searched for when its candidates are found to be other jobs' tasks
            return [each for each in found if each.scanned_s is None or now_s - each.scanned_s >= not_scanned_for_s]

    def has_stuck(self, stage: Stage, *, age_s: float, generator: str) -> bool:
        """For the sweeps: expired leases of submitting, old jobs of generating or late, blocked ones."""
        look = self.look()
        with self._lock:
            now_s = self._clock.boot_s()
            of_stage = [each for each in look.groups.values() if each.stage is stage and each.count]
            if stage is Stage.BLOCKED:
                return any(each.generator == generator for each in of_stage)
            if stage is Stage.SUBMITTING:
                return any(each.due_s is not None and each.due_s <= now_s for each in of_stage)
            return any(each.began_s is not None and now_s - each.began_s >= age_s for each in of_stage)

    def _due(self, look: Look, *stages: Stage) -> list[Group]:
        now_s = self._clock.boot_s()
        found = [each for each in look.groups.values() if each.stage in stages]
        return [each for each in found if each.due_s is not None and each.due_s <= now_s]


def _taken(groups: list[Group]) -> list[Group]:
    """Asked for once: what is claimed is noted with its lease, and the rest is seen with the next look, or `again`."""
    for each in groups:
        each.due_s = None
    return groups


def _earlier(one_s: float | None, other_s: float | None) -> float | None:
    known = [each for each in (one_s, other_s) if each is not None]
    return min(known) if known else None


def _ours(look: Look, at: datetime) -> float:
    """A time of the database on our clock."""
    return look.at_s + (at - look.now).total_seconds()


def _read(answer: Mapping[str, Any], *, at_s: float, told_s: float) -> Look:
    groups = [
        Group(
            generator=each["generator"],
            category=each["category"],
            stage=Stage(each["stage"]),
            count=each["count"],
            leased=each["leased"],
            due_s=_ahead(at_s, each["due_in_s"]),
            began_s=_ago(at_s, each["oldest_s"]),
            scanned_s=_ago(at_s, each["scanned_ago_s"]),
        )
        for each in answer["open"]
    ]
    return Look(
        at_s=at_s,
        told_s=told_s,
        now=needed_time(answer["now"]),
        state=answer["state"],
        last_change=answer["last_change"],
        last_beat=answer["last_beat"],
        has_unfolded=answer["has_unfolded"],
        groups={(each.generator, each.category, each.stage): each for each in groups},
    )


def _ahead(at_s: float, seconds: float | None) -> float | None:
    return None if seconds is None else at_s + seconds


def _ago(at_s: float, seconds: float | None) -> float | None:
    return None if seconds is None else at_s - seconds
