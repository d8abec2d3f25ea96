"""`python -m tests.constraints`: write constraints.txt from the environment that is being tested.

One line `name==version` for each package that the requirements name, and each that those need. Nothing else of the
environment is written: no address, no path, no package of this machine alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FILE = ROOT / "constraints.txt"
REQUIREMENTS = ("requirements.txt", "requirements-extras.txt", "tests/requirements.txt")
HEAD = """\
# The versions that `make check` was run with; `make install` takes these. Written by `make constraints`.
"""


def named(file: Path) -> Iterator[Requirement]:
    """The requirements that a file itself names."""
    for line in file.read_text(encoding="utf-8").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text and not text.startswith("-"):
            yield Requirement(text)


def installed(wanted: list[Requirement]) -> dict[str, str]:
    """Name → version of these and of all that they need here, extras included."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while wanted:
        each = wanted.pop()
        name = canonicalize_name(each.name)
        for extra in {"", *each.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                package = distribution(name)
            except PackageNotFoundError:
                raise SystemExit(f"{name} is not installed: run `make install-test` first.") from None
            found[name] = package.version
            needs = [Requirement(text) for text in package.requires or ()]
            wanted += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return found


def main() -> None:
    versions = installed([each for name in REQUIREMENTS for each in named(ROOT / name)])
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    FILE.write_text(HEAD + "".join(lines), encoding="utf-8")
    print(f"{FILE.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
