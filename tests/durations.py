"""Writes tests/longer.txt: which tests take longer than a tenth of a second, and run after the fast part.

    python -m tests.durations        on a machine that does nothing else

Every test function that is not marked otherwise is timed; those whose cases take longer than `LIMIT_S` on average are
listed, and tests/conftest.py marks them `longer`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

LIST = Path(__file__).parent / "longer.txt"
LIMIT_S = 0.1
OTHERS = "not slow and not e2e and not proof and not supabase"


def listed() -> frozenset[str]:
    """As `tests/web/test_x.py::test_y`."""
    return frozenset(LIST.read_text().split())


def function_of(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def _measured(report: Path) -> dict[str, list[float]]:
    """Seconds of each case, by function."""
    times: dict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (our own file)
        file = case.attrib["classname"].replace(".", "/")
        times[function_of(f"{file}.py::{case.attrib['name']}")].append(float(case.attrib["time"]))
    return times


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "worksteal", "-q", "--measure", "-m", OTHERS]
        code = subprocess.run([*command, f"--junitxml={report}"], check=False).returncode
        if code:
            return code
        times = _measured(report)
    longer = sorted(name for name, cases in times.items() if sum(cases) / len(cases) > LIMIT_S)
    LIST.write_text("".join(f"{name}\n" for name in longer))
    print(f"{len(longer)} of {len(times)} functions take more than {LIMIT_S} s a case")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
