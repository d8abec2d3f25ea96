"""Where files lie on the server is for its log, never for an answer."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import MaquetteError
from core.generators.offline.generator import OfflineGenerator
from core.ports.journal import TaskNote
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests import pictures
from tests.builders import stored_image
from tests.clocks import FakeClock
from tests.web.conftest import Site


@pytest.fixture
def blocked(tmp_path: Path) -> Path:
    """A folder that cannot be: a file has its name."""
    folder = tmp_path / "secret-place"
    folder.write_bytes(b"")
    return folder


def engine_without_folder(folder: Path) -> OfflineGenerator:
    folder.unlink()
    engine = OfflineGenerator(folder, environment={})
    shutil.rmtree(folder)
    folder.write_bytes(b"")
    return engine


ACTS: dict[str, Callable[[Path], Any]] = {
    "put": lambda folder: LocalObjectStore(folder).put("a/b.jpg", b"x", media_type="image/jpeg"),
    "get": lambda folder: LocalObjectStore(folder).get("a/b.jpg"),
    "delete": lambda folder: LocalObjectStore(folder).delete("a/b.jpg"),
    "table": lambda folder: SqliteJobStore(folder / "jobs.sqlite3", FakeClock()),
    "journal": lambda folder: LocalJournal(folder).write(TaskNote(job_id=1, attempt=1, task_id="t")),
    "engine": lambda folder: engine_without_folder(folder).upload(stored_image(), b"x"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_file_that_cannot_be_used_is_told_without_its_place_which_the_log_has(
    blocked: Path, act: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("core"), "propagate", True)
    with pytest.raises(MaquetteError) as raised:
        ACTS[act](blocked)

    assert "secret-place" not in raised.value.message
    assert str(blocked.parent) not in raised.value.message
    assert "secret-place" in caplog.text


@pytest.mark.parametrize("fault", [errno.EACCES, errno.EIO, errno.EROFS, errno.ENOSPC])
def test_no_answer_tells_where_files_lie(site: Site, fault: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"image": ("a.jpg", pictures.cat())}
    number = site.client.post("/api/generate-3d", files=files, data={"targetObject": "Cup"}).json()["record_id"]
    site.finish(number)

    def broken(path: Path, *args: object, **more: object) -> Any:
        raise OSError(fault, os.strerror(fault), str(path))

    for name in ("open", "read_bytes", "write_bytes", "mkdir", "replace"):
        monkeypatch.setattr(Path, name, broken)
    answers = [
        site.client.post("/api/generate-3d", files=files, data={"targetObject": "Cup"}),
        site.client.get(f"/api/jobs/{number}/image"),
        site.client.get(f"/api/jobs/{number}/rendered.png"),
        site.client.get(f"/api/jobs/{number}/report"),
        site.client.get("/api/health"),
    ]

    assert {answer.status_code for answer in answers[:3]} <= {404, 503, 507}
    for answer in answers:
        assert str(site.services.settings.data_dir) not in answer.text, answer.request.url
