"""What the runs of the proof counted is told at the end, summed over all test processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

COUNT = "count: "
Tell = Callable[..., None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """`tell(points_killed=60)` adds to the sums at the end."""

    def add(**counts: int) -> None:
        for name, number in counts.items():
            record_property(COUNT + name.replace("_", " "), number)

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    totals: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, number in getattr(report, "user_properties", ()):
                if name.startswith(COUNT) and getattr(report, "when", "") == "call":
                    totals[name.removeprefix(COUNT)] += number
    if totals:
        violations = len(terminalreporter.stats.get("failed", ()))
        terminalreporter.section("promises")
        for name, number in sorted(totals.items()):
            terminalreporter.line(f"{number:>12,}  {name}")
        terminalreporter.line(f"{violations:>12,}  violations")
