"""Deterministic simulation: two processes, one job table, one Tripo, a clock and a network of its own, from a seed.

A step is any write to the table, any HTTP request or answer, any file, any look at the clock. At each step, the process
may die, may stand still while time passes and others work, or another process may do a whole piece of its work.
"""

from __future__ import annotations

import collections
import logging
import random
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from core.adapters.sqlite.job_store import SqliteJobStore
from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.domain.status import Stage
from core.ports.account_store import Delivery
from tests.builders import new_job
from tests.clocks import FakeClock
from tests.fake_tripo.service import Service
from tests.simulation import invariants
from tests.simulation.process import Crash, Objects, Process

KEY = "tsk_simulated_key_that_must_not_leak"
ROUNDS = 50
HEAL_ROUNDS = 160
NESTED = 2  # so deep may work lie within the standstill of another


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
        self.service = Service(clock_s=lambda: self.clock.now().timestamp(), task_s=self.luck.choice((2.0, 20.0, 90.0)))
        self.ledger = self.service.ledger
        self.ledger.new_id = lambda: str(uuid.UUID(int=self.luck.getrandbits(128)))
        self.ledger.usage_lag_s = self.luck.choice((0.0, 5.0, 60.0))
        self.ledger.url_life_s = self.luck.choice((3.0, 300.0))
        self.ledger.fail_next = [2008, 2018] if self.luck.random() < 0.2 else []
        self.service.plan.at_random(self.luck, self.luck.choice((0.0, 0.05, 0.2)))
        self.jobs = SqliteJobStore(Path(":memory:"), self.clock)
        self.files: dict[str, bytes] = {}
        self.notes: dict[tuple[int, int], Any] = {}
        self.intents: dict[tuple[int, int], Job] = {}
        self.posts: collections.Counter[tuple[int, int]] = collections.Counter()
        self.pauses: list[tuple[int, float]] = []
        self.ended: dict[int, Job] = {}
        self.table: tuple[int, tuple[Job, ...]] = (-1, ())
        self.counts: collections.Counter[str] = collections.Counter()
        self.trace: list[str] = []
        self.is_healing = False
        self.crash_in = 0  # steps until the next death that was ordered; 0: none
        self.cut_off: set[str] = set()  # processes that cannot reach the table
        self._depth = 0
        self._tocks = 0
        self.processes = [Process(self, "a"), Process(self, "b")]

    # -- what the processes meet

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
        if self.is_unlucky(self.stop_chance):
            pause_s = self.luck.choice((3.0, 25.0, 70.0, 140.0, 700.0))
            self.counts["standstills"] += 1
            self.note(f"{process.name} stands still for {pause_s:.0f} s {name}")
            for _ in range(3):
                self.clock.advance(pause_s / 3)
                self._others_work(process)
        elif self.is_unlucky(self.other_chance):
            self._others_work(process)

    def _others_work(self, process: Process) -> None:
        if self._depth >= NESTED:
            return
        self._depth += 1
        other = self.luck.choice([each for each in self.processes if each is not process])
        other.tick(self.luck.choice(other.services))
        self._depth -= 1

    def on_wire(self, process: Process, name: str) -> None:
        """Before a request leaves and after its answer came."""
        self.step(process, name)
        if name.startswith("before") and not name.endswith(("model.glb", "model.fbx")):
            invariants.no_call_while_the_account_waits(self, process)
        if name == "after http image-to-model":
            self.counts["creates"] += 1
        if name == "after http convert":
            self.counts["conversions"] += 1

    def written(self, name: str, args: tuple[Any, ...], more: dict[str, Any], done: Any) -> None:
        """A verb of the table was done."""
        if name == "mark_submitting":
            self.intents[done.id, done.attempt] = done
        if name == "pause_account":
            self.pauses.append((self.tock(), self.clock.boot_s() + more["wait_s"]))
        if name in ("claim_queued", "mark_submitting"):
            invariants.slots_hold(self)

    def note(self, line: str) -> None:
        self.trace.append(f"{self.clock.boot_s() - 1000:8.1f}  {line}")

    # -- the run

    def run(self) -> collections.Counter[str]:
        """Raises: Violation, with the seed and what happened."""
        random.seed(self.seed)  # the spread of polls
        logging.disable(logging.CRITICAL)
        try:
            with mock.patch("secrets.randbelow", self.luck.randrange), self.watched_service():
                self._chaos()
                self.heal()
                invariants.check_end(self)
                self.counts["jobs"] += len(invariants.rows(self))
        except Exception as exc:
            told = "\n".join(self.trace[-40:])
            raise Violation(
                f"seed {self.seed}: {exc}\n{told}\nReplay: make simulate SEEDS={self.seed}-{self.seed}"
            ) from exc
        finally:
            logging.disable(logging.NOTSET)
            self.jobs.close()
        self.counts["seeds"] += 1
        self.counts["faults"] += sum(self.service.plan.taken.values())
        return self.counts

    def watched_service(self) -> Any:
        """Every paid request that arrives is held against the written intents at once."""
        paid = self.service._paid

        def watched(body: dict[str, Any], *, least: int) -> Any:
            invariants.post_has_its_intent(self, body)
            return paid(body, least=least)

        return mock.patch.object(self.service, "_paid", watched)

    def _chaos(self) -> None:
        for _ in range(ROUNDS):
            if self.luck.random() < 0.12:
                self.submit()
            if self.luck.random() < 0.1:
                self.convert_one()
            if self.luck.random() < 0.05:
                self.cancel_one()
            if self.luck.random() < 0.2:
                self.webhook()
            process = self.luck.choice(self.processes)
            process.tick(self.luck.choice(process.services))
            self.clock.advance(self.luck.choice((0.1, 1.0, 5.0, 20.0)))
            invariants.check_always(self)

    def heal(self) -> None:
        """No more trouble: everything has to come to its end by itself."""
        self.is_healing = True
        self.cut_off.clear()
        self.service.plan.clear()
        for task in self.ledger.tasks.values():
            task.is_hidden = False
        for round_number in range(HEAL_ROUNDS):
            process = self.processes[round_number % len(self.processes)]
            for what in process.services:
                process.tick(what)
            self._decide_what_needs_a_person()
            if all(job.is_ended for job in invariants.rows(self)) and self._books_are_closed():
                return
            self.clock.advance(5.0 if round_number < 20 else 30.0)
        stuck = [(job.id, job.stage.value) for job in invariants.rows(self) if not job.is_ended]
        raise Violation(f"not at an end after everything was well again: {stuck}")

    def _books_are_closed(self) -> bool:
        return all(
            job.credits_used is not None or job.task_id is None or job.error_code == "task_missing"
            for job in invariants.rows(self)
        )

    # -- who else acts

    def submit(self) -> None:
        key = f"images/{len(self.files)}/cup.jpg"
        self.files[key] = b"picture"
        image = replace(new_job().image, key=key)  # type: ignore[type-var]
        self.jobs.add(new_job(image=image))
        self.note("a job is added")

    def convert_one(self) -> None:
        """A person orders another file of a finished model, perhaps one that was ordered before."""
        jobs = [job for job in invariants.rows(self) if job.model is not None and job.model.is_glb]
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
            self.jobs.note_delivery(self.processes[0].decide.generator.account, delivery)

    def _decide_what_needs_a_person(self) -> None:
        """Someone who looks at Tripo's own page: takes the task if there is one, else has it sent again."""
        decide = self.processes[0].decide
        for job in invariants.rows(self):
            if job.stage is not Stage.ATTENTION:
                continue
            mine = [task for task in self.ledger.tasks.values() if self._is_of(job, task.input)]
            listed = {each.task_id for each in decide.candidates(job.id)}
            if mine and mine[0].id in listed:
                decide.take(job.id, mine[0].id)
            elif not mine:
                decide.send_again(job.id)
            else:
                continue  # it is still being searched for, and will be found
            self.note(f"a person decides about job {job.id}")

    @staticmethod
    def _is_of(job: Job, asked: dict[str, Any]) -> bool:
        if job.options.conversion is not None:
            return invariants.asked_of(asked) == job.options.conversion
        return asked.get("model_seed") == job.nonce


__all__ = ["Objects", "Sim", "Violation"]
