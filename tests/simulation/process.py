"""One server process of the simulation: the real services on ports that may fail, stop or die at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.adapters.tripo.client import TripoClient
from core.adapters.tripo.generator import TripoGenerator
from core.domain.errors import MaquetteError, ObjectMissing, StoreUnavailable
from core.domain.job import Category
from core.ports.job_store import Slots
from core.ports.journal import TaskNote
from core.services.account_scan import AccountScan
from core.services.bookkeeping import Bookkeeping
from core.services.collect import Collect
from core.services.convert import Convert
from core.services.decide import Decide
from core.services.dispatch import Dispatch
from core.services.gate import Gate
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.settle import Settle
from tests.fake_tripo.transport import FakeTransport

if TYPE_CHECKING:
    from tests.simulation.sim import Sim

LEASE_S, SEND_BY_S, SETTLE_S, TIMEOUT_S = 60.0, 20.0, 300.0, 600.0
WRITES = frozenset(
    """add mark_submitting bind_task adopt_task return_to_queue mark_blocked mark_uncertain claim_queued claim_uncertain
    claim_due claim_saving note_polls mark_saving postpone_saving complete fail cancel expire_submitting mark_late
    give_up_late unblock note_scan mark_attention send_again pause_account note_echo note_balance note_usage
    keep_seen note_delivery fetch_now""".split()  # noqa: SIM905  (a list of words is easier to read so)
)


class Crash(BaseException):
    """The process is gone, with all it had in memory."""


class Store:
    """The job table as one process sees it: any call may fail before it is done, or after."""

    def __init__(self, sim: Sim, process: Process) -> None:
        self._sim, self._process = sim, process

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._sim.jobs, name)

        def call(*args: Any, **more: Any) -> Any:
            if name == "account_wait_s":
                self._process.checked_at = self._sim.tock()
            if name not in WRITES:
                return verb(*args, **more)
            sim = self._sim
            sim.step(self._process, f"before {name}")
            if self._process.name in sim.cut_off:
                raise StoreUnavailable("the process is cut off")
            if sim.is_unlucky(sim.store_chance):
                raise StoreUnavailable("the simulation took the table away")
            done = verb(*args, **more)
            sim.written(name, args, more, done)
            sim.step(self._process, f"after {name}")
            if sim.is_unlucky(sim.store_chance):
                raise StoreUnavailable("the simulation lost the answer")
            return done

        return call


class Journal:
    """A disk: what was written survives the process."""

    def __init__(self, sim: Sim, process: Process) -> None:
        self._sim, self._process = sim, process

    def write(self, note: TaskNote) -> None:
        self._sim.step(self._process, "before journal")
        self._sim.notes[note.job_id, note.attempt] = note
        self._sim.step(self._process, "after journal")

    def notes(self) -> Sequence[TaskNote]:
        return list(self._sim.notes.values())

    def forget(self, note: TaskNote) -> None:
        self._sim.step(self._process, "before forget")
        self._sim.notes.pop((note.job_id, note.attempt), None)


class Objects:
    """Files in memory that survive the process."""

    def __init__(self, sim: Sim, process: Process | None = None) -> None:
        self._sim, self._process = sim, process

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        if self._process is not None:
            self._sim.step(self._process, "before put")
        self._sim.files[key] = data
        if self._process is not None:
            self._sim.step(self._process, "after put")

    def get(self, key: str) -> bytes:
        if key not in self._sim.files:
            raise ObjectMissing(key)
        return self._sim.files[key]

    def exists(self, key: str) -> bool:
        return key in self._sim.files

    def local_path(self, key: str) -> Path | None:
        return None

    def delete(self, key: str) -> None:
        self._sim.files.pop(key, None)


class Clock:
    """The simulation's clock; reading it is a step, too."""

    def __init__(self, sim: Sim, process: Process) -> None:
        self._sim, self._process = sim, process

    def now(self) -> Any:
        return self._sim.clock.now()

    def boot_s(self) -> float:
        self._sim.step(self._process, "before clock")
        return self._sim.clock.boot_s()


class Process:
    """`name` stays when it is born again; the owner of its claims does not."""

    def __init__(self, sim: Sim, name: str) -> None:
        self.name = name
        self.checked_at = 0
        self.is_ticking = False
        self._sim = sim
        self._lives = 0
        self._ticks: dict[str, Callable[[], object]] = {}
        self.be_born()

    def be_born(self) -> None:
        """A new life: nothing in memory, all that was on disk."""
        sim = self._sim
        self._lives += 1
        owner = f"{self.name}-{self._lives}"
        jobs: Any = Store(sim, self)
        clock = Clock(sim, self)
        journal = Journal(sim, self)
        objects = Objects(sim, self)
        transport = FakeTransport(sim.service, wait=sim.clock.advance, on_step=lambda name: sim.on_wire(self, name))
        generator = TripoGenerator(TripoClient("http://tripo.test", sim.key, transport=transport))
        gate = Gate(generator, jobs=jobs, clock=clock)
        scan = AccountScan(jobs=jobs, generator=gate)
        own = {"jobs": jobs, "generator": gate, "owner": owner, "lease_s": LEASE_S}
        slots = Slots(limits=dict.fromkeys((Category.STANDARD, Category.P_SERIES, Category.CONVERT), sim.slots))
        dispatch = Dispatch(
            **own,
            objects=objects,
            journal=journal,
            clock=clock,
            slots=slots,
            send_by_s=SEND_BY_S,
            poll_first_s=2.0,
        )
        reconcile = Reconcile(**own, journal=journal, job_timeout_s=TIMEOUT_S, poll_first_s=2.0)
        books = Bookkeeping(jobs=jobs, generator=gate, scan=scan, clock=clock)
        self._ticks = {
            "dispatch": dispatch.tick,
            "poll": Poll(**own, poll_first_s=2.0).tick,
            "collect": Collect(**own, objects=objects).tick,
            "reconcile": reconcile.tick,
            "settle": Settle(**own, scan=scan, settle_s=SETTLE_S).tick,
            "books": books.tick,
        }
        self.convert = Convert(jobs=sim.jobs, generator=gate, max_credits_per_day=None, on_queued=lambda: None)
        self.decide = Decide(
            jobs=sim.jobs, objects=objects, generator=gate, max_credits_per_day=None, on_changed=lambda: None
        )

    def tick(self, what: str) -> None:
        """One tick of one service; the process may die in it and is born again."""
        if self.is_ticking:
            return
        self.is_ticking = True
        try:
            self._ticks[what]()
        except MaquetteError:
            pass  # as in the scheduler: the next tick goes on
        except Crash:
            self.be_born()
        finally:
            self.is_ticking = False

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self._ticks)
