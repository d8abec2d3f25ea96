"""The crash sweep: a real process is killed, or stopped, at every point of a job's life; the books are the judge.

Of a sample, processes are killed only where the world outside changed since the point before: between two looks at the
clock a kill leaves the same. A process that stands still is stopped anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import Tell
from tests.crash.bench import STORIES, Bench, fakes
from tests.crash.life import CHANGES, QUICK_ROUNDS, Life
from tests.crash.makers import ENGINE
from tests.crash.zygote import Zygote

pytestmark = pytest.mark.proof
SHARDS = 4
EVERYWHERE = ("transaction", "fsync", "move", "unlink")
ON_SOCKETS = ("socket read", "socket write")
PAUSES_S = {"across send_by": 25.0, "across the lease": 65.0}
STOPPED = [
    ("normal", "across send_by"),
    ("normal", "across the lease"),
    ("ComfyUI", "across the lease"),
    ("engine", "across the lease"),
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with fakes() as made, Zygote() as zygote:
        yield Bench(tmp_path_factory.mktemp("sweep"), made, zygote)


@pytest.mark.parametrize("name", ["normal", "ComfyUI", "engine"])
def test_a_life_without_trouble_ends_well_and_passes_every_kind_of_point(bench: Bench, name: str) -> None:
    life = bench.fresh(STORIES[name])

    assert bench.zygote.run(life) == "exit 0"
    kinds = set(bench.points())
    sockets = () if life.generator == ENGINE else ON_SOCKETS
    expected = {f"{side} {what}" for side in ("before", "after") for what in (*EVERYWHERE, *sockets)}
    assert kinds == {"clock", *expected}
    bench.check(name)


def stride_of(every: int, *, takes_fewer: bool) -> int:
    return 3 * every if takes_fewer and every > 1 else every


def sampled(life: Life, name: str, every: int) -> tuple[Life, int, int]:
    """The life with the points that count, the first of them, and how far apart they are; by story, another first."""
    if every == 1:
        return life, 1, 1
    stride = stride_of(every, takes_fewer=STORIES[name].is_long)
    return replace(life, counts=CHANGES), 1 + list(STORIES).index(name) % stride, stride


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_point_another_process_brings_the_job_to_its_end(
    bench: Bench, name: str, shard: int, every: int, tell: Tell
) -> None:
    killed, checks, kinds = 0, 0, Counter[str]()
    while True:
        life, first, stride = sampled(bench.fresh(STORIES[name]), name, every)
        point = first + (shard + SHARDS * killed) * stride
        ended = bench.zygote.run(replace(life, point=point))
        if ended == "exit 0":
            break
        assert ended == "SIGKILL"
        kinds[bench.point()] += 1
        assert bench.zygote.run(replace(life, owner="b", counts=())) == "exit 0"
        checks += bench.check(f"{name}, killed at point {point} ({', '.join(kinds)})")
        killed += 1
    tell(points_killed=killed, invariants_checked=checks)
    assert killed > (20 if every == 1 else 1)


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize(("name", "pause"), STOPPED)
def test_stopped_at_every_point_while_another_process_works_and_then_continued(
    bench: Bench, name: str, pause: str, shard: int, every: int, tell: Tell
) -> None:
    stopped, checks = 0, 0
    stride = stride_of(every, takes_fewer=name == "ComfyUI")
    point = 1 + shard * stride
    while True:
        life = bench.fresh(STORIES[name])
        pid = bench.zygote.start(replace(life, point=point, how="STOP"))
        if bench.zygote.wait(pid) != "stopped":
            break
        bench.clock.advance(PAUSES_S[pause])
        # One that stands still inside a transaction holds the table: the other can do nothing. It works for seconds:
        # a process that stands still between its last look at the clock and the byte after it is not survived unless
        # that fits into the settle time. Nothing can be done about that; docs/operations.md says so.
        assert bench.zygote.run(replace(life, owner="b", rounds=QUICK_ROUNDS)) == "exit 0"
        bench.zygote.go_on(pid)
        assert bench.zygote.wait(pid) == "exit 0"
        assert bench.zygote.run(replace(life, owner="c")) == "exit 0"
        checks += bench.check(f"{name}, stopped {pause} at point {point} ({bench.point()})")
        stopped += 1
        point += SHARDS * stride
    tell(points_stopped=stopped, invariants_checked=checks)
    assert stopped > 10 // stride
