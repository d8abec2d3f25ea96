"""Every adapter of a port runs the same suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.object_store import SupabaseObjectStore
from tests.clocks import FakeClock
from tests.simulation.database import Database, SimulatedConnection
from tests.supabase.project import fresh_store, prepare
from tests.supabase.server import SupabaseLite


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def supabase(new_supabase: SupabaseLite) -> SupabaseLite:
    prepare(new_supabase, test_clock=True)
    return new_supabase


SUPABASE = pytest.param("supabase", marks=pytest.mark.supabase)


@pytest.fixture(params=["sqlite", "simulated", SUPABASE])
def jobs(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[JobStore]:
    if request.param == "sqlite":
        store: JobStore = SqliteJobStore(tmp_path / "jobs.sqlite3", clock)
    elif request.param == "simulated":  # the database that the simulation runs on, so that it is none of its own
        store = SupabaseJobStore(SimulatedConnection(Database(clock.now)))
    else:
        store = fresh_store(request.getfixturevalue("supabase"), clock)
    yield store
    store.close()


@pytest.fixture(params=["local_files", SUPABASE])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "local_files":
        yield LocalObjectStore(tmp_path / "files")
        return
    server: SupabaseLite = request.getfixturevalue("supabase")
    connection = Connection(server.url, server.secret_key)
    yield SupabaseObjectStore(connection, cache=tmp_path / "cache")
    connection.close()
