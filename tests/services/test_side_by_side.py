"""Several generators at once in one server, as it is wired: what one of them does delays none of the others."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from core.bootstrap import Services
from core.domain.job import Job
from core.domain.status import Status
from core.scheduler import DISPATCH_EVERY_S
from tests.clocks import FakeClock
from tests.services.side_by_side import CATEGORIES, JOBS, Dead, Place, Quick, Way, job_of, maker, serving

DYING = ("tripo", "comfyui")  # one that is paid, with its books, and one that is not
NAMES = [list(CATEGORIES)[number % len(CATEGORIES)] for number in range(JOBS)]
PHASE_S = 10.0  # longer than a breaker is open: in each the dead one is asked
RECOVERS_S = 1800.0  # longer than it takes to prove what became of a lost answer
PORTION = -(-JOBS // len(Place))  # of the jobs, for each place where one is dead
PORTIONS = [NAMES[first : first + PORTION] for first in range(0, JOBS, PORTION)]


def jobs_of(services: Services) -> dict[str, list[Job]]:
    """By generator, in the order in which they were added."""
    found: dict[str, list[Job]] = {}
    for job in sorted(services.jobs.changed_since(0, limit=2 * JOBS)[0], key=lambda job: job.id):
        found.setdefault(job.generator, []).append(job)
    return found


def seconds_of(jobs: list[Job]) -> list[float]:
    """From the order to the end of each."""
    return [(job.finished_at - job.created_at).total_seconds() for job in jobs if job.finished_at is not None]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, list[float]]]:
    """How long the jobs of the others take where nobody has a job for the one that is dead, by generator."""

    @functools.cache
    def run(absent: str) -> dict[str, list[float]]:
        makers = [maker(Quick, name) for name in CATEGORIES]
        with serving(tmp_path_factory.mktemp(absent), FakeClock(), makers) as (services, scheduler):
            for portion in PORTIONS:
                for name in portion:
                    if name != absent:
                        services.jobs.add(job_of(name))
                scheduler.pass_time(PHASE_S)
            return {name: seconds_of(jobs) for name, jobs in jobs_of(services).items()}

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", DYING)
@pytest.mark.parametrize("way", Way)
def test_of_two_hundred_jobs_over_three_generators_a_dead_ones_delay_nobody_elses_by_more_than_a_tick(
    way: Way, name: str, tmp_path: Path, undisturbed: Callable[[str], dict[str, list[float]]]
) -> None:
    dead = maker(Dead, name, way=way)
    assert isinstance(dead, Dead)
    makers = [dead if each == name else maker(Quick, each) for each in CATEGORIES]
    with serving(tmp_path, FakeClock(), makers) as (services, scheduler):
        scheduler.heed(dead)
        for place, portion in zip(Place, PORTIONS, strict=True):
            dead.die_at(place)
            for each in portion:
                services.jobs.add(job_of(each))
            scheduler.pass_time(PHASE_S)
            assert place in dead.asked
        for other, alone in undisturbed(name).items():
            beside = seconds_of(jobs_of(services)[other])
            assert len(beside) == NAMES.count(other)
            assert max(there - usual for there, usual in zip(beside, alone, strict=True)) <= DISPATCH_EVERY_S, other

        dead.die_at(None)
        ends_s = scheduler.now_s() + RECOVERS_S
        while scheduler.now_s() < ends_s and not all(job.is_ended for job in jobs_of(services)[name]):
            scheduler.pass_time(PHASE_S)
        assert Counter(job.status for jobs in jobs_of(services).values() for job in jobs) == {Status.COMPLETED: JOBS}
