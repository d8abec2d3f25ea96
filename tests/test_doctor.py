"""`python -m core.doctor` and `core.backup_files`, where jobs and files lie on this machine's disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core import backup_files, doctor
from core.services.file_check import FileCheck
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.archive import SqliteRows
from core.stores.sqlite.job_store import SqliteJobStore
from core.system_clock import SystemClock
from tests.builders import EVERY_SLOT, intent, new_job, stored_image, stored_model

PICTURE, MODEL = b"\xff\xd8 a picture", b"glTF a model"
IMAGE_KEY, MODEL_KEY = "images/cup.jpg", "models/1/task-1/cup.glb"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalObjectStore:
    """One finished job, with what is kept beside its model."""
    monkeypatch.chdir(tmp_path)
    for name in ("SUPABASE_URL", "SUPABASE_KEY", "STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    objects = LocalObjectStore(tmp_path / "data" / "files")
    jobs = SqliteJobStore(tmp_path / "data" / "maquette.sqlite3", SystemClock())
    image = stored_image(key=IMAGE_KEY, size_bytes=len(PICTURE), sha256=hashlib.sha256(PICTURE).hexdigest())
    model = stored_model(key=MODEL_KEY, size_bytes=len(MODEL), sha256=hashlib.sha256(MODEL).hexdigest())
    jobs.add(new_job(image=image))
    claim = jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    jobs.mark_submitting(claim, intent())
    jobs.bind_task(claim, "task-1", poll_in_s=0)
    jobs.release(claim)
    due = jobs.claim_due(owner="w", lease_s=60, generator="tripo", limit=1)[0]
    jobs.mark_saving(due.claim, credits_used=None)
    jobs.complete(jobs.claim_saving(owner="w", lease_s=60, generator="tripo", limit=1)[0].claim, model)
    jobs.close()
    objects.put(IMAGE_KEY, PICTURE, media_type="image/jpeg")
    objects.put(MODEL_KEY, MODEL, media_type="model/gltf-binary")
    objects.put("models/1/task-1/rendered.png", b"\x89PNG", media_type="image/png")
    objects.put("models/1/task-1/0123456789abcdef.v3.json", b"{}", media_type="application/json")
    return objects


def test_all_is_well(files: LocalObjectStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) == 0
    assert doctor.main(["--hashes"]) == 0
    said = capsys.readouterr().out
    assert said.count("All is well.") == 2
    assert "1 jobs have 2 pictures and models on record. Compared by name, size and hash." in said


def test_what_is_missing_is_named_with_its_job_and_what_to_do(
    files: LocalObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    files.delete(MODEL_KEY)

    assert doctor.main([]) == 1
    said = capsys.readouterr().out
    assert f"  job 1: {MODEL_KEY}\n" in said
    assert "Put them back from a backup" in said


def test_a_file_of_another_size_is_seen_at_once_and_one_of_the_same_size_by_its_hash(
    files: LocalObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    files.put(MODEL_KEY, MODEL[::-1], media_type="model/gltf-binary")
    assert doctor.main([]) == 0
    assert doctor.main(["--hashes"]) == 1
    assert f"job 1: {MODEL_KEY} (other bytes of the same size)" in capsys.readouterr().out

    files.put(MODEL_KEY, MODEL[1:], media_type="model/gltf-binary")
    assert doctor.main([]) == 1
    assert f"job 1: {MODEL_KEY} ({len(MODEL) - 1} bytes instead of {len(MODEL)})" in capsys.readouterr().out


def test_what_no_job_names_is_told_and_is_no_fault(files: LocalObjectStore, capsys: pytest.CaptureFixture[str]) -> None:
    strays = ["models/1/task-1/other.glb", "models/9/task-9/rendered.png", "images/stray.png"]
    for key in strays:
        files.put(key, b"x", media_type="image/png")

    assert doctor.main([]) == 0
    said = capsys.readouterr().out
    assert "Foreign: 3 files belong to no job" in said
    assert [line.strip() for line in said.splitlines() if line.startswith("  ")] == sorted(strays)


def test_a_long_list_is_cut_unless_all_is_asked_for(
    files: LocalObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(25):
        files.put(f"images/stray-{number}.png", b"x", media_type="image/png")

    doctor.main([])
    assert "  … and 5 more (--all names them)" in capsys.readouterr().out
    doctor.main(["--all"])
    said = capsys.readouterr().out
    assert all(f"images/stray-{number}.png" in said for number in range(25))


def test_it_changes_nothing_and_makes_nothing(
    files: LocalObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in tmp_path.rglob("*") if path.is_file()
        }

    before = state()
    doctor.main(["--hashes"])
    assert state() == before

    monkeypatch.setenv("DATA_DIR", str(tmp_path / "nowhere"))
    assert doctor.main([]) == 2
    assert "There is no job table" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_help_says_what_it_does_and_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        doctor.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "changes nothing" in said
    assert "1 when files are missing or changed" in said


def test_a_file_that_is_removed_while_it_looks_is_missing(files: LocalObjectStore, tmp_path: Path) -> None:
    rows = SqliteRows(tmp_path / "data" / "maquette.sqlite3")

    class Shrinking(LocalObjectStore):
        def get(self, key: str) -> bytes:
            self.delete(key)
            return super().get(key)

    checked = FileCheck(rows=rows, objects=Shrinking(tmp_path / "data" / "files")).run(reads_all=True)

    assert [fault.key for fault in checked.missing] == [IMAGE_KEY, MODEL_KEY]


def test_files_are_saved_to_a_folder_and_put_back(
    files: LocalObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backup_files.main(["save", str(tmp_path / "backup")]) == 0
    assert "3 files" in capsys.readouterr().out
    files.delete(MODEL_KEY)
    files.put(IMAGE_KEY, b"broken", media_type="image/jpeg")

    assert backup_files.main(["restore", str(tmp_path / "backup")]) == 0
    assert (files.get(MODEL_KEY), files.get(IMAGE_KEY)) == (MODEL, PICTURE)
    assert doctor.main(["--hashes"]) == 0


def test_a_file_that_cannot_be_saved_is_told(
    files: LocalObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.delete(MODEL_KEY)

    assert backup_files.main(["save", str(tmp_path / "backup")]) == 1
    assert f"1 files are not there to be copied: {MODEL_KEY}" in capsys.readouterr().err
