"""Two hundred jobs over three generators, of which one is dead: what the others' jobs lose by it."""

from __future__ import annotations

import contextlib
import logging
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from core.bootstrap import Services, build_services
from core.domain.status import Status
from core.ports.connection import Connection
from core.ports.job_store import JobQuery
from core.services.inspect import Inspect
from core.settings import Settings
from tests.builders import new_job
from tests.services.side_by_side import CATEGORIES, JOBS, Dead, Quick, maker

DEAD = "comfyui"
PATIENCE_S = 120.0


def side_by_side() -> None:
    """Each model is made at the first question, so that the time is the product's own."""
    logging.disable(logging.WARNING)  # ticks that take longer than their interval are told
    alone, beside = (_taken(is_dead) for is_dead in (False, True))
    logging.disable(logging.NOTSET)
    print(f"\n{JOBS} jobs over three generators, seconds from the start to completed:")
    print("| | median | last | jobs |\n|---|---|---|---|")
    for name, times in (("all three well", alone), ("one of them dead: jobs of the others", beside)):
        print(f"| {name} | {statistics.median(times):.2f} s | {max(times):.2f} s | {len(times)} |")
    print(
        f"median with a dead one beside: {statistics.median(beside) / statistics.median(alone):.2f} of that without; "
        f"last: {max(beside) / max(alone):.2f} (aim: no more than a tick of a second later)"
    )


def _taken(is_dead: bool) -> list[float]:
    """When each job of the two that are well was completed, in seconds from the start."""
    with tempfile.TemporaryDirectory() as folder, _services(Path(folder), Dead if is_dead else Quick) as services:
        services.objects.put("images/a/cup.jpg", b"picture", media_type="image/jpeg")
        names = [list(CATEGORIES)[number % len(CATEGORIES)] for number in range(JOBS)]
        for name in names:
            services.jobs.add(new_job(generator=name, category=CATEGORIES[name]))
        wanted = Counter(name for name in names if name != DEAD)
        started = services.jobs.now()
        services.scheduler.start()
        ends_s, pause = time.monotonic() + PATIENCE_S, threading.Event()
        while True:
            page = services.jobs.find(JobQuery(statuses=frozenset({Status.COMPLETED}), page_size=JOBS))
            done = [job for job in page.jobs if job.generator != DEAD]
            if len(done) == wanted.total():
                return [(job.finished_at - started).total_seconds() for job in done if job.finished_at is not None]
            assert time.monotonic() < ends_s, "not all jobs were completed in time"
            pause.wait(0.1)


@contextlib.contextmanager
def _services(folder: Path, third: type[Quick]) -> Iterator[Services]:
    makers = [maker(Quick, "tripo"), maker(third, DEAD), maker(Quick, "offline")]
    connected = [Connection(generator=each, limits={CATEGORIES[each.name]: 5}) for each in makers]
    settings = Settings(data_dir=folder, tripo_api_key=None, store="sqlite", poll_first_s=0.2, concurrency_comfyui=5)
    with (
        mock.patch("core.bootstrap.connections", return_value=connected),
        mock.patch.object(Inspect, "request", return_value=None),
    ):
        services = build_services(settings)
        try:
            yield services
        finally:
            services.stop()


if __name__ == "__main__":
    side_by_side()
