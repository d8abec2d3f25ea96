"""What a process that does no work knows of the generators: it asks by itself, and sends nothing to a vendor."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.errors import AccountBlocked, LookupFailed
from core.services.lookout import Lookout
from core.services.throttle import Throttle
from core.stores.sqlite.job_store import SqliteJobStore
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator

PATIENCE_S = 20.0


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SqliteJobStore]:
    made = SqliteJobStore(tmp_path / "jobs.sqlite3", FakeClock())
    yield made
    made.close()


def lab_of(jobs: SqliteJobStore, error: Exception | None = None) -> tuple[Throttle, threading.Semaphore]:
    """A free generator, and how often it was asked."""
    asked = threading.Semaphore(0)

    def answer() -> None:
        asked.release()
        if error is not None:
            raise error

    fake = FakeGenerator(name="lab", label="Lab", is_paid=False, on_account=answer)
    return Throttle(fake, jobs=jobs, clock=FakeClock()), asked


@pytest.mark.parametrize("error", [AccountBlocked("It lacks a file."), LookupFailed("It could not be reached.")])
def test_what_is_lacking_is_known_after_a_look(jobs: SqliteJobStore, error: AccountBlocked | LookupFailed) -> None:
    lab, _ = lab_of(jobs, error)
    assert lab.problem is None
    Lookout([lab]).look()
    assert lab.problem == error.message


def test_it_looks_at_once_and_again_and_again_until_it_is_stopped(jobs: SqliteJobStore) -> None:
    lab, asked = lab_of(jobs, LookupFailed("It could not be reached."))
    lookout = Lookout([lab], every_s=0.01)
    lookout.start()
    for _ in range(3):
        assert asked.acquire(timeout=PATIENCE_S)
    lookout.stop()
    lookout._thread.join(PATIENCE_S)
    assert not lookout._thread.is_alive()


def test_a_vendor_is_asked_nothing(jobs: SqliteJobStore) -> None:
    fake = FakeGenerator(on_account=lambda: pytest.fail("it was asked"))
    Lookout([Throttle(fake, jobs=jobs, clock=FakeClock())]).look()
