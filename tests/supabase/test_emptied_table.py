"""A table in Supabase that was emptied on purpose, beside the bucket with the models of its earlier jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.stores.files.journal import LocalJournal
from core.stores.supabase.connection import Connection
from core.stores.supabase.object_store import SupabaseObjectStore
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator, glb
from tests.services.conftest import World
from tests.services.test_model_files import is_whole, lived
from tests.supabase.project import fresh_store, prepare
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase


@pytest.fixture
def bucket(new_supabase: SupabaseLite) -> Iterator[SupabaseObjectStore]:
    prepare(new_supabase, test_clock=True)
    connection = Connection(new_supabase.url, new_supabase.secret_key)
    yield SupabaseObjectStore(connection, cache=None)
    connection.close()


@pytest.mark.parametrize("before", [glb(), glb()[:-8]], ids=["read", "not read"])
def test_a_paid_model_in_the_bucket_is_never_written_over_by_a_job_of_the_same_number(
    new_supabase: SupabaseLite, bucket: SupabaseObjectStore, tmp_path: Path, before: bytes
) -> None:
    clock = FakeClock()
    jobs = fresh_store(new_supabase, clock)
    world = World(
        clock=clock,
        jobs=jobs,
        objects=bucket,  # type: ignore[arg-type]
        generator=FakeGenerator(),
        journal=LocalJournal(tmp_path / "journal"),
    )
    old = lived(world, jobs, "old", before)
    emptied = fresh_store(new_supabase, clock)
    new = lived(world, emptied, "new", glb())
    for each in (jobs, emptied):  # the clock moves in both until here
        each.close()

    is_whole(world, old, prefix="old", data=before)
    is_whole(world, new, prefix="new", data=glb())
