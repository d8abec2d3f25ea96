"""A damaged, emptied, replaced or newer table is not used: nothing is added, claimed or sent."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.domain.errors import MaquetteError, StoreDamaged
from core.ports.job_store import JobQuery
from core.stores.sqlite import soundness
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.sqlite.upgrade import newest_version
from tests.builders import EVERY_SLOT, new_job
from tests.clocks import FakeClock
from tests.damage import WAYS, Spoil, filled

pytestmark = pytest.mark.slow

JOBS = 200


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "maquette.sqlite3"
    filled(path, jobs=JOBS)
    return path


@pytest.fixture
def jobs(path: Path) -> Iterator[SqliteJobStore]:
    store = SqliteJobStore(path, FakeClock())
    yield store
    store.close()


def is_refused_for_good(jobs: SqliteJobStore) -> None:
    """No verb works any more, whatever part of the file it would touch."""
    verbs: list[Callable[[], object]] = [
        lambda: jobs.add(new_job()),
        lambda: jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1),
        lambda: jobs.get(1),
        lambda: jobs.find(JobQuery()),
        lambda: jobs.beat(owner="a"),
        lambda: jobs.accounts.account_wait_s(generator="tripo"),
        jobs.check,
    ]
    for verb in verbs:
        with pytest.raises(StoreDamaged) as told:
            verb()
        assert told.value.message == jobs.damage()


@pytest.mark.parametrize("spoil", WAYS.values(), ids=WAYS)
def test_a_damaged_file_is_refused_at_the_start_with_what_to_do(spoil: Spoil, path: Path) -> None:
    spoil(path)
    before = path.read_bytes()

    with pytest.raises(StoreDamaged, match=r"damaged.*nothing new is charged.*backup"):
        SqliteJobStore(path, FakeClock())
    assert path.read_bytes() == before


@pytest.mark.parametrize("spoil", WAYS.values(), ids=WAYS)
def test_damage_done_while_it_runs_is_found_by_the_next_look(spoil: Spoil, path: Path, jobs: SqliteJobStore) -> None:
    jobs.check()
    assert jobs.damage() is None
    spoil(path)

    with pytest.raises(StoreDamaged, match="damaged"):
        jobs.check()
    is_refused_for_good(jobs)


@pytest.mark.parametrize("spoil", WAYS.values(), ids=WAYS)
def test_the_first_verb_that_meets_damage_stops_all_others(spoil: Spoil, path: Path, jobs: SqliteJobStore) -> None:
    spoil(path)

    with pytest.raises(StoreDamaged):
        read_everything(jobs)
    is_refused_for_good(jobs)


def read_everything(jobs: SqliteJobStore) -> None:
    for number in range(1, JOBS + 1):
        jobs.events(number)
    jobs.find(JobQuery(search="cup", page_size=JOBS))
    for number in range(JOBS):
        jobs.add(new_job(target_object=f"New {number}"))


def test_a_row_that_no_version_wrote_is_damage_though_sqlite_can_read_it(path: Path, jobs: SqliteJobStore) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("update generated_images set created_at = 'xxx' where id = 7")

    assert jobs.get(6).id == 6
    with pytest.raises(StoreDamaged):
        jobs.get(7)
    is_refused_for_good(jobs)


def test_a_table_that_is_gone_is_damage(path: Path, jobs: SqliteJobStore) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("drop table job_events")

    with pytest.raises(StoreDamaged):
        jobs.add(new_job())
    is_refused_for_good(jobs)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_that_is_not_the_same_any_more_is_not_written_to(how: str, path: Path, jobs: SqliteJobStore) -> None:
    """An open file is written to though its name is gone: what is paid for then would be lost with the process."""
    if how == "removed":
        path.unlink()
    else:
        filled(path.with_name("backup"), jobs=JOBS)
        os.replace(path.with_name("backup"), path)

    with pytest.raises(StoreDamaged, match="removed or replaced"):
        jobs.add(new_job())
    is_refused_for_good(jobs)


@pytest.mark.parametrize("verb", ["add", "claim", "check"])
def test_rows_that_vanish_while_it_runs_stop_it(verb: str, path: Path, jobs: SqliteJobStore) -> None:
    jobs.check()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("delete from job_events")
        other.execute("delete from generated_images")
    verbs: dict[str, Callable[[], object]] = {
        "add": lambda: jobs.add(new_job()),
        "claim": lambda: jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1),
        "check": jobs.check,
    }

    with pytest.raises(StoreDamaged, match="vanished"):
        verbs[verb]()
    is_refused_for_good(jobs)


def test_a_newer_version_of_the_table_is_refused_at_the_start_and_while_it_runs(
    path: Path, jobs: SqliteJobStore
) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(f"pragma user_version = {newest_version() + 1}")

    with pytest.raises(StoreDamaged, match="newer version"):
        jobs.add(new_job())
    is_refused_for_good(jobs)
    with pytest.raises(StoreDamaged, match="newer version"):
        SqliteJobStore(path, FakeClock())


def test_what_takes_longer_than_its_time_is_not_judged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WAYS["indexes"](path)
    monkeypatch.setattr(soundness, "STEPS", 1)

    assert soundness.is_whole(path, limit_s=-1)


def test_a_busy_or_full_file_is_no_damage(path: Path, jobs: SqliteJobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        jobs._database._connection.execute("pragma busy_timeout = 1")
        other.execute("begin exclusive")
        with pytest.raises(MaquetteError) as told:
            jobs.add(new_job())
        other.execute("rollback")

    assert not isinstance(told.value, StoreDamaged)
    assert jobs.failed_write() == told.value.message
    jobs.add(new_job())
    assert (jobs.damage(), jobs.failed_write()) == (None, None)
