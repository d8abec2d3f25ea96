"""`python -m tests.newest [PYTHON]`: the fast tests once more, on the newest Python that is installed here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST, BEYOND = (3, 11), (3, 15)
FILES = ("requirements.txt", "requirements-extras.txt", "constraints.txt", "tests/requirements.txt")
FAST = "not longer and not slow and not e2e and not proof and not supabase"


def candidates() -> Iterator[str]:
    """Programs that may be a newer Python: on PATH by their number, and those of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(BEYOND[1] - 1, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        yield from [found] if found else []
        yield from (str(path / "bin" / "python") for path in sorted(pyenv.glob(f"3.{minor}.*"), reverse=True))


def version(python: str) -> tuple[int, int] | None:
    """Of a program that runs; pyenv puts names on PATH behind which there is none."""
    try:
        done = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, timeout=30
        )
        major, minor = done.stdout.split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return int(major), int(minor)


def newest() -> tuple[str, tuple[int, int]] | None:
    """The newest that the product supports, when it is newer than this one."""
    found = [(known, python) for python in candidates() if (known := version(python)) is not None]
    fitting = [each for each in found if OLDEST <= each[0] < BEYOND]
    if not fitting or max(fitting)[0] <= sys.version_info[:2]:
        return None
    known, python = max(fitting)
    return python, known


def environment(python: str, number: str) -> Path:
    """Its Python, with everything of the constraints installed; made anew only when one of the files changed."""
    folder = ROOT / "build" / f"python{number}"
    state = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in FILES)).hexdigest()
    mark = folder / "installed"
    inside = folder / "bin" / "python"
    if not (mark.is_file() and mark.read_text() == state):
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", "tests/requirements.txt", "-c", "constraints.txt"], cwd=ROOT, check=True)
        mark.write_text(state)
    return inside


def main() -> int:
    asked = sys.argv[1] if sys.argv[1:] else ""
    found = (asked, version(asked)) if asked else newest()
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if found is None:
        print(f"No Python newer than {here} is installed here: the fast tests ran on {here} alone.")
        return 0
    python, known = found
    if known is None:
        print(f"PYTHON_NEWEST is {asked}, which does not run.", file=sys.stderr)
        return 1
    number = f"{known[0]}.{known[1]}"
    print(f"The fast tests on Python {number}: {python}", flush=True)
    try:
        inside = environment(python, number)
    except subprocess.CalledProcessError as exc:
        print(f"What the tests need could not be installed for Python {number} (exit {exc.returncode}).")
        return 1
    tests = [str(inside), "-m", "pytest", "-n", "2", "--dist", "worksteal", "-m", FAST]
    return subprocess.run(tests, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
