"""Hypothesis looks for an order of events that breaks a promise: crashes, a table that is away, jumps of the clock."""

from __future__ import annotations

import logging
import random
from contextlib import ExitStack
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.fake_tripo.faults import AT_RANDOM
from tests.simulation import invariants
from tests.simulation.sim import Sim

pytestmark = pytest.mark.proof
WHO = st.sampled_from([0, 1])
WHAT = st.sampled_from(["dispatch", "poll", "collect", "sweep", "reconcile", "billing"])
ROUTE = st.sampled_from(["files", "create", "create", "create", "list", "usage", "download"])


class Life(RuleBasedStateMachine):
    """Two processes on one table; what happens, and when, is Hypothesis' choice."""

    @initialize(lag_s=st.sampled_from([0.0, 60.0]), task_s=st.sampled_from([2.0, 90.0]), slots=st.sampled_from([1, 3]))
    def begin(self, lag_s: float, task_s: float, slots: int) -> None:
        random.seed(0)
        self.sim = Sim(0)
        for chance in ("crash_chance", "stop_chance", "other_chance", "store_chance"):
            setattr(self.sim, chance, 0.0)
        self.sim.service.plan.clear()
        self.sim.lab.service.plan.clear()
        self.sim.engine.fault_chance = 0.0
        self.sim.slots, self.sim.ledger.usage_lag_s, self.sim.ledger.task_s = slots, lag_s, task_s
        for process in self.sim.processes:
            process.be_born()  # with these slots
        self.stack = ExitStack()
        self.stack.enter_context(mock.patch("secrets.randbelow", self.sim.luck.randrange))
        self.stack.enter_context(self.sim.watched_service())
        logging.disable(logging.CRITICAL)
        self.sim.submit()

    @rule()
    def submit(self) -> None:
        self.sim.submit()

    @rule(who=WHO, what=WHAT)
    def work(self, who: int, what: str) -> None:
        self._work(who, what)

    def _work(self, who: int, what: str) -> None:
        """For every generator that has such work."""
        process = self.sim.processes[who]
        for maker in self.sim.makers.values():
            if what in process.services(maker.name):
                process.tick(maker.name, what)

    @rule(who=WHO, seconds=st.sampled_from([1.0, 10.0]))
    def work_at_everything(self, who: int, seconds: float) -> None:
        self.sim.work_at_everything(self.sim.processes[who])
        self.sim.clock.advance(seconds)

    @rule(who=WHO, what=WHAT, steps=st.integers(1, 25))
    def die_at_work(self, who: int, what: str, steps: int) -> None:
        self.sim.crash_in = steps
        self._work(who, what)
        self.sim.crash_in = 0

    @rule(who=WHO)
    def be_cut_off(self, who: int) -> None:
        self.sim.cut_off ^= {self.sim.processes[who].name}

    @rule(seconds=st.sampled_from([2.0, 21.0, 61.0, 400.0, 700.0, 90_000.0]))
    def jump(self, seconds: float) -> None:
        self.sim.clock.advance(seconds)

    @rule(route=ROUTE, number=st.integers(0, 30))
    def go_wrong(self, route: str, number: int) -> None:
        fault = AT_RANDOM[route][number % len(AT_RANDOM[route])]
        self.sim.service.plan.arm(route, fault.kind, **fault.more)

    @rule(kind=st.sampled_from(["drop before", "drop after", "late", "html after", "truncated", "other id"]))
    def go_wrong_at_the_lab(self, kind: str) -> None:
        self.sim.lab.service.plan.arm("prompt", kind, **({"seconds": 25.0} if kind == "late" else {}))

    @rule()
    def lose_tasks(self) -> None:
        self.sim.trouble()

    @rule()
    def convert(self) -> None:
        self.sim.convert_one()

    @rule()
    def cancel(self) -> None:
        self.sim.cancel_one()

    @rule()
    def hear_from_tripo(self) -> None:
        self.sim.webhook()

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "sim"):
            invariants.check_always(self.sim)

    def teardown(self) -> None:
        if not hasattr(self, "sim"):
            return
        try:
            self.sim.heal()
            invariants.check_end(self.sim)
        finally:
            self.stack.close()
            self.sim.jobs.close()
            logging.disable(logging.NOTSET)


def test_no_order_of_events_breaks_a_promise() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=120,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
