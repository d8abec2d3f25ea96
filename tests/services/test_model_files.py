"""In an emptied table numbers begin again: what is there of an earlier job of the same number is not written over."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.errors import ObjectMissing
from core.domain.generation import FetchedModel, TaskPhase, TaskState
from core.domain.job import Job
from core.domain.status import Status
from core.ports.job_store import JobStore
from core.services.model_files import KEPT_CODE, original_of, preview_key
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests.builders import stored_model
from tests.fake_generator import FakeGenerator, glb
from tests.services.conftest import World

PNG = b"\x89PNG of the "


class WithPreview(FakeGenerator):
    """Hands over its own picture with each model, different ones in different tables."""

    def fetch_model(self, task: TaskState) -> FetchedModel:
        return FetchedModel(data=self.on_fetch(), preview=PNG + self.prefix.encode())


def lived(world: World, jobs: JobStore, prefix: str, model: bytes) -> Job:
    """Job 1 of a new table beside the files that are there, to its end."""
    generator = WithPreview(prefix=prefix)
    generator.on_fetch = lambda: model
    here = World(clock=world.clock, jobs=jobs, objects=world.objects, generator=generator, journal=world.journal)
    job_id = here.add()
    here.dispatch()
    here.says(TaskPhase.SUCCEEDED, f"{prefix}-1")
    here.clock.advance(5)
    here.poll()
    for _ in range(5):
        here.collect()
        here.clock.advance(300)
    job = here.job(job_id)
    assert (job.id, job.is_ended) == (1, True)
    return job


def is_whole(world: World, job: Job, *, prefix: str, data: bytes) -> None:
    """What came of the job is there as it came."""
    assert world.objects.get(preview_key(job)) == PNG + prefix.encode()
    assert (job.status is Status.COMPLETED) == (data == glb())
    found = original_of(world.objects, job) if job.model is None else world.objects.get(job.model.key)
    assert found == data


def files(objects: LocalObjectStore, folder: Path) -> dict[str, bytes]:
    root = folder / "files"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("then", [glb(), glb()[:-8]], ids=["read", "not read"])
@pytest.mark.parametrize("before", [glb(), glb()[:-8]], ids=["read", "not read"])
def test_a_paid_model_is_never_written_over_by_a_job_of_the_same_number(
    world: World, tmp_path: Path, before: bytes, then: bytes
) -> None:
    with closing(SqliteJobStore(tmp_path / "old.sqlite3", world.clock)) as jobs:
        old = lived(world, jobs, "old", before)
    kept = files(world.objects, tmp_path)
    with closing(SqliteJobStore(tmp_path / "new.sqlite3", world.clock)) as jobs:
        new = lived(world, jobs, "new", then)

    assert {name: files(world.objects, tmp_path).get(name) for name in kept} == kept
    is_whole(world, old, prefix="old", data=before)
    is_whole(world, new, prefix="new", data=then)


def test_files_of_versions_before_are_found_where_they_lie(world: World) -> None:
    job = replace(world.job(world.add()), model=stored_model(key="models/1/cup.glb"))
    for name in ("rendered.png", "original.bin"):
        world.objects.put(f"models/1/{name}", b"of before", media_type="image/png")

    assert world.objects.get(preview_key(job)) == b"of before"
    assert original_of(world.objects, replace(job, error_code=KEPT_CODE)) == b"of before"
    with pytest.raises(ObjectMissing):
        original_of(world.objects, job)  # the number alone does not say that it is this job's
