"""Every adapter of a port runs the same suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.adapters.local_files.object_store import LocalObjectStore
from core.adapters.sqlite.job_store import SqliteJobStore
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from tests.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[JobStore]:
    store = SqliteJobStore(tmp_path / "jobs.sqlite3", clock)
    yield store
    store.close()


@pytest.fixture(params=["local_files"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return LocalObjectStore(tmp_path / "files")
