"""What is installed: ranges without known holes, the tested versions, and a plain word where nobody can look."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import audit, newest
from tests.constraints import FILE, REQUIREMENTS, installed, named

ROOT = Path(__file__).parents[1]
RANGES = [pytest.param(each, id=each.name) for name in REQUIREMENTS for each in named(ROOT / name)]
PINNED = [line for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
HOLES = {  # the last version that has it
    "starlette": ["1.0.0", "1.2.99"],
    "python-multipart": ["0.0.25", "0.0.26"],
    "python-socketio": ["5.13.0"],
    "pillow": ["12.1.1"],
}


@pytest.mark.parametrize(("name", "version"), [(name, each) for name, found in HOLES.items() for each in found])
def test_no_range_takes_a_version_with_a_known_hole(name: str, version: str) -> None:
    ranges = {each.name: each.specifier for each in named(ROOT / "requirements.txt")}

    assert version not in ranges[name]


def test_a_constraint_is_a_name_and_a_version_and_nothing_of_the_machine_it_was_made_on() -> None:
    assert [line for line in PINNED if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
    assert sorted(PINNED, key=lambda line: line.split("==")) == PINNED


@pytest.mark.parametrize("wanted", RANGES)
def test_every_requirement_has_its_tested_version_within_its_range(wanted: Requirement) -> None:
    tested = dict(line.split("==") for line in PINNED)

    assert wanted.specifier.contains(tested[canonicalize_name(wanted.name)], prereleases=True)


def test_what_a_requirement_needs_in_turn_is_found() -> None:
    assert {"starlette", "anyio", "idna"} <= installed([Requirement("starlette")]).keys()
    with pytest.raises(SystemExit, match="is not installed"):
        installed([Requirement("no-such-package-of-ours")])


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_every_installation_takes_the_tested_versions(file: str) -> None:
    installs = re.findall(r".*pip install .*", (ROOT / file).read_text(encoding="utf-8"))

    assert installs
    assert all("-c constraints.txt" in line for line in installs), installs


def answer(*packages: tuple[str, list[str]], skipped: tuple[str, ...] = ()) -> str:
    known = [
        {"name": name, "version": "1", "vulns": [{"id": hole, "fix_versions": ["2"]} for hole in holes]}
        for name, holes in packages
    ]
    return json.dumps({"dependencies": known + [{"name": name, "skip_reason": "not found"} for name in skipped]})


@pytest.mark.parametrize("said", ["", "Traceback", "{}", answer(skipped=("a",))], ids=range(4))
def test_data_that_cannot_be_reached_is_said_after_one_look_and_fails_nothing(said: str) -> None:
    asked: list[list[str]] = []

    def ask(pinned: list[str], limit_s: float) -> str:
        asked.append(pinned)
        return said

    assert audit.audit(["a==1", "b==1"], ask) == (
        True,
        ["pip-audit: its data cannot be reached from here, so known holes were NOT looked for."],
    )
    assert asked == [["a==1"]]


def test_a_known_hole_fails_the_check_and_a_package_nobody_looked_at_is_said() -> None:
    answers = {1: answer(("a", [])), 3: answer(("a", []), ("b", ["CVE-1"]), skipped=("c",))}

    may_go_on, told = audit.audit(["a==1", "b==1", "c==1"], lambda pinned, limit_s: answers[len(pinned)])
    assert not may_go_on
    assert told == [
        "pip-audit: 2 of 3 packages were looked up, 1 known holes.",
        "pip-audit: 1 packages were NOT looked at.",
        "b 1: CVE-1, mended in 2",
    ]


def test_an_index_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(command: list[str], *, timeout: float, **more: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", never)

    assert audit.ask(["a==1"], audit.PROBE_S) == ""


def python(folder: Path, number: str) -> str:
    program = folder / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {number}\n")
    program.chmod(0o755)
    return str(program)


def test_the_newest_python_is_found_among_those_of_pyenv_and_shims_of_none_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "versions"
    python(versions / "3.99.0", "3 99")  # not yet supported
    found = python(versions / "3.14.1", "3 14")
    python(versions / "3.13.9", "3 13")
    shim = tmp_path / "shims" / "python3.14"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    monkeypatch.setattr("sys.version_info", (3, 11, 0))

    assert newest.newest() == (found, (3, 14))


def test_where_there_is_no_newer_python_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(newest, "candidates", lambda: iter([str(tmp_path / "missing")]))
    monkeypatch.setattr("sys.argv", ["newest"])

    assert newest.main() == 0
    assert capsys.readouterr().out.count("\n") == 1
