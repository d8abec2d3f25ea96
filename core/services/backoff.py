"""How long to wait before asking again: one place for every such number."""

from __future__ import annotations

import random
from collections.abc import Sequence

# (age of the task in seconds, seconds between two questions). Most models take one to ten minutes, so the answer is
# worth most early; later a question every minute loses little. Source: Tripo v3, tasks: "poll every 2–5 s".
POLL_STEPS: tuple[tuple[float, float], ...] = ((30.0, 2.0), (180.0, 5.0), (900.0, 15.0))
POLL_SLOWEST_S = 60.0
IN_LINE_S = 5.0  # one question tells of all that wait in a generator's own line, and the turn of one may come any time
NEARER = 0.7  # of the time that is left is waited: an end that comes a little early is not missed by much
NEAR = 0.6  # of the first pause: no question comes sooner after the one before
FAR = 2.0  # times the pause without an estimate: never longer, for vendors' progress jumps
LEAST_PROGRESS, LEAST_USUAL = 10, 4  # percent, and models made before: with less, an estimate is worth nothing
SPREAD = 0.2  # ± 20 %, so that replicas do not ask in step for ever
BUSY_DEFAULT_S, BUSY_MOST_S = 15.0, 120.0  # when the vendor does not say how long: doubling
OPEN_FIRST_S, OPEN_MOST_S = 30.0, 300.0  # between two probes of a service that does not answer: doubling
RETRY_FIRST_S, RETRY_MOST_S = 2.0, 300.0
FOR_GOOD_S = 100 * 365 * 86_400.0  # an installation that was moved makes nothing any more


def spread() -> float:
    """A factor near one, drawn once for all tasks of one question, so that they stay together in the next."""
    return random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311  (spreading load, not a secret)


def poll_wait_s(age_s: float, *, first_s: float, factor: float, remaining_s: float | None = None) -> float:
    """Seconds until a task of this age is asked for next; `first_s` replaces the first step.

    `remaining_s`: about how long it will still take. The nearer the end, the shorter the wait; while the end is far, it
    may be longer than it would be without knowing.
    """
    wait_s = POLL_SLOWEST_S
    for until_s, step_s in POLL_STEPS:
        if age_s < until_s:
            wait_s = first_s if step_s == POLL_STEPS[0][1] else step_s
            break
    if remaining_s is not None:
        wait_s = min(max(NEARER * remaining_s, NEAR * first_s), FAR * wait_s)
    return wait_s * factor


def in_line_wait_s(age_s: float, *, first_s: float, factor: float) -> float:
    """Seconds until a task is asked for next that only waits: as one of its age, but never seldom."""
    return min(poll_wait_s(age_s, first_s=first_s, factor=1.0), max(IN_LINE_S, first_s)) * factor


def remaining_s(age_s: float, progress: int, usual_s: Sequence[float]) -> float | None:
    """About how long a task will still take, by its own progress, else by how long others took; None: nobody knows."""
    if LEAST_PROGRESS <= progress < 100:
        return age_s * (100 - progress) / progress
    if len(usual_s) < LEAST_USUAL:
        return None
    early_s = sorted(usual_s)[len(usual_s) // 4]
    return early_s - age_s if age_s < early_s else None


def busy_wait_s(retry_after_s: float | None, count: int = 0) -> float:
    """Seconds the account waits; what the vendor said is never undercut. `count`: refusals in a row before this."""
    if retry_after_s is None:
        return float(min(BUSY_MOST_S, BUSY_DEFAULT_S * 2 ** min(count, 10)))
    return max(1.0, retry_after_s)


def open_wait_s(probes: int) -> float:
    """Seconds before a service that did not answer is probed again; `probes` is how many have failed before."""
    return float(min(OPEN_MOST_S, OPEN_FIRST_S * 2 ** min(probes, 10)))


def retry_wait_s(tries: int) -> float:
    """Seconds before the next free try, doubling from two seconds to five minutes."""
    return float(min(RETRY_MOST_S, RETRY_FIRST_S * 2 ** min(max(tries - 1, 0), 20)))


MOVED = (
    "The jobs of this installation were moved to another store, so nothing is made here any more. Set STORE to where "
    "they are now (docs/migration.md). Nothing was stored or sent."
)


def is_for_good(wait_s: float) -> bool:
    """Whether an account waits because its installation was moved: no vendor asks for that long."""
    return wait_s > FOR_GOOD_S / 2
