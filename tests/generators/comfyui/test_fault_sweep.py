"""Lives of jobs under faults of every kind, from seeds: each ends with its own model, whatever went wrong on the way.

A driver does what the use cases do: send once, look up what is uncertain, begin again what is certainly unknown.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from core.domain.errors import GenerationError, ModelInvalid, OutcomeUnknown
from core.domain.generation import GenerationRequest, TaskPhase
from core.generators.comfyui.connection import CREATE_TOTAL_S
from core.generators.comfyui.generator import ComfyGenerator
from tests.fake_comfyui.faults import AT_RANDOM
from tests.generators.comfyui.conftest import Lab, request, upload
from tests.generators.comfyui.test_generator import document

JOBS, TICKS, CALM_AFTER, TICK_S = 4, 300, 80, 4.0
IN_FLIGHT_S = CREATE_TOTAL_S + 5.0


@dataclass
class Life:
    """One job as the job table would have it."""

    request: GenerationRequest
    task_id: str
    stage: str = "queued"
    sent_at_s: float = 0.0
    model: bytes | None = field(default=None, repr=False)


@dataclass
class Driver:
    lab: Lab
    luck: random.Random
    lives: list[Life]
    known_when_sent: int = 0

    def __post_init__(self) -> None:
        self.generators = [self.lab.generator(on_step=self._watch) for _ in range(2)]

    def _watch(self, name: str) -> None:
        """The look-up before a repeat has to have said that the job is unknown; only a late arrival is an excuse."""
        if name == "before http prompt" and self._sending is not None:
            machine = self.lab.machine
            at_it = [item.id for item in machine.queue] + [run.id for run in machine.runs if run.ended_s is None]
            self.known_when_sent += self._sending in at_it

    _sending: str | None = None

    def tick(self) -> None:
        generator = self.luck.choice(self.generators)
        for life in self.lives:
            with suppress(GenerationError, ModelInvalid):  # it is tried again at the next tick
                self._step(life, generator)
            self._sending = None
        self.lab.clock.advance(TICK_S)

    def _step(self, life: Life, generator: ComfyGenerator) -> None:
        if life.stage == "queued":
            token = upload(generator)
            life.sent_at_s = self.lab.clock.boot_s()
            try:
                generator.create(request(token, nonce=life.request.nonce), check_send_window=lambda: None)
            except OutcomeUnknown:
                life.stage = "sent"
                raise
            life.stage = "sent"
        elif life.stage == "sent":
            found = generator.look_up([life.task_id]).found.get(life.task_id)
            if found is None and self.lab.clock.boot_s() > life.sent_at_s + IN_FLIGHT_S:
                token = upload(generator)
                self._sending = life.task_id
                generator.begin_again(
                    life.task_id, request(token, nonce=life.request.nonce), check_send_window=lambda: None
                )
                life.sent_at_s = self.lab.clock.boot_s()
            elif found is not None and found.phase is TaskPhase.SUCCEEDED:
                life.model = generator.fetch_model(found).data
                life.stage = "done"
            elif found is not None and found.phase is TaskPhase.FAILED:
                life.stage = f"failed: {found.error_code}"

    def shake(self) -> None:
        """Somebody restarts the server or clears the queue."""
        chance = self.luck.random()
        if chance < 0.04:
            self.lab.machine.restart(half=self.luck.random() < 0.5)
        elif chance < 0.07:
            self.lab.machine.queue.clear()
        elif chance < 0.08:
            self.lab.machine.history.clear()


@pytest.mark.parametrize("seed", range(25))
def test_every_job_ends_with_its_own_model(lab: Lab, seed: int) -> None:
    luck = random.Random(seed)
    lives = [Life(request(nonce=nonce), request(nonce=nonce).attempt_id) for nonce in range(100, 100 + JOBS)]
    driver = Driver(lab, luck, lives)
    lab.plan.at_random(luck, 0.25)
    for tick in range(TICKS):
        if tick == CALM_AFTER:
            lab.plan.clear()
        if tick < CALM_AFTER:
            driver.shake()
        driver.tick()
        if all(life.stage == "done" for life in lives) and tick > CALM_AFTER:
            break

    assert [life.stage for life in lives] == ["done"] * JOBS
    assert [document(life.model or b"")["asset"]["generator"].rpartition("seeds ")[2] for life in lives] == [
        f"[{life.request.nonce}]" for life in lives
    ]
    assert driver.known_when_sent <= lab.plan.taken["prompt", "late"]
    assert {run.id for run in lab.machine.runs} <= {life.task_id for life in lives}


def test_a_create_can_meet_every_kind_of_fault_there_is_for_it(lab: Lab) -> None:
    lab.plan.at_random(random.Random(1), 0.9)
    generator = lab.generator()
    for nonce in range(100):
        with suppress(GenerationError):
            generator.create(request("maquette/a.png", nonce=nonce), check_send_window=lambda: None)

    taken = {kind for route, kind in lab.plan.taken if route == "prompt"}
    assert taken == {fault.kind for fault in AT_RANDOM["prompt"]}
