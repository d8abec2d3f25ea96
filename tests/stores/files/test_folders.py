"""Folders that many write to: nothing is left over, nothing of others is touched, nobody is disturbed."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.bootstrap import build_services
from core.domain.errors import StorageFull
from core.settings import Settings
from core.stores.files import object_store
from core.stores.files.object_store import LocalObjectStore
from core.stores.folders import STALE_S

pytestmark = pytest.mark.slow

SIZE, ROUNDS = 1000, 200


def left_over(folder: Path, name: str, *, age_s: float) -> Path:
    """What a process that is gone, or at work, has there."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(SIZE))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_emptied_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    for key in ("images/a/cup.jpg", "images/a/b/cup.jpg", "images/c/cup.jpg"):
        store.put(key, b"x", media_type="image/jpeg")

    store.delete("images/c/cup.jpg")
    assert names(tmp_path) == ["images", "images/a", "images/a/b", "images/a/b/cup.jpg", "images/a/cup.jpg"]
    store.delete("images/a/cup.jpg")
    store.delete("images/a/b/cup.jpg")
    assert names(tmp_path) == []
    store.delete("images/a/b/cup.jpg")
    assert tmp_path.is_dir(), "but the store's own folder stays"


def test_puts_are_not_disturbed_by_deletes_in_the_same_folder(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)

    def put_and_delete(number: int) -> None:
        for turn in range(ROUNDS):
            key = f"images/{turn % 2}/{number}.jpg"
            store.put(key, b"x", media_type="image/jpeg")
            assert store.get(key) == b"x"
            store.delete(key)

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(put_and_delete, number) for number in range(8)]
    assert [result.exception() for result in results] == [None] * 8
    assert names(tmp_path) == []


def test_a_put_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull):
        LocalObjectStore(tmp_path).put("images/a/cup.jpg", b"x", media_type="image/jpeg")

    assert names(tmp_path) == []


def test_what_a_dead_process_left_half_written_goes_when_room_is_made(tmp_path: Path) -> None:
    old = left_over(tmp_path, "a/.1.part", age_s=STALE_S + 60)
    fresh = left_over(tmp_path, "a/.2.part", age_s=STALE_S - 60)
    LocalObjectStore(tmp_path, most_bytes=10 * SIZE).put("a/x", b"x", media_type="x")

    assert (old.exists(), fresh.exists()) == (False, True)


def test_the_oldest_go_first_with_their_folders(tmp_path: Path) -> None:
    for number in range(4):
        left_over(tmp_path, f"{number}/model.stl", age_s=1000 - number)
    LocalObjectStore(tmp_path, most_bytes=3 * SIZE).put("new/model.stl", bytes(SIZE), media_type="x")

    assert names(tmp_path) == ["2", "2/model.stl", "3", "3/model.stl", "new", "new/model.stl"]


def test_a_file_is_stored_whatever_becomes_of_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError("a file of somebody else")

    monkeypatch.setattr(object_store, "make_room", fail)
    store = LocalObjectStore(tmp_path, most_bytes=SIZE)
    store.put("a", b"x", media_type="x")

    assert store.get("a") == b"x"


def test_a_sweep_removes_only_what_nobody_uses(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    store.put("images/a/cup.jpg", b"x", media_type="image/jpeg")
    left_over(tmp_path, "images/b/.1.part", age_s=STALE_S + 60)
    left_over(tmp_path, "images/c/.2.part", age_s=1)
    (tmp_path / "images" / "d" / "e").mkdir(parents=True)
    store.sweep()

    assert names(tmp_path) == ["images", "images/a", "images/a/cup.jpg", "images/c", "images/c/.2.part"]
    LocalObjectStore(tmp_path / "none").sweep()


def test_a_start_sweeps_what_killed_processes_left(tmp_path: Path) -> None:
    left = [left_over(tmp_path / name, "a/.1.part", age_s=STALE_S + 60) for name in ("files", "drafts", "exports")]
    services = build_services(Settings(data_dir=tmp_path, _env_file=None))
    services.start()
    pause = threading.Event()
    try:
        for _ in range(200):
            if not any(path.parent.exists() for path in left):
                break
            pause.wait(0.05)
    finally:
        services.stop()
    assert [path for path in left if path.parent.exists()] == []
