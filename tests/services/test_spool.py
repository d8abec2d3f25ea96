"""A paid model on its way to a store that is away lies on this machine's disk until the store has it."""

from __future__ import annotations

from pathlib import Path

from core.domain.errors import ModelUnavailable, StorageFull
from core.domain.generation import TaskPhase
from core.domain.status import Stage, Status
from core.services.collect import Collect, spool_key
from core.services.sweep_spool import SweepSpool, awaited
from core.stores.files.object_store import LocalObjectStore
from tests.fake_generator import glb
from tests.services.conftest import World, raising


class Away(LocalObjectStore):
    """A store that takes nothing while `is_away`."""

    is_away = True

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        if self.is_away:
            raise StorageFull("The project's quota is reached.")
        super().put(key, data, media_type=media_type)


def test_it_is_stored_from_the_spool_even_when_tripo_has_forgotten_it(world: World, tmp_path: Path) -> None:
    store, spool = Away(tmp_path / "away"), LocalObjectStore(tmp_path / "spool")
    job_id = world.add()
    world.dispatch()
    world.says(TaskPhase.SUCCEEDED)
    world.clock.advance(5)
    world.poll()

    def collect() -> None:
        Collect(jobs=world.jobs, objects=store, generator=world.throttle, owner="a", lease_s=60, spool=spool).tick()

    collect()
    key = f"models/{job_id}/task-1/cup.glb"
    assert world.job(job_id).stage is Stage.SAVING
    assert "quota" in (world.job(job_id).error_message or "")
    spooled = spool_key(world.job(job_id).task_id or "")
    assert spool.get(spooled) == glb()

    world.generator.on_fetch = raising(ModelUnavailable("gone"))
    store.is_away = False
    world.clock.advance(60)
    collect()
    job = world.job(job_id)
    assert (job.status, store.get(key)) == (Status.COMPLETED, glb())
    assert not spool.exists(spooled)


def test_what_is_no_model_is_not_spooled(world: World, tmp_path: Path) -> None:
    spool = LocalObjectStore(tmp_path / "spool")
    job_id = world.add()
    world.dispatch()
    world.says(TaskPhase.SUCCEEDED)
    world.clock.advance(5)
    world.poll()
    world.generator.on_fetch = lambda: b"<html>"
    Collect(jobs=world.jobs, objects=world.objects, generator=world.throttle, owner="a", lease_s=60, spool=spool).tick()

    assert world.job(job_id).stage is Stage.SAVING
    assert not spool.exists(spool_key(world.job(job_id).task_id or ""))


def stored_elsewhere(world: World, tmp_path: Path) -> tuple[int, LocalObjectStore, str]:
    """A job whose model this process fetched, and another one completed."""
    store, spool = Away(tmp_path / "away"), LocalObjectStore(tmp_path / "spool")
    job_id = world.add()
    world.dispatch()
    world.says(TaskPhase.SUCCEEDED)
    world.clock.advance(5)
    world.poll()
    Collect(jobs=world.jobs, objects=store, generator=world.throttle, owner="a", lease_s=60, spool=spool).tick()
    return job_id, spool, spool_key(world.job(job_id).task_id or "")


def test_what_another_process_completed_is_swept_once_it_is_stored(world: World, tmp_path: Path) -> None:
    job_id, spool, key = stored_elsewhere(world, tmp_path)
    sweep = SweepSpool(jobs=world.jobs, objects=world.objects, spool=spool)

    assert sweep.tick() == 0
    assert spool.keys() == awaited(world.jobs, spool) == [key], "the job still needs it"

    world.clock.advance(60)
    Collect(jobs=world.jobs, objects=world.objects, generator=world.throttle, owner="b", lease_s=60).tick()
    assert world.job(job_id).status is Status.COMPLETED
    assert awaited(world.jobs, spool) == []
    assert sweep.tick() == 1
    assert spool.keys() == []


def test_a_copy_stays_while_the_store_does_not_have_the_file(world: World, tmp_path: Path) -> None:
    job_id, spool, key = stored_elsewhere(world, tmp_path)
    world.clock.advance(60)
    Collect(jobs=world.jobs, objects=world.objects, generator=world.throttle, owner="b", lease_s=60).tick()
    model = world.job(job_id).model
    assert model is not None
    world.objects.delete(model.key)

    assert SweepSpool(jobs=world.jobs, objects=world.objects, spool=spool).tick() == 0
    assert spool.keys() == [key]


def test_a_model_of_no_job_is_never_swept(world: World, tmp_path: Path) -> None:
    spool = LocalObjectStore(tmp_path / "spool")
    spool.put(spool_key("task-of-nobody"), glb(), media_type="application/octet-stream")

    assert SweepSpool(jobs=world.jobs, objects=world.objects, spool=spool).tick() == 0
    assert awaited(world.jobs, spool) == spool.keys() != []
