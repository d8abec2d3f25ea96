"""One server process of the simulation: the real services on ports that may fail, stop or die at every step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.domain.claims import Claim, Slots
from core.domain.declaration import Evidence
from core.domain.errors import MaquetteError, ObjectMissing, StoreUnavailable
from core.ports.journal import TaskNote
from core.services.account_scan import AccountScan
from core.services.billing import Billing
from core.services.collect import Collect
from core.services.convert import Convert
from core.services.decide import Decide
from core.services.dispatch import Dispatch
from core.services.elsewhere import Elsewhere
from core.services.journal import Notes
from core.services.makers import Makers
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.sweep import Sweep
from core.services.throttle import Throttle
from core.stores.supabase.rows import to_job
from tests.builders import Category
from tests.simulation import invariants

if TYPE_CHECKING:
    from tests.simulation.makers import Maker
    from tests.simulation.sim import Sim

LEASE_S, SEND_BY_S, SETTLE_S, TIMEOUT_S = 60.0, 20.0, 300.0, 600.0
CATEGORIES = {
    Evidence.ECHO: (Category.STANDARD, Category.P_SERIES, Category.CONVERT),
    Evidence.NAMED: (Category.COMFYUI,),
    Evidence.FREE: (Category.OFFLINE,),
}
Tick = tuple[str, str]  # whose, and what is done


READS = frozenset(
    {
        *(
            "get",
            "events",
            "conversions",
            "job_of_intent",
            "unbound",
            "orphaned_tasks",
            "account_facts",
            "account_wait_s",
        ),
        *("usage_awaited_since", "find", "installation", "recent_durations_s"),  # of the port; and of the database
        *("jobs", "seen", "facts", "wait_s", "usage_awaited", "page", "now", "table_state", "stuck_after", "durations"),
    }
)


class Crash(BaseException):
    """The process is gone, with all it had in memory."""


class Store:
    """The job table as one process sees it: any call, a read too, may fail before it is done, or after."""

    def __init__(self, sim: Sim, process: Process, jobs: Any) -> None:
        self._sim, self.process, self._jobs = sim, process, jobs
        self._is_local = not sim.table.is_supabase  # else each call of the database is disturbed on its own

    @property
    def accounts(self) -> Store:
        return Store(self._sim, self.process, self._jobs.accounts)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._jobs, name)

        def call(*args: Any, **more: Any) -> Any:
            if name == "account_wait_s":
                self.process.checked_at[more["generator"]] = self._sim.tock()
            if not self._is_local or name == "now":
                return self._noted(name, more, verb(*args, **more))
            self.process.before_call(name)
            done = self._noted(name, more, verb(*args, **more))
            self.process.after_call(name, more, done)
            return done

        return call

    def _noted(self, name: str, more: dict[str, Any], done: Any) -> Any:
        self._sim.written(self.process, name, more, done)
        return done


@contextlib.contextmanager
def kept(jobs: Any, claim: Claim, *, lease_s: float) -> Iterator[None]:
    """In place of the thread that keeps a lease: it is renewed when time passes, see `Sim.pass_time`."""
    process: Process = jobs.process
    process.keeping, process.has_lost_touch = claim, not process.holds(claim)
    try:
        yield
    finally:
        process.keeping = None


class Journal:
    """A disk: what was written survives the process. Each generator has a folder of its own."""

    def __init__(self, sim: Sim, process: Process, generator: str) -> None:
        self._sim, self._process, self._generator = sim, process, generator

    def write(self, note: TaskNote) -> None:
        self._sim.step(self._process, "before journal")
        self._sim.notes[self._generator][note.task_id] = note
        self._sim.step(self._process, "after journal")

    def notes(self) -> Sequence[TaskNote]:
        return list(self._sim.notes[self._generator].values())

    def forget(self, note: TaskNote) -> None:
        self._sim.step(self._process, "before forget")
        invariants.note_is_fulfilled(self._sim, self._generator, note)
        self._sim.notes[self._generator].pop(note.task_id, None)


class Objects:
    """Files in memory that survive the process."""

    def __init__(self, sim: Sim, process: Process | None = None) -> None:
        self._sim, self._process = sim, process

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        if self._process is not None:
            self._sim.step(self._process, "before put")
        self._sim.place_of(key)[key] = data
        if self._process is not None:
            self._sim.step(self._process, "after put")

    def get(self, key: str) -> bytes:
        if key not in self._sim.place_of(key):
            raise ObjectMissing(key)
        return self._sim.place_of(key)[key]

    def exists(self, key: str) -> bool:
        return key in self._sim.place_of(key)

    def local_path(self, key: str) -> Path | None:
        return None

    def delete(self, key: str) -> None:
        self._sim.place_of(key).pop(key, None)


class Clock:
    """The simulation's clock; reading it is a step, too."""

    def __init__(self, sim: Sim, process: Process) -> None:
        self._sim, self._process = sim, process

    boot_id = "simulated boot"

    def now(self) -> Any:
        return self._sim.clock.now() + timedelta(seconds=self._process.wall_s)

    def boot_s(self) -> float:
        self._sim.step(self._process, "before clock")
        return self._sim.clock.boot_s()


class Process:
    """`name` stays when it is born again; the owner of its claims does not."""

    def __init__(self, sim: Sim, name: str) -> None:
        self.name = name
        self.checked_at: dict[str, int] = {}  # by generator: when it was asked whether its account has to wait
        self.is_ticking = False
        self.is_standing = False
        self.wall_s = 0.0  # by how much its clock was set, where the table has another one
        self.keeping: Claim | None = None
        self.has_lost_touch = False  # it could not keep its lease: others may take its work
        self._sim = sim
        self._lives = 0
        self._ticks: dict[Tick, Callable[[], object]] = {}
        self.be_born()

    def be_born(self) -> None:
        """A new life: nothing in memory, all that was on disk."""
        sim = self._sim
        self._lives += 1
        self.keeping = None
        self.checked_at = {}
        clock, objects = Clock(sim, self), Objects(sim, self)
        jobs: Any = sim.table.of_process(self, clock)
        throttles = {
            maker.name: Throttle(maker.generator(self), jobs=jobs, clock=clock) for maker in sim.makers.values()
        }
        self._ticks = {
            (maker.name, what): tick
            for maker in sim.makers.values()
            for what, tick in self._worker(maker, throttles[maker.name], jobs, objects, clock).items()
        }
        makers = Makers(connected=throttles, default=next(iter(throttles.values())))
        self.convert = Convert(jobs=sim.jobs, makers=makers, max_credits_per_day=None, on_queued=lambda: None)
        self.decide = Decide(
            jobs=sim.jobs, objects=objects, makers=makers, max_credits_per_day=None, on_changed=lambda: None
        )

    def _worker(
        self, maker: Maker, throttle: Throttle, jobs: Any, objects: Objects, clock: Clock
    ) -> dict[str, Callable[[], object]]:
        """What moves the jobs of one generator, wired by its declaration as a server does it."""
        sim = self._sim
        own = {"jobs": jobs, "generator": throttle, "owner": f"{self.name}-{self._lives}", "lease_s": LEASE_S}
        notes = Notes(jobs=jobs, generator=throttle, journal=Journal(sim, self, maker.name), poll_in_s=2.0)
        slots = Slots(limits=dict.fromkeys(CATEGORIES[maker.evidence], sim.slots))
        elsewhere = Elsewhere(objects=objects, generator=throttle, lease_s=LEASE_S)
        again = elsewhere if throttle.declaration.can_begin_again else None
        sweep = Sweep(**own, notes=notes, job_timeout_s=TIMEOUT_S)
        dispatch = Dispatch(**own, objects=objects, notes=notes, clock=clock, slots=slots, send_by_s=SEND_BY_S)
        found: dict[str, Callable[[], object]] = {
            "dispatch": dispatch.tick,
            "poll": Poll(**own, poll_first_s=2.0, elsewhere=again).tick,
            "collect": Collect(**own, objects=objects, elsewhere=again).tick,
            "sweep": sweep.tick,
        }
        if maker.evidence is not Evidence.ECHO:
            return found | {"probe": sweep.probe_account}
        scan = AccountScan(jobs=jobs, generator=throttle)
        return found | {
            "reconcile": Reconcile(**own, scan=scan, settle_s=SETTLE_S).tick,
            "billing": Billing(jobs=jobs, generator=throttle, scan=scan, clock=clock).tick,
        }

    def watched(self, jobs: Any) -> Store:
        return Store(self._sim, self, jobs)

    def before_call(self, name: str) -> None:
        """On its way to the table."""
        self._sim.step(self, f"before {name}")
        if self.name in self._sim.cut_off:
            raise StoreUnavailable("the process is cut off")
        if self._sim.is_unlucky(self._sim.store_chance):
            if name in READS:
                self._sim.counts["reads that failed"] += 1
            raise StoreUnavailable("the simulation took the table away")

    def after_call(self, name: str, more: dict[str, Any], done: Any) -> None:
        """On its way back."""
        if name == "write":
            for row in done:
                self._sim.intent_written(to_job(row))
        if name == "pause":
            self._sim.pause_written(more["p_generator"], more["p_wait_s"])
        self._sim.step(self, f"after {name}")
        if self._sim.is_unlucky(self._sim.store_chance):
            raise StoreUnavailable("the simulation lost the answer")

    def holds(self, claim: Claim) -> bool:
        """Whether its lease lasts: the answer to a claim may have come after it."""
        jobs = self._sim.jobs
        job = jobs.get(claim.job_id)
        return job.epoch == claim.epoch and job.lease_until is not None and job.lease_until > jobs.now()

    def renew(self) -> None:
        """What its lease keeper does, unless it stands still or is cut off."""
        if self.keeping is None or self.has_lost_touch:
            return
        if self.is_standing or self.name in self._sim.cut_off:
            self.has_lost_touch = True
            return
        try:
            self._renew_held()
        except MaquetteError:
            self.has_lost_touch = True

    def _renew_held(self) -> None:
        self._sim.jobs.renew(self.keeping, lease_s=LEASE_S)

    def tick(self, generator: str, what: str) -> None:
        """One tick of one service; the process may die in it and is born again."""
        if self.is_ticking:
            return
        self.is_ticking = True
        try:
            self._ticks[generator, what]()
        except MaquetteError:
            pass  # as in the scheduler: the next tick goes on
        except Crash:
            self.be_born()
        finally:
            self.is_ticking = False

    def services(self, generator: str) -> list[str]:
        """What it does for one generator."""
        return [what for name, what in self._ticks if name == generator]
