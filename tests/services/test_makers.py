"""Who makes a job that names nobody: never one that charges where the default is free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.errors import InputRefused
from core.domain.request import Kind
from core.services.makers import Makers
from core.services.throttle import Throttle
from core.stores.sqlite.job_store import SqliteJobStore
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SqliteJobStore]:
    made = SqliteJobStore(tmp_path / "jobs.sqlite3", FakeClock())
    yield made
    made.close()


def makers(jobs: SqliteJobStore, *, default: str) -> Makers:
    """A paid one that can do all, and two free ones: one for pictures, one for several views, too."""
    fakes = (
        FakeGenerator(name="paid", label="Paid"),
        FakeGenerator(name="plain", label="Plain", is_paid=False, kinds=(Kind.IMAGE,)),
        FakeGenerator(name="views", label="Views", is_paid=False, kinds=(Kind.IMAGE, Kind.MULTIVIEW)),
    )
    connected = {each.name: Throttle(each, jobs=jobs, clock=FakeClock()) for each in fakes}
    return Makers(connected=connected, default=connected[default])


def test_what_the_default_cannot_do_another_free_one_does(jobs: SqliteJobStore) -> None:
    assert makers(jobs, default="plain").chosen(None, Kind.MULTIVIEW).name == "views"


def test_one_that_charges_is_used_only_when_it_is_named_or_the_default(jobs: SqliteJobStore) -> None:
    free = makers(jobs, default="plain")
    with pytest.raises(InputRefused, match="Paid can do this, and charges for it") as refused:
        free.chosen(None, Kind.TEXT)

    assert refused.value.code == "generator_needed"
    assert free.chosen("paid", Kind.TEXT).name == "paid"
    assert makers(jobs, default="paid").chosen(None, Kind.TEXT).name == "paid"


def test_a_person_compares_the_default_first_and_what_is_free_before_what_charges(jobs: SqliteJobStore) -> None:
    assert [each.name for each in makers(jobs, default="views").able(Kind.IMAGE)] == ["views", "plain", "paid"]
    assert [each.name for each in makers(jobs, default="paid").able(Kind.MULTIVIEW)] == ["paid", "views"]


def test_a_job_of_a_generator_that_is_gone_is_not_made_again_by_one_that_charges(jobs: SqliteJobStore) -> None:
    with pytest.raises(InputRefused):
        makers(jobs, default="plain").again("gone", Kind.TEXT)


@pytest.mark.parametrize("default", ["plain", "paid"])
def test_a_job_of_a_generator_that_is_gone_goes_to_a_free_one_whoever_is_the_default(
    jobs: SqliteJobStore, default: str
) -> None:
    connected = makers(jobs, default=default)

    assert connected.again("gone", Kind.MULTIVIEW).name == "views"
    with pytest.raises(InputRefused, match="Paid could make it, and charges for it: choose it on the create page"):
        connected.again("gone", Kind.TEXT)
