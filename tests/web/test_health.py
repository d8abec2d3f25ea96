"""Health tells of what does not work, answers whatever happens, and is well again once it works."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.errors import StorageFull, StoreUnavailable
from core.ports.disk import DiskState
from core.services import watched_files
from core.services.watched_files import WatchedFiles
from core.stores.files.disk import LEAST_FREE_BYTES, Disk
from core.stores.files.object_store import LocalObjectStore
from core.web import health_api
from tests.web.conftest import Site


def told(site: Site) -> dict[str, dict[str, object]]:
    answer = site.client.get("/api/health")
    assert (answer.status_code == 200) == (answer.json()["status"] == "ok")
    return dict(answer.json())


def test_what_it_has_always_told_and_what_it_tells_since(site: Site) -> None:
    health = told(site)

    assert health["status"] == "ok"
    assert set(health) == {"status", "store", "scheduler", "generator", "files", "disk"}
    for part in ("store", "scheduler", "files", "disk"):
        assert (health[part]["ok"], health[part]["problem"]) == (True, None)
    assert isinstance(health["scheduler"]["heartbeat_age_s"], float)
    assert isinstance(health["disk"]["free_mb"], int)


def test_a_write_to_the_job_table_that_failed_is_told_until_one_works(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = site.services.jobs._database._connection  # type: ignore[attr-defined]
    connection.execute("pragma query_only = on")  # as on a disk that takes no writes: reading goes on
    with pytest.raises(StoreUnavailable):
        site.services.jobs.beat(owner="t")
    assert told(site)["store"]["ok"] is False
    assert "cannot be used now" in str(told(site)["store"]["problem"])

    connection.execute("pragma query_only = off")
    assert told(site)["store"]["ok"] is True


def test_a_file_that_could_not_be_stored_is_told_until_one_can(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_files, "TRY_AGAIN_S", -1.0)
    works = LocalObjectStore.put

    def full(self: LocalObjectStore, key: str, data: bytes, *, media_type: str) -> None:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(LocalObjectStore, "put", full)
    with pytest.raises(StorageFull):
        site.services.objects.put("images/a.png", b"x", media_type="image/png")
    assert told(site)["files"] == {"ok": False, "problem": "The disk is full."}
    assert told(site)["store"]["ok"] is True

    monkeypatch.setattr(LocalObjectStore, "put", works)
    assert told(site)["files"]["ok"] is True
    assert list((site.services.settings.data_dir / "files").rglob("*probe*")) == []


def test_a_failed_file_is_tried_again_now_and_then_and_not_with_every_question() -> None:
    class Broken(LocalObjectStore):
        tries = 0

        def put(self, key: str, data: bytes, *, media_type: str) -> None:
            self.tries += 1
            raise StoreUnavailable("away")

    broken = Broken(Path("nowhere"))
    files = WatchedFiles(broken)
    assert files.problem() is None
    with pytest.raises(StoreUnavailable):
        files.put("images/a", b"", media_type="x")
    assert [files.problem() for _ in range(5)] == ["away"] * 5
    assert broken.tries == 1


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(
    code: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise OSError(code, "refused by the test")

    site.services = replace(
        site.services, health=replace(site.services.health, disk=Disk(site.services.settings.data_dir).state)
    )
    monkeypatch.setattr(Path, "write_bytes", refuse)
    state = site.services.health.look(patience_s=10)

    assert not state.is_well
    assert state.disk.problem is not None
    assert "DATA_DIR" in state.disk.problem
    assert "writable" in state.disk.problem
    assert str(site.services.settings.data_dir) not in state.disk.problem


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": LEAST_FREE_BYTES - 1})()
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)

    state = Disk(tmp_path).state()
    assert state.problem is not None
    assert "MB left" in state.problem
    assert list(tmp_path.iterdir()) == []


def test_the_disk_is_not_looked_at_with_every_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path)
    assert disk.state().problem is None
    monkeypatch.setattr(Path, "write_bytes", None)

    assert disk.state().problem is None


def test_it_answers_though_the_table_does_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()

    def hang(self: object) -> None:
        assert may_end.wait(20)

    monkeypatch.setattr(health_api, "ANSWER_S", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(type(site.services.jobs), "last_beat", hang)
        before = threading.active_count()
        answers = [told(site) for _ in range(5)]
        assert threading.active_count() <= before + 1, "one look for all"
        may_end.set()
        site.services.health.look(patience_s=20)
    assert all("has not answered" in str(answer["store"]["problem"]) for answer in answers)

    monkeypatch.setattr(health_api, "ANSWER_S", 20.0)
    assert told(site)["status"] == "ok"


@pytest.mark.parametrize("what", ["jobs", "disk"])
def test_a_fault_of_ours_is_told_and_raises_nothing(
    what: str, site: Site, monkeypatch: pytest.MonkeyPatch, make_site: Callable[..., Site]
) -> None:
    def fault(*args: object) -> DiskState:
        raise RuntimeError("a fault of the test")

    if what == "jobs":
        monkeypatch.setattr(type(site.services.jobs), "last_beat", fault)
        health = site.services.health
    else:
        health = replace(site.services.health, disk=fault)

    state = health.look(patience_s=20)
    assert not state.is_well
    assert "fault of ours" in str(state.store_problem)
