"""The list of tests that take longer names tests that there are."""

from __future__ import annotations

from pathlib import Path

from tests.durations import listed

ROOT = Path(__file__).parents[2]


def test_each_test_that_is_listed_exists() -> None:
    gone = []
    for name in sorted(listed()):
        file, _, test = name.partition("::")
        path = ROOT / file
        if not path.is_file() or f"def {test.split('::')[-1]}(" not in path.read_text(encoding="utf-8"):
            gone.append(name)
    assert not gone, "python -m tests.durations writes the list anew"
