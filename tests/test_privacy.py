"""Other users of this machine: what they could read, and what is done about it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import migrate
from core.bootstrap import build_services
from core.connected import known
from core.privacy import DATABASE, OURS, close_folder, open_secrets
from core.settings import Settings
from tests import pictures
from tests.serving import ROOT, end, serving, start

OTHERS = 0o077


def open_to_others(folder: Path) -> list[tuple[str, str]]:
    """Everything below a folder, and the folder, that somebody else may read, write or enter."""
    found = [folder, *folder.rglob("*")]
    return [(str(path), oct(path.stat().st_mode)) for path in found if path.stat().st_mode & OTHERS]


@pytest.fixture
def usual_umask() -> Iterator[None]:
    told = os.umask(0o022)
    yield
    os.umask(told)


@pytest.mark.slow
def test_pages_and_worker_keep_everything_below_the_data_folder_for_themselves(
    tmp_path: Path, usual_umask: None
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    worker = start([sys.executable, "-m", "core.worker"], tmp_path / "worker.log", {"DATA_DIR": data})
    try:
        with serving(data, SCHEDULER="off") as server:
            assert server.wait_for_end(server.post(pictures.portrait(), "Astronaut"))["status"] == "completed"

            assert open_to_others(data) == []
            assert {path.name for path in data.iterdir()} >= {DATABASE, "files", "offline"}
    finally:
        end(worker)


def test_a_move_writes_for_its_own_user_alone(
    tmp_path: Path, usual_umask: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert migrate.main(["to-sqlite"]) == 1  # Supabase is not set

    (tmp_path / "made").touch()
    assert open_to_others(tmp_path / "made") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [".env", ".streamlit/secrets.toml"])
def test_keys_that_everybody_can_read_are_warned_about_at_the_start_until_the_command_was_run(
    tmp_path: Path, usual_umask: None, name: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text('LEASE_S="soon"\n')  # so that it ends at once

    def said() -> str:
        surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "core.worker"], cwd=tmp_path, env=surroundings, capture_output=True, text=True
        )
        assert "The setting LEASE_S has a value that is not allowed" in done.stderr
        return done.stderr

    warning = next(line for line in said().splitlines() if "can read" in line)
    subprocess.run(shlex.split(warning.partition("Close it: ")[2]), cwd=tmp_path, check=True)
    assert "can read" not in said()


def test_a_group_may_read_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "my keys.env"
    file.touch()
    file.chmod(0o640)
    assert list(open_secrets(file, tmp_path / "missing")) == []

    file.chmod(0o604)
    assert list(open_secrets(file)) == [
        f"Every user of this machine can read {file}, which may hold keys. Close it: chmod o= '{file}'"
    ]


def test_an_older_data_folder_is_closed_with_what_lies_in_it(tmp_path: Path, usual_umask: None) -> None:
    (tmp_path / "files" / "models").mkdir(parents=True)
    (tmp_path / DATABASE).touch()
    (tmp_path / f"{DATABASE}-journal").touch()
    tmp_path.chmod(0o755)

    assert list(close_folder(tmp_path)) == []
    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in (".", "files", DATABASE)] == [
        "0o700",
        "0o700",
        "0o600",
    ]
    assert open_to_others(tmp_path) == [(str(tmp_path / "files" / "models"), "0o40755")]  # behind a closed door


def test_a_folder_that_others_use_as_well_is_left_alone_and_said(tmp_path: Path, usual_umask: None) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / DATABASE).touch()
    tmp_path.chmod(0o755)

    assert list(close_folder(tmp_path)) == [
        f"Other users of this machine can look into {tmp_path}. It was left as it is because others use it too. "
        f"Close it: chmod go= {tmp_path}"
    ]
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "holiday").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / DATABASE).stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_closed_is_said_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refused)

    assert list(close_folder(tmp_path)) == [
        f"Other users of this machine can look into {tmp_path}. It could not be closed (Operation not permitted). "
        f"Close it: chmod go= {tmp_path}"
    ]


def test_a_folder_that_is_not_there_yet_is_no_matter(tmp_path: Path) -> None:
    assert list(close_folder(tmp_path / "missing")) == []


def test_everything_that_the_product_makes_in_its_folder_counts_as_ours(tmp_path: Path) -> None:
    """A name missing from OURS would make an installation's own folder look like somebody else's."""
    build_services(Settings(data_dir=tmp_path)).stop()
    generators = [each.name for each in known()]

    strange = [path.name for path in tmp_path.iterdir() if path.name not in OURS.union(generators)]
    assert all(name.startswith(DATABASE) for name in strange), strange
