"""A paid model on its way to a store that is away lies on this machine's disk until the store has it."""

from __future__ import annotations

from pathlib import Path

from core.domain.errors import ModelUnavailable, StorageFull
from core.domain.generation import TaskPhase
from core.domain.status import Stage, Status
from core.services.collect import Collect, spool_key
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
