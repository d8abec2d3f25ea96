"""What every generator owes the jobs: the same suite on each, before its fake, with the real use cases."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.declaration import Evidence
from core.domain.errors import InputRefused
from core.domain.job import Job
from core.domain.request import Kind, with_choices
from core.domain.status import Stage, Status
from core.ports.generator import FreeGenerator, Generator, PaidGenerator
from core.services.attempts import attempt_id
from core.services.throttle import Throttle
from tests.clocks import FakeClock
from tests.generators.beside import pottery_beside_the_others
from tests.generators.rigs import RIGS, ComfyRig, Life, Stepped

OFFERED = [  # each is killed on its own
    *(("tripo", kind) for kind in (Kind.IMAGE, Kind.MULTIVIEW, Kind.TEXT)),
    ("comfyui", Kind.IMAGE),
    *(("offline", kind) for kind in (Kind.IMAGE, Kind.MULTIVIEW)),
    *(("pottery", kind) for kind in (Kind.IMAGE, Kind.TEXT)),
]
FREE = ("comfyui", "offline", "pottery")  # a test holds this to what they declare
STRIDES = {Kind.MULTIVIEW: 3, Kind.TEXT: 3}  # what differs from one picture lies in few steps


@pytest.fixture(params=RIGS)
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Life]:
    clock = FakeClock()
    with pottery_beside_the_others():
        made = Life(rig=RIGS[request.param](clock, tmp_path), clock=clock, folder=tmp_path)
        yield made
        made.jobs.close()


def fresh(life: Life, folder: Path) -> Life:
    """Another life on a generator of the same kind, from the beginning."""
    folder.mkdir(parents=True)
    clock = FakeClock()
    return Life(rig=type(life.rig)(clock, folder), clock=clock, folder=folder)


def proven(life: Life, kind: Kind = Kind.IMAGE) -> None:
    """Where a lost answer rests on it, the account is known to repeat what identifies a request of this kind.

    Else the first job is the one that is killed: a new process has more to ask before it.
    """
    if life.generator.declaration.evidence is Evidence.ECHO:
        life.to_its_end(life.add(kind))


def check(life: Life, job: Job, *, before: frozenset[str] = frozenset()) -> None:
    """It has its model, and nothing was paid for twice; what its evidence allows to be made again is free."""
    assert (job.status, job.error_code) == (Status.COMPLETED, None), job.error_message
    assert job.model is not None
    assert life.objects.exists(job.model.key)
    runs = [run for run in life.rig.runs() if run not in before]
    assert job.task_id in runs
    if life.generator.declaration.evidence is Evidence.ECHO:
        assert len(runs) == 1, "made and billed twice"
    if life.generator.declaration.evidence is Evidence.NAMED:
        assert job.task_id == attempt_id(job, life.jobs.installation())


def test_every_kind_it_offers_comes_to_its_model(life: Life) -> None:
    for kind in (Kind.IMAGE, Kind.MULTIVIEW, Kind.TEXT):
        is_offered = life.generator.declaration.offer(kind) is not None
        assert is_offered == ((life.generator.name, kind) in OFFERED)
        if is_offered:
            before = frozenset(life.rig.runs())
            check(life, life.to_its_end(life.add(kind)), before=before)


@pytest.mark.proof
@pytest.mark.parametrize(("life", "kind"), OFFERED, indirect=["life"])
def test_killed_at_any_step_a_job_still_ends_with_its_model(life: Life, kind: Kind, tmp_path: Path) -> None:
    proven(life, kind)
    life.steps = 0
    life.to_its_end(life.add(kind))
    for step in range(1, life.steps + 1, STRIDES.get(kind, 1)):
        other = fresh(life, tmp_path / f"killed-{step}")
        proven(other, kind)
        made, other.steps, other.kill_at = frozenset(other.rig.runs()), 0, step
        check(other, other.to_its_end(other.add(kind)), before=made)
        assert other.kills == 1
        other.jobs.close()


@pytest.mark.proof
def test_every_fault_of_the_order_ends_with_the_model_and_at_most_one_bill(life: Life, tmp_path: Path) -> None:
    assert life.rig.kinds_of_faults
    for number, kind in enumerate(life.rig.kinds_of_faults):
        other = fresh(life, tmp_path / f"fault-{number}")
        proven(other)
        made = frozenset(other.rig.runs())
        other.rig.arm(other.rig.create, kind, **({"seconds": 60.0} if kind.startswith("hang") else {}))
        check(other, other.to_its_end(other.add()), before=made)
        other.jobs.close()


def test_a_mute_server_and_wrong_answers_to_questions_lose_nothing(life: Life) -> None:
    proven(life)
    assert life.rig.faults_of_questions
    for kind in life.rig.faults_of_questions:
        made = frozenset(life.rig.runs())
        job_id = life.add()
        life.until(job_id, Stage.GENERATING)
        for _ in range(3):
            life.rig.arm(life.rig.look, kind, **({"seconds": 60.0} if kind.startswith("hang") else {}))
        check(life, life.to_its_end(job_id), before=made)


def ports_of(generator: Generator) -> list[type]:
    return [PaidGenerator] if generator.declaration.is_paid else [FreeGenerator]


def test_it_takes_what_its_port_says(life: Life) -> None:
    made = life.rig.make(lambda name: None)
    generator = made.inner if isinstance(made, Stepped) else made
    for port in ports_of(generator):
        verbs = {name: verb for name, verb in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")}
        assert {"create", "look_up", "close"} <= verbs.keys()
        for name, verb in verbs.items():
            wanted = [(each.name, each.kind) for each in inspect.signature(verb).parameters.values()][1:]
            taken = [(each.name, each.kind) for each in inspect.signature(getattr(generator, name)).parameters.values()]
            assert taken == wanted, name
    generator.close()


def after_a_while(life: Life, job_id: int) -> Job:
    for _ in range(5):
        life.tick()
        life.clock.advance(7.0)
    return life.job(job_id)


@pytest.mark.parametrize("life", FREE, indirect=True)
def test_a_task_that_was_not_stopped_is_seen(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Throttle, "stop_task", lambda self, task_id: None)
    life.rig.take_long()
    job_id = life.add()
    life.until(job_id, Stage.GENERATING)
    life.decide.cancel(job_id)
    job = after_a_while(life, job_id)

    assert job.status is Status.CANCELLED
    assert not life.rig.is_stopped(job.task_id or "")


def test_cancelling_stops_what_can_be_stopped_and_says_so(life: Life) -> None:
    life.rig.take_long()
    job_id = life.add()
    running = life.until(job_id, Stage.GENERATING)
    told = life.decide.cancel(job_id).error_message or ""
    if life.generator.declaration.is_paid:
        assert "may still finish" in told
        ended = life.to_its_end(job_id)
        assert (ended.status, ended.model is not None) == (Status.CANCELLED, True), "what was paid is kept"
    else:
        assert "charge" not in told
        assert after_a_while(life, job_id).status is Status.CANCELLED
        assert life.rig.is_stopped(running.task_id or "")


def test_several_jobs_have_each_their_own_task(life: Life) -> None:
    numbers = [life.add() for _ in range(4)]
    ended = [life.to_its_end(number) for number in numbers]

    assert {job.status for job in ended} == {Status.COMPLETED}
    assert max(Counter(job.task_id for job in ended).values()) == 1


def test_its_declaration_is_what_it_takes(life: Life) -> None:
    told = life.generator.declaration
    assert told.label
    assert told.leaves.endswith(".")
    assert told.is_paid == (told.evidence is Evidence.ECHO) == (life.generator.name not in FREE)
    for offer in told.offers:
        if offer.kind is Kind.CONVERT:
            continue
        job = life.job(life.add(offer.kind))
        assert job.request is not None
        life.generator.check(job.request)
        estimate = life.generator.estimate(job.request)
        assert (estimate == 0) is not told.is_paid
        with pytest.raises(InputRefused, match="magic"):
            life.generator.check(with_choices(job.request, {"magic": True}))
        for choice in offer.choices:
            assert choice.label
            assert choice.default is None or choice.problem(choice.default) is None
            assert choice.problem("no such value ever") is not None


def test_what_it_lacks_is_said_before_the_first_job_is_sent_and_jobs_go_on_once_it_is_there(tmp_path: Path) -> None:
    clock = FakeClock()
    rig = ComfyRig(clock, tmp_path)
    life = Life(rig=rig, clock=clock, folder=tmp_path)
    machine = rig.service.machine  # type: ignore[attr-defined]
    files, machine.files = machine.files, {folder: [] for folder in machine.files}
    job_id = life.add()
    for _ in range(3):
        life.tick()
        clock.advance(70)

    job = life.job(job_id)
    assert (job.stage, rig.runs()) == (Stage.BLOCKED, [])
    assert "hunyuan_3d_v2.1.safetensors" in (job.error_message or "")
    assert life.generator.problem == job.error_message

    machine.files = files
    life.sweep.probe_account()
    check(life, life.to_its_end(job_id))
    assert life.generator.problem is None
    life.jobs.close()
