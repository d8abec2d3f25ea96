"""The job tables of the simulation: on SQLite, or on the rules of Supabase; each with a life of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.domain.job import Job
from core.ports.job_store import JobStore
from core.storage import LOOK_EVERY_S
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.rows import to_job
from tests.simulation.database import Database, SimulatedConnection

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.sim import Sim


class Table:
    """One job table from its first row on; `era` is its number among all tables of a run."""

    is_supabase = False

    def __init__(self, sim: Sim, era: int) -> None:
        self.sim, self.era = sim, era
        self.jobs: JobStore = SqliteJobStore(Path(":memory:"), sim.clock)
        self.models: dict[str, bytes] = {}  # each project has a storage of its own, and numbers its jobs from one
        self._known: dict[int, Job] = {}
        self._cursor = 0

    def of_process(self, process: Process, clock: Any) -> Any:
        """The table as a process has it, with all that may go wrong on the way."""
        return process.watched(self.jobs)

    def rows(self) -> tuple[Job, ...]:
        """The whole table, newest first; only what was written since is read again."""
        while True:
            jobs, self._cursor = self.jobs.changed_since(self._cursor, limit=1000)
            for job in jobs:
                self._known[job.id] = job
            if not jobs:
                return tuple(self._known[job_id] for job_id in sorted(self._known, reverse=True))


class SupabaseTable(Table):
    """The real adapter on a database in memory, whose clock is its own: no jump of a server's clock reaches it."""

    is_supabase = True

    def __init__(self, sim: Sim, era: int, *, database: Database | None = None) -> None:
        self.sim, self.era = sim, era
        self.database = database or Database(sim.true_now, installation=f"installation {era}")
        self.jobs = SupabaseJobStore(SimulatedConnection(self.database))
        self.models = {}
        self._known = {}
        self._cursor = 0

    def of_process(self, process: Process, clock: Any) -> Any:
        connection = SimulatedConnection(self.database, before=process.before_call, after=process.after_call)
        return process.watched(SupabaseJobStore(connection, agenda=Agenda(connection, clock, fresh_s=LOOK_EVERY_S)))

    def rows(self) -> tuple[Job, ...]:
        if self._cursor != self.database.changes:
            for row in self.database.rows.values():
                if row["change_number"] > self._cursor:
                    self._known[row["id"]] = to_job(dict(row))
            self._cursor = self.database.changes
        return tuple(self._known[job_id] for job_id in sorted(self._known, reverse=True))
