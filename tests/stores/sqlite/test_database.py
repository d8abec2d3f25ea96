"""How the file is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.stores.sqlite import database, upgrade
from core.stores.sqlite.database import Database


def test_a_server_waits_for_the_disk_with_every_transaction(
    synchronous: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source: sqlite.org, pragma synchronous: FULL is 2."""
    monkeypatch.setattr(database, "SYNCHRONOUS", synchronous)
    opened = Database(tmp_path / "jobs.sqlite3")
    with opened.read() as db:
        assert db.execute("pragma synchronous").fetchone()[0] == 2
    opened.close()


@pytest.mark.parametrize("pragma", ["fullfsync", "checkpoint_fullfsync"])
def test_the_disk_itself_is_waited_for_also_where_fsync_does_not_reach_it(pragma: str, tmp_path: Path) -> None:
    """On macOS it ends at the drive's cache. Source: sqlite.org, pragma fullfsync; without effect on other systems."""
    opened = Database(tmp_path / "jobs.sqlite3")
    with opened.read() as db:
        assert db.execute(f"pragma {pragma}").fetchone()[0] == 1
    opened.close()


def test_tables_are_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "migrations"
    broken.mkdir()
    (broken / "002_tables.sql").write_text("create table a (b integer);\ncreate table a (b integer);")
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "FOLDER", broken)
        with pytest.raises(Exception, match="already exists"):
            Database(tmp_path / "jobs.sqlite3")
    opened = Database(tmp_path / "jobs.sqlite3")
    with opened.read() as db:
        names = {row["name"] for row in db.execute("select name from sqlite_master where type = 'table'")}
    assert "a" not in names
    assert "generated_images" in names
    opened.close()
