"""`python -m tests.simulation 100000`, or `… 4711-4711` to replay one."""

from __future__ import annotations

import argparse
import collections
import gc
import multiprocessing
import sys
import time

from tests.simulation.sim import COLLECT_EVERY, Sim, Violation

TELL_EVERY = 5_000


def one(seed: int) -> tuple[dict[str, int], str]:
    """Counts, and the violation or an empty text."""
    if seed % COLLECT_EVERY == 0:
        gc.collect()
    try:
        return dict(Sim(seed).run()), ""
    except Violation as exc:
        return {}, str(exc)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the deterministic simulation.")
    parser.add_argument("seeds", help="how many from 0, or FIRST-LAST")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last) + 1) if last else range(int(first))
    started_s = time.monotonic()
    totals: collections.Counter[str] = collections.Counter()
    failed = []
    print(f"{len(seeds):,} seeds on {multiprocessing.cpu_count()} cores", flush=True)
    with multiprocessing.Pool(initializer=gc.disable) as pool:
        for counts, problem in pool.imap_unordered(one, seeds, chunksize=10):
            totals.update(counts)
            if problem:
                failed.append(problem)
                print(problem, file=sys.stderr, flush=True)
            if totals["seeds"] % TELL_EVERY == 0:
                told_s = time.monotonic() - started_s
                print(f"{totals['seeds']:,} ran clean, {len(failed)} did not, {told_s:.0f} s", flush=True)
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(totals.items()))
    print(f"{told}; {len(failed)} violations, in {time.monotonic() - started_s:.1f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
