"""Deterministic simulation: two processes, one job table, one generator of each kind of evidence, from a seed.

The generators are Tripo, a ComfyUI and an engine; clock, network and disks are the simulation's own.

A step is any write to the table, any HTTP request or answer, any file, any look at the clock. At each step, the process
may die, may stand still while time passes and others work, or another process may do a whole piece of its work.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import logging
import random
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from core.domain.declaration import Evidence
from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.domain.request import Kind, StoredImage
from core.domain.status import Stage
from core.ports.account_store import Delivery
from core.ports.job_store import JobStore
from core.ports.journal import TaskNote
from core.services.attempts import attempt_id
from core.services.ended_tasks import EndedTasks
from tests.builders import new_job, stored_image
from tests.clocks import FakeClock
from tests.fake_tripo.service import Service
from tests.simulation import invariants
from tests.simulation.makers import MAKERS, Engine, Lab, Maker, Tripo
from tests.simulation.process import LEASE_S, SEND_BY_S, Crash, Objects, Process, kept
from tests.simulation.table import SupabaseTable, Table

KEY = "tsk_simulated_key_that_must_not_leak"
ROUNDS = 50
HEAL_ROUNDS = 160
PATIENT_ROUNDS = 80  # of ten minutes: a vendor's list that was seen to be late is waited for three times as long
JUMPS_S = (-7200.0, -1800.0, -90.0, 90.0, 1800.0, 7200.0)
FARTHEST_S = 6 * 3600.0  # a clock is never further off than this
START, BOOT_S = FakeClock().now(), FakeClock().boot_s()
VIEWS = (("image", "back"), ("image", "left"), ("image", "left", "back"))
ECHOES = (*[frozenset[str]()] * 5, frozenset({"multiview_to_model", "text_to_model"}))  # whose number is not repeated
MIXES = ((1, 0, 0), (3, 1, 1), (2, 1, 1), (1, 1, 1), (1, 2, 1))  # how much each has of a life: Tripo, ComfyUI, engine
Attempt = tuple[int, int, int]  # table, job, attempt
PROBES = 0.2  # how many of the questions whether a server has all it needs: each takes many steps
COLLECT_EVERY = 20  # seeds; looking for garbage all the time takes a third of the run
NESTED = 2  # so deep may work lie within the standstill of another


def one_by_one(seeds: Iterable[int]) -> Iterator[int]:
    """The seeds, while garbage is looked for only now and then."""
    gc.disable()
    try:
        for seed in seeds:
            if seed % COLLECT_EVERY == 0:
                gc.collect()
            yield seed
    finally:
        gc.enable()


class Violation(AssertionError):
    """An invariant does not hold."""


class Sim:
    """One run. `seed` decides everything."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.luck = random.Random(seed)
        self.clock = FakeClock()
        self.key = KEY
        self.slots = self.luck.choice((1, 2, 3))
        self.crash_chance = self.luck.choice((0.0, 0.004, 0.02))
        self.stop_chance = self.luck.choice((0.0, 0.004, 0.02))
        self.other_chance = self.luck.choice((0.02, 0.1))
        self.store_chance = self.luck.choice((0.0, 0.0, 0.01, 0.04))
        self.jump_chance = self.luck.choice((0.0, 0.0, 0.002, 0.01))
        self.loss_chance = self.luck.choice((0.0, 0.0, 0.0, 0.02))
        self.slow_chance = self.luck.choice((0.0, 0.0, 0.2, 1.0))
        self.service = Service(clock_s=lambda: self.true_now().timestamp(), task_s=self.luck.choice((2.0, 20.0, 90.0)))
        self.ledger = self.service.ledger
        self.ledger.new_id = lambda: str(uuid.UUID(int=self.luck.getrandbits(128)))
        self.ledger.usage_lag_s = self.luck.choice((0.0, 5.0, 60.0))
        self.ledger.url_life_s = self.luck.choice((3.0, 300.0))
        self.ledger.names_views = self.luck.random() < 0.5
        self.ledger.hides_seed_of = set(self.luck.choice(ECHOES))
        self.ledger.fail_next = [2008, 2018] if self.luck.random() < 0.2 else []
        self.service.plan.at_random(self.luck, self.luck.choice((0.0, 0.05, 0.2)))
        self.outage_chance = self.luck.choice((0.0, 0.0, 0.02, 0.06))
        self.makers: dict[Evidence, Maker] = {evidence: make(self) for evidence, make in MAKERS.items()}
        self.mix: tuple[int, ...] = self.luck.choice(MIXES)
        self._eras = 0
        self.make_table: type[Table] = SupabaseTable if seed % 2 else Table
        self.table = self._new_table()
        self.other_table: Table | None = None  # the one of before, when the settings name another
        self.files: dict[str, bytes] = {}
        self.notes: dict[str, dict[str, TaskNote]] = {each.name: {} for each in self.makers.values()}  # by task
        self.intents: dict[Attempt, tuple[Job, float]] = {}  # with the end of its window, on the boot clock
        self.names: dict[str, Attempt] = {}  # what we call each attempt
        self.posts: collections.Counter[Attempt] = collections.Counter()
        self.pauses: dict[str, list[tuple[int, int, float]]] = collections.defaultdict(list)  # by generator
        self.ended: dict[tuple[int, int], Job] = {}
        self.counts: collections.Counter[str] = collections.Counter()
        self.trace: list[str] = []
        self.is_healing = False
        self.crash_in = 0  # steps until the next death that was ordered; 0: none
        self.cut_off: set[str] = set()  # processes that cannot reach the table
        self._depth = 0
        self._tocks = 0
        self.processes: list[Process] = []
        self.processes = [Process(self, "a"), Process(self, "b")]

    @property
    def lab(self) -> Lab:
        found = self.makers[Evidence.NAMED]
        assert isinstance(found, Lab)
        return found

    @property
    def engine(self) -> Engine:
        found = self.makers[Evidence.FREE]
        assert isinstance(found, Engine)
        return found

    def maker_of(self, job: Job) -> Maker:
        return next(maker for maker in self.makers.values() if maker.name == job.generator)

    # -- what the processes meet

    def place_of(self, key: str) -> dict[str, bytes]:
        """Where a file lies."""
        return self.table.models if key.startswith("models/") else self.files

    def tock(self) -> int:
        """A number that grows: which came first."""
        self._tocks += 1
        return self._tocks

    def is_unlucky(self, chance: float) -> bool:
        return not self.is_healing and chance > 0 and self.luck.random() < chance

    def step(self, process: Process, name: str) -> None:
        """Something may happen here."""
        self.counts["steps"] += 1
        if self.is_healing:
            return
        if self.crash_in:
            self.crash_in -= 1
            if not self.crash_in:
                self.counts["crashes"] += 1
                raise Crash
        if self.is_unlucky(self.crash_chance):
            self.counts["crashes"] += 1
            self.note(f"{process.name} dies {name}")
            raise Crash
        if self.is_unlucky(self.jump_chance):
            self.jump(process)
        if self.is_unlucky(self.stop_chance):
            pause_s = self.luck.choice((3.0, 25.0, 70.0, 140.0, 700.0))
            self.counts["standstills"] += 1
            self.note(f"{process.name} stands still for {pause_s:.0f} s {name}")
            process.is_standing = True
            for _ in range(3):
                self.pass_time(pause_s / 3)
                self._others_work(process)
            process.is_standing = False
        elif self.is_unlucky(self.other_chance):
            self._others_work(process)

    def _others_work(self, process: Process) -> None:
        if self._depth >= NESTED:
            return
        self._depth += 1
        self._tick(self.luck.choice([each for each in self.processes if each is not process]))
        self._depth -= 1

    def _maker(self) -> Maker:
        """The one that is next, as often as the mix says."""
        return self.luck.choices(tuple(self.makers.values()), self.mix)[0]

    def _tick(self, process: Process) -> None:
        name = self._maker().name
        what = self.luck.choice(process.services(name))
        if what != "probe" or self.luck.random() < PROBES:
            process.tick(name, what)

    def pass_time(self, seconds: float) -> None:
        """Time goes by for all; whoever works on something long keeps its lease meanwhile."""
        if not any(process.keeping for process in self.processes):
            self.clock.advance(seconds)
            return
        while seconds > 0:
            step_s = min(seconds, LEASE_S / 3)
            self.clock.advance(step_s)
            seconds -= step_s
            for process in self.processes:
                process.renew()

    def true_now(self) -> datetime:
        """What every right clock shows: Tripo's, and that of a database of its own."""
        return START + timedelta(seconds=self.clock.boot_s() - BOOT_S)

    def jump(self, process: Process) -> None:
        """Somebody sets a clock: the machine's, which is SQLite's too, or one server's."""
        ahead_s = process.wall_s if self.table.is_supabase else (self.clock.now() - self.true_now()).total_seconds()
        jump_s = self.luck.choice([each for each in JUMPS_S if abs(ahead_s + each) <= FARTHEST_S])
        self.counts["jumps"] += 1
        self.note(f"a clock is set by {jump_s:.0f} s")
        if self.table.is_supabase:
            process.wall_s += jump_s
        else:
            self.clock.jump(jump_s)

    def on_wire(self, process: Process, name: str) -> None:
        """Before a request leaves and after its answer came."""
        self.step(process, name)
        if name in ("before http v3/files", "before http files") and self.is_unlucky(self.slow_chance):
            self._slow(process)
        if name.startswith("before") and not name.endswith(("model.glb", "model.fbx")):
            invariants.no_call_while_the_account_waits(self, process, Tripo.name)
        if name.startswith("after http ") and name.endswith("-to-model"):
            self.counts["creates"] += 1
            self.counts[name.removeprefix("after http ")] += 1
        if name == "after http convert":
            self.counts["conversions"] += 1

    def on_lab_wire(self, process: Process, name: str) -> None:
        """The same, on the way to ComfyUI."""
        self.step(process, name)
        if name == "before http upload/image" and self.is_unlucky(self.slow_chance):
            self._slow(process)
        if name.startswith("before"):
            invariants.no_call_while_the_account_waits(self, process, Lab.name)

    def _slow(self, process: Process) -> None:
        """A line on which a picture takes longer than a lease; others work meanwhile."""
        self.counts["slow uploads"] += 1
        for _ in range(self.luck.choice((4, 5, 6))):
            self.pass_time(19.0)
            self._others_work(process)

    def written(self, process: Process, name: str, more: dict[str, Any], done: Any) -> None:
        """A verb of the table was done, for this process."""
        if name == "mark_submitting":
            self.intent_written(done)
        if name == "pause_account" and not self.table.is_supabase:
            self.pause_written(more["generator"], more["wait_s"])
        if name in ("claim_queued", "mark_submitting"):
            invariants.slots_hold(self)
        if name in ("claim_queued", "claim_saving"):
            invariants.nobody_was_robbed(self, process, done)

    def intent_written(self, job: Job) -> None:
        attempt = (self.table.era, job.id, job.attempt)
        if job.stage is Stage.SUBMITTING and attempt not in self.intents:
            self.intents[attempt] = (job, self.clock.boot_s() + SEND_BY_S)
            self.names[attempt_id(job, self.jobs.installation())] = attempt

    def pause_written(self, generator: str, wait_s: float) -> None:
        self.pauses[generator].append((self.table.era, self.tock(), self.clock.boot_s() + wait_s))

    def note(self, line: str) -> None:
        self.trace.append(f"{self.clock.boot_s() - BOOT_S:8.1f}  {line}")

    # -- the run

    def run(self) -> collections.Counter[str]:
        """Raises: Violation, with the seed and what happened."""
        random.seed(self.seed)  # the spread of polls
        logging.disable(logging.CRITICAL)
        try:
            with self.patched():
                self._chaos()
                self.heal()
                invariants.check_end(self)
                self.counts["jobs"] += len(invariants.rows(self))
                if self.other_table is not None:
                    self.swap()
                    self.heal()
                    invariants.check_end(self)
        except Exception as exc:
            told = "\n".join(self.trace[-40:])
            raise Violation(
                f"seed {self.seed}: {exc}\n{told}\nReplay: make simulate SEEDS={self.seed}-{self.seed}"
            ) from exc
        finally:
            logging.disable(logging.NOTSET)
            self.jobs.close()
            if self.other_table is not None:
                self.other_table.jobs.close()
        self.counts["seeds"] += 1
        for plan in (self.service.plan, self.lab.service.plan):
            self.counts["faults"] += sum(plan.taken.values())
        return self.counts

    @contextlib.contextmanager
    def patched(self) -> Iterator[None]:
        """Chance is the seed's, leases are kept without threads, and every paid request is watched."""
        with (
            mock.patch("secrets.randbelow", self.luck.randrange),
            mock.patch("core.services.dispatch.renewing", kept),
            mock.patch("core.services.collect.renewing", kept),
            self.watched_service(),
        ):
            yield

    def watched_service(self) -> Any:
        """Every paid request that arrives is held against the written intents at once."""
        paid = self.service._paid

        def watched(body: dict[str, Any]) -> Any:
            invariants.post_has_its_intent(self, body)
            return paid(body)

        return mock.patch.object(self.service, "_paid", watched)

    def _chaos(self) -> None:
        for _ in range(ROUNDS):
            if self.luck.random() < 0.12:
                self.submit()
            if self.luck.random() < 0.15:
                self.convert_one()
            if self.luck.random() < 0.05:
                self.cancel_one()
            if self.luck.random() < 0.2:
                self.webhook()
            if self.luck.random() < self.loss_chance:
                self.luck.choice((self.empty, self.swap))()
            if self.luck.random() < self.outage_chance:
                self.trouble()
            self._tick(self.luck.choice(self.processes))
            self.pass_time(self.luck.choice((0.1, 1.0, 5.0, 20.0)))
            invariants.check_always(self)

    def heal(self) -> None:
        """No more trouble: everything has to come to its end by itself."""
        self.is_healing = True
        self.cut_off.clear()
        for maker in self.makers.values():
            maker.heal()
        for round_number in range(HEAL_ROUNDS + PATIENT_ROUNDS):
            process = self.processes[round_number % len(self.processes)]
            self.work_at_everything(process)
            self._decide_what_needs_a_person()
            if all(job.is_ended for job in invariants.rows(self)) and self._books_are_closed():
                return
            self.pass_time(5.0 if round_number < 20 else 30.0 if round_number < HEAL_ROUNDS else 600.0)
        stuck = [(job.id, job.stage.value) for job in invariants.rows(self) if not job.is_ended]
        raise Violation(f"not at an end after everything was well again: {stuck}")

    def work_at_everything(self, process: Process) -> None:
        """One tick of every service of each generator that has something to do."""
        jobs = invariants.rows(self)
        at_work = {job.generator for job in jobs if not (job.is_ended and self._is_billed(job))}
        blocked = {job.generator for job in jobs if job.stage is Stage.BLOCKED}
        for name in (maker.name for maker in self.makers.values()):
            is_refusing = name in blocked or process.decide.makers.connected[name].problem is not None
            for what in process.services(name) if name in at_work or self.notes[name] else ():
                if what != "probe" or is_refusing:  # it has many questions each time
                    process.tick(name, what)

    def _books_are_closed(self) -> bool:
        return all(map(self._is_billed, invariants.rows(self)))

    @staticmethod
    def _is_billed(job: Job) -> bool:
        return job.is_free or job.credits_used is not None or job.task_id is None or job.error_code == "task_missing"

    # -- what becomes of the table

    @property
    def jobs(self) -> JobStore:
        """The job table, undisturbed."""
        return self.table.jobs

    def _new_table(self) -> Table:
        self._eras += 1
        return self.make_table(self, self._eras)

    def empty(self) -> None:
        """All rows are gone: a new file, or a table that was truncated while servers run; numbers begin again."""
        self.counts["emptied tables"] += 1
        self.note("the table is emptied")
        if isinstance(self.table, SupabaseTable):
            self._eras += 1
            database = self.table.database
            database.empty()
            if self.luck.random() < 0.5:
                database.installation = f"installation {self._eras}"
            self.table = SupabaseTable(self, self._eras, database=database)
            return
        self.jobs.close()
        self.table = self._new_table()
        self._restart()

    def swap(self) -> None:
        """The settings name another project, or the one of before again; a server reads them when it starts."""
        self.counts["swapped projects"] += 1
        self.note("the servers start on another table")
        self.table, self.other_table = self.other_table or self._new_table(), self.table
        self._restart()

    def _restart(self) -> None:
        for process in self.processes:
            process.be_born()

    # -- who else acts

    def submit(self) -> None:
        """A job of any kind, for any generator; of words there are two, so that jobs have the same ones."""
        maker = self._maker()
        kind = self.luck.choice(maker.kinds)
        own = {"generator": maker.name, "category": maker.category, "credits_estimate": maker.price}
        if kind is Kind.TEXT:
            self.jobs.add(new_job(prompt=self.luck.choice(("a cup", "a jug")), **own))
        else:
            sides = {Kind.IMAGE: ("image",), Kind.MULTIVIEW: self.luck.choice(VIEWS)}[kind]
            self.jobs.add(new_job(**{side: self._picture() for side in sides}, **own))
        self.counts[f"jobs of {maker.name}"] += 1
        self.note(f"a job is added: {maker.name} {kind.value}")

    def trouble(self) -> None:
        """A generator of one's own loses what it knows: a restart, a cleared queue, a lost disk."""
        what = self.luck.choice((self.makers[Evidence.NAMED], self.makers[Evidence.FREE])).trouble()
        if what:
            self.counts["outages"] += 1
            self.note(what)

    def _picture(self) -> StoredImage:
        key = f"images/{len(self.files)}/cup.jpg"
        self.files[key] = b"\xff\xd8" + f"picture {len(self.files)}".encode()
        return stored_image(key=key)

    def convert_one(self) -> None:
        """A person orders another file of a finished model, perhaps one that was ordered before."""
        jobs = [job for job in invariants.rows(self) if not job.is_free and job.model is not None and job.model.is_glb]
        if jobs:
            job = self.luck.choice(jobs)
            added = self.processes[0].convert.order(job.id, quad=self.luck.random() < 0.5)
            self.note(f"a person orders an FBX of job {job.id}: job {added.job.id}")

    def cancel_one(self) -> None:
        jobs = [job for job in invariants.rows(self) if not job.is_ended]
        if not jobs:
            return
        job = self.luck.choice(jobs)
        try:
            self.processes[0].decide.cancel(job.id)
            self.note(f"a person cancels job {job.id} in {job.stage.value}")
        except MaquetteError:
            pass

    def webhook(self) -> None:
        """Early, late, twice, in any order, and of tasks that nobody knows."""
        tasks = sorted(self.ledger.tasks)
        if tasks:
            task_id = self.luck.choice([*tasks, "nobody-knows-it"])
            delivery = Delivery(id=f"d-{task_id}-{self.luck.randrange(2)}", type="task.completed", task_id=task_id)
            self.jobs.accounts.note_delivery(self.processes[0].decide.makers.default.account, delivery)
        if self.names and self.luck.random() < 0.3:
            name = self.luck.choice(list(self.names))  # as ComfyUI's socket tells it
            EndedTasks(jobs=self.jobs, generator=Lab.name, wake=lambda: None).note(name)

    def _decide_what_needs_a_person(self) -> None:
        """Someone who looks at Tripo's own page: takes the task if there is one, else has it sent again."""
        decide = self.processes[0].decide
        for job in invariants.rows(self):
            if job.stage is not Stage.ATTENTION or job.is_free:
                continue
            mine = [task for task in self.ledger.tasks.values() if self._is_of(job, task.input)]
            listed = {each.task_id for each in decide.candidates(job.id)}
            if mine and mine[0].id in listed:
                decide.take(job.id, mine[0].id)
            elif not mine and job.cancelled_at is None:
                decide.send_again(job.id)
            else:
                continue  # it is still being searched for, and will be found
            self.note(f"a person decides about job {job.id}")

    @staticmethod
    def _is_of(job: Job, asked: dict[str, Any]) -> bool:
        if job.conversion is not None:
            return invariants.asked_of(asked) == job.conversion
        return asked.get("model_seed") == job.nonce


__all__ = ["Objects", "Sim", "Violation"]
