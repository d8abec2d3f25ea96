"""What the start refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.bootstrap import Services, build_services
from core.domain.errors import StoreDamaged
from core.settings import Settings
from tests.damage import WAYS, filled

MODEL, NOTE = "files/models/1-ab/cup.glb", "journal/tripo/1-1.json"


def start(folder: Path, **settings: Any) -> Services:
    return build_services(Settings(data_dir=folder, scheduler=False, _env_file=None, **settings))


@pytest.mark.parametrize("left", [MODEL, NOTE])
@pytest.mark.parametrize("table", ["none", "empty file", "empty table"])
def test_an_empty_table_beside_what_earlier_jobs_left_is_refused_with_what_to_do(
    table: str, left: str, tmp_path: Path
) -> None:
    if table == "empty file":
        (tmp_path / "maquette.sqlite3").touch()
    elif table == "empty table":
        start(tmp_path).stop()
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).write_bytes(b"glTF")

    for _ in range(2):  # refused again as long as nothing was done about it
        with pytest.raises(StoreDamaged, match=r"empty.*backup.*START_EMPTY"):
            start(tmp_path)
    start(tmp_path, start_empty=True).stop()


def test_a_new_installation_and_one_that_was_cut_off_before_its_first_job_start(tmp_path: Path) -> None:
    for name in ("files/images/ab/cup.jpg", "files/models/1/.1234.part", "journal/tripo/1-1.77.part"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    for _ in range(2):
        start(tmp_path).stop()


def test_a_table_with_jobs_starts_beside_its_files(tmp_path: Path) -> None:
    filled(tmp_path / "maquette.sqlite3", jobs=1)
    (tmp_path / MODEL).parent.mkdir(parents=True)
    (tmp_path / MODEL).touch()

    start(tmp_path).stop()


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "maquette.sqlite3")
    WAYS["quarter"](tmp_path / "maquette.sqlite3")

    with pytest.raises(StoreDamaged, match="damaged"):
        start(tmp_path)
