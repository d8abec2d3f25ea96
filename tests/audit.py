"""`python -m tests.audit`: are there known holes in the versions of constraints.txt? Says so plainly when nobody knows.

pip-audit asks the package index about each of them. Where that cannot be reached, or knows nothing of holes, one line
says so and nothing fails: a closed network is no fault of the change that is checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROBE_S = 15.0  # for one package; an index that can be reached answers within a second
ALL_S = 300.0
Ask = Callable[[list[str], float], str]


def ask(pinned: list[str], limit_s: float) -> str:
    """What pip-audit writes about `name==version` lines; empty when it ended without an answer."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pinned.txt"
        file.write_text("\n".join(pinned) + "\n")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--no-deps", "--disable-pip"]
        options = ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
        try:
            done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired:
            return ""
    return done.stdout


def looked_at(answer: str) -> tuple[list[str], list[str]]:
    """Of an answer: the packages that were looked up, and a sentence for each known hole."""
    try:
        packages = [each for each in json.loads(answer)["dependencies"] if "skip_reason" not in each]
    except (ValueError, KeyError):
        return [], []
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for each in packages
        for hole in each["vulns"]
    ]
    return [each["name"] for each in packages], holes


def audit(pinned: list[str], ask: Ask) -> tuple[bool, list[str]]:
    """Whether the check may go on, and what to say."""
    known, _ = looked_at(ask(pinned[:1], PROBE_S))
    if not known:
        return True, ["pip-audit: its data cannot be reached from here, so known holes were NOT looked for."]
    known, holes = looked_at(ask(pinned, ALL_S))
    missing = len(pinned) - len(known)
    told = [f"pip-audit: {len(known)} of {len(pinned)} packages were looked up, {len(holes)} known holes."]
    if missing:
        told.append(f"pip-audit: {missing} packages were NOT looked at.")
    return not holes, told + holes


def main() -> int:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    may_go_on, told = audit([line for line in lines if line and not line.startswith("#")], ask)
    print("\n".join(told))
    return 0 if may_go_on else 1


if __name__ == "__main__":
    sys.exit(main())
