"""The two job stores side by side: each call goes to both, and whatever they answer must be the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.ports.account_store import AccountStore
from core.ports.archive import TABLES
from core.ports.job_store import JobQuery, JobStore
from core.stores.sqlite.archive import SqliteArchive
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.archive import SupabaseArchive
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.clocks import FakeClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a store answered: a value, or a refusal in its words."""

    value: Any = None
    refused: str | None = None


def public_verbs() -> frozenset[str]:
    """Every verb of the port, and of what it is made of."""
    names = {*dir(JobStore), *dir(AccountStore)} - {"accounts"}
    return frozenset(name for name in names if not name.startswith("_"))


@dataclass(slots=True)
class BothStores:
    """SQLite and Supabase, empty at first, on one clock that the tests move.

    Attributes:
        used: the verbs that were called.
    """

    local: SqliteJobStore
    remote: SupabaseJobStore
    clock: FakeClock
    cursors: list[int] = field(default_factory=lambda: [0, 0])
    used: set[str] = field(default_factory=set)

    @classmethod
    def empty(cls, connection: Connection, file: Path) -> BothStores:
        """With an empty table behind the connection, whose clock is the tests'."""
        clock = FakeClock()

        def move(function: str, **values: str) -> None:
            connection.tried(lambda client: client.rpc(function, values).execute())

        move("test_reset", p_at=clock.now().isoformat())
        clock.followers.append(lambda now: move("test_set_clock", p_at=now.isoformat()))
        return cls(
            local=SqliteJobStore(file, clock),
            remote=SupabaseJobStore(connection, agenda=Agenda(connection, clock, fresh_s=1.0)),
            clock=clock,
        )

    def call(self, verb: str, *args: Any, **values: Any) -> Any:
        """The answer of both; None for a refusal. Raises: AssertionError when they differ."""
        self.used.add(verb)
        answers = [_answer(_verb(store, verb), *args, **values) for store in (self.local, self.remote)]
        assert answers[0] == answers[1], f"{verb}{args}{values}:\n  SQLite   {answers[0]}\n  Supabase {answers[1]}"
        return answers[0].value

    def changed(self) -> list[Job]:
        """What was written since the last time; each store counts its changes in its own way."""
        self.used.add("changed_since")
        found: list[list[Job]] = []
        for number, store in enumerate((self.local, self.remote)):
            jobs, self.cursors[number] = store.changed_since(self.cursors[number], limit=1000)
            found.append(sorted(jobs, key=lambda job: job.id))
        assert found[0] == found[1], f"changed:\n  SQLite   {found[0]}\n  Supabase {found[1]}"
        return found[0]

    def compare_news(self) -> None:
        """All that the last call wrote."""
        for job in self.changed():
            self.call("events", job.id)

    def compare_cursors(self) -> None:
        """The newest change is the one that was told last."""
        self.used.add("last_change")
        assert [store.last_change() for store in (self.local, self.remote)] == self.cursors

    def compare_tables(self, file: Path) -> None:
        """Every row and column that moves with an installation, also those that no verb tells."""
        self.call("find", JobQuery(page_size=1000))
        here, there = SqliteArchive(file), SupabaseArchive(self.remote._db)
        for name, table in TABLES.items():
            ours, theirs = (archive.read(name, after=table.first_key, limit=1000) for archive in (here, there))
            differing = [pair for pair in zip_longest(ours, theirs) if pair[0] != pair[1]]
            assert not differing, f"{name}: {differing[0]}"
        here.close()

    def close(self) -> None:
        self.used.add("close")
        self.local.close()
        self.remote.close()


def _verb(store: JobStore, name: str) -> Callable[..., Any]:
    owner = store.accounts if hasattr(AccountStore, name) else store
    verb: Callable[..., Any] = getattr(owner, name)
    return verb


def _answer(verb: Callable[..., Any], *args: Any, **values: Any) -> Answer:
    try:
        return Answer(value=verb(*args, **values))
    except MaquetteError as exc:
        return Answer(refused=f"{type(exc).__name__}: {exc.message}")
