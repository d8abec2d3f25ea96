"""What a process of the crash sweep does: the real services on the real file, disk and network, with numbered points.

A point lies before and after every transaction, every read and write of a socket, every sync and move of a file, and at
every look at the clock. At one of them the process kills or stops itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.domain.claims import Slots
from core.domain.declaration import Evidence
from core.domain.errors import MaquetteError, StoreUnavailable
from core.generators import bounded_http
from core.ports.job_store import JobQuery, JobStore
from core.services.account_scan import AccountScan
from core.services.billing import Billing
from core.services.collect import Collect
from core.services.dispatch import Dispatch
from core.services.elsewhere import Elsewhere
from core.services.journal import Notes
from core.services.poll import Poll
from core.services.reconcile import Reconcile
from core.services.sweep import Sweep
from core.services.throttle import Throttle
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite import database
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.sqlite.queries import queries
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import Category
from tests.crash.makers import COMFYUI, ENGINE, TRIPO, maker_of
from tests.crash.shared_clock import SharedClock

LEASE_S, SEND_BY_S, SETTLE_S = 60.0, 20.0, 120.0
CATEGORIES = {
    TRIPO: (Category.STANDARD, Category.CONVERT),
    COMFYUI: (Category.COMFYUI,),
    ENGINE: (Category.OFFLINE,),
}
ROUNDS = 90
QUICK_ROUNDS = 12  # in which a second passes each; then ten
PATIENT_S = 0.1  # how long a transaction of another process is waited for: one that stands still never ends
# After each of these the disk, or a server, may be another than before: a process that is killed leaves nothing else.
CHANGES = (
    "after transaction",
    "after socket write",
    "after socket read",  # by then the server has acted for certain
    "before fsync",  # the file is written
    "after move",
    "after unlink",
)


@dataclass(frozen=True)
class Life:
    """One process: where it works, and at which point it ends or stands still (0: at none).

    Attributes:
        counts: the points that are counted for that; all of them when empty.
    """

    folder: str
    address: str
    owner: str
    generator: str = TRIPO
    kind: str = ""  # of the job
    point: int = 0
    counts: tuple[str, ...] = ()
    how: str = "KILL"
    rounds: int = ROUNDS
    supabase: tuple[str, str] = ("", "")  # address and key, where the job table is there


class Points:
    """Counts them, and does what was ordered at one."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.passed: list[str] = []
        self._counted = 0

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if self._life.counts and name not in self._life.counts:
            return
        self._counted += 1
        if self._counted == self._life.point:
            Path(self._life.folder, f"point-{self._life.owner}").write_text(name)
            os.kill(os.getpid(), getattr(signal, f"SIG{self._life.how}"))


def prepare() -> None:
    """What every life needs and is slow to make, made once before the forks."""
    bounded_http._tls()
    queries()


def live(life: Life) -> None:
    """Work until every job has ended, or the rounds are over; leaves the number of points in a file."""
    logging.disable(logging.CRITICAL)
    points = Points(life)
    folder = Path(life.folder)
    clock = _watched_clock(SharedClock(folder / "clock"), points)
    _watch(points)
    jobs = _on_supabase(life, clock, points) if life.supabase[0] else _on_sqlite(folder, clock)
    if jobs is None:
        return  # another process stands still inside a transaction: this one cannot start, and says so
    ticks = _services(life, folder, jobs, clock)
    for number in range(life.rounds):
        for tick in ticks:
            with contextlib.suppress(MaquetteError):  # as in the scheduler: the next tick goes on
                tick()
        with contextlib.suppress(MaquetteError):
            found = jobs.find(JobQuery()).jobs
            if all(job.is_ended and (job.is_free or job.credits_used is not None) for job in found):
                break
        clock.advance(1.0 if number < QUICK_ROUNDS else 10.0)
    Path(life.folder, f"points-{life.owner}").write_text("\n".join(points.passed))


def _on_sqlite(folder: Path, clock: Any) -> JobStore | None:
    try:
        jobs = SqliteJobStore(folder / "jobs.sqlite3", clock)
    except StoreUnavailable:
        return None
    # a killed process loses nothing that the operating system has taken, so the slow way to the disk is left out
    jobs._database._connection.execute("pragma synchronous = off")
    return jobs


def _on_supabase(life: Life, clock: Any, points: Points) -> JobStore:
    """Every call of the database lies between two points; the database's clock follows the shared one."""
    connection = Connection(*life.supabase)
    inner, advance = connection.call, clock.advance

    def call(function: str, **parameters: Any) -> Any:
        points(f"before {function}")
        told = inner(function, **parameters)
        points(f"after {function}")
        return told

    def follow(seconds: float) -> None:
        advance(seconds)
        now = clock.seconds()
        at = datetime.fromtimestamp(now, UTC).isoformat()
        connection.tried(lambda client: client.rpc("test_set_clock", {"p_at": at}).execute())

    connection.call = call  # type: ignore[method-assign]
    clock.advance = follow
    return SupabaseJobStore(connection)


def _services(life: Life, folder: Path, jobs: JobStore, clock: Any) -> list[Callable[[], object]]:
    generator, work = maker_of(life)
    throttle = Throttle(generator, jobs=jobs, clock=clock)
    objects = LocalObjectStore(folder / "files")
    notes = Notes(jobs=jobs, generator=throttle, journal=LocalJournal(folder / "journal"), poll_in_s=1.0)
    own: dict[str, Any] = {"jobs": jobs, "generator": throttle, "owner": life.owner, "lease_s": LEASE_S}
    slots = Slots(limits=dict.fromkeys(CATEGORIES[life.generator], 2))
    dispatch = Dispatch(**own, objects=objects, notes=notes, clock=clock, slots=slots, send_by_s=SEND_BY_S)
    elsewhere = Elsewhere(objects=objects, generator=throttle, lease_s=LEASE_S)
    again = elsewhere if throttle.declaration.can_begin_again else None
    ticks = [
        dispatch.tick,
        work,
        Poll(**own, poll_first_s=1.0, elsewhere=again).tick,
        Collect(**own, objects=objects, elsewhere=again).tick,
        Sweep(**own, notes=notes, job_timeout_s=600.0).tick,
    ]
    if throttle.declaration.evidence is Evidence.ECHO:
        scan = AccountScan(jobs=jobs, generator=throttle)
        ticks.append(Reconcile(**own, scan=scan, settle_s=SETTLE_S).tick)
        ticks.append(Billing(jobs=jobs, generator=throttle, scan=scan, clock=clock).tick)
    return ticks


def _watched_clock(clock: SharedClock, points: Points) -> Any:
    class Watched:
        advance = staticmethod(clock.advance)
        seconds = staticmethod(clock.seconds)
        boot_id = clock.boot_id

        def now(self) -> Any:
            points("clock")
            return clock.now()

        def boot_s(self) -> float:
            points("clock")
            return clock.boot_s()

    return Watched()


def _watch(points: Points) -> None:
    """This process is a fork that ends with its life: what is replaced here is replaced for good."""
    write = database.Database.write

    @contextlib.contextmanager
    def watched(self: database.Database) -> Iterator[Any]:
        points("before transaction")
        with write(self) as db:
            yield db
        points("after transaction")

    database.Database.write = watched  # type: ignore[method-assign]
    database.BUSY_TIMEOUT_S = PATIENT_S
    for name in ("read", "write"):
        _around(bounded_http._Stream, name, points, f"socket {name}")
    os.fsync = lambda handle: None  # type: ignore[assignment]  # as above
    _around(os, "fsync", points, "fsync")
    _around(Path, "replace", points, "move")
    _around(Path, "unlink", points, "unlink")


def _around(owner: Any, name: str, points: Points, label: str) -> None:
    inner = getattr(owner, name)

    def call(*args: Any, **more: Any) -> Any:
        points(f"before {label}")
        result = inner(*args, **more)
        points(f"after {label}")
        return result

    setattr(owner, name, call)
