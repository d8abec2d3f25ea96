"""What lies on a machine's disk belongs to one installation: copies of files, and what a move has to wait for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.domain.claims import Failure
from core.domain.errors import MigrationRefused
from core.domain.status import Status
from core.migrate import check_settled
from core.ports.journal import TaskNote
from core.services.collect import spool_key
from core.settings import Settings
from core.storage import journal_of, spool_of
from core.stores.sqlite.archive import SqliteArchive
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.connection import Connection
from core.stores.supabase.object_store import SupabaseObjectStore
from core.system_clock import SystemClock
from tests.builders import EVERY_SLOT, intent, new_job

OURS = TaskNote(job_id=1, attempt=1, task_id="task-1", nonce=7, installation="ours", project="p")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[SqliteJobStore]:
    """The job table of the installation `ours`."""
    file = tmp_path / "table" / "maquette.sqlite3"
    store, archive = SqliteJobStore(file, SystemClock()), SqliteArchive(file)
    archive.name_installation("ours")
    archive.close()
    yield store
    store.close()


def supabase(folder: Path, url: str = "https://x.supabase.co") -> Settings:
    return Settings(data_dir=folder, supabase_url=url, supabase_key=SecretStr("sb_secret_x"), _env_file=None)


def test_a_copy_of_an_emptied_installation_is_not_given_for_the_new_ones_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = {"models/1/cup.glb": b"of the old job 1"}
    monkeypatch.setattr(SupabaseObjectStore, "_download", lambda self, key: storage[key])

    def files(installation: str) -> SupabaseObjectStore:
        connection = Connection("https://x.supabase.co", "sb_secret_x")
        return SupabaseObjectStore(connection, cache=tmp_path, installation=lambda: installation)

    assert files("old").get("models/1/cup.glb") == b"of the old job 1"
    storage["models/1/cup.glb"] = b"of the new job 1"

    assert files("new").get("models/1/cup.glb") == b"of the new job 1"
    assert files("old").get("models/1/cup.glb") == b"of the old job 1"


@pytest.mark.parametrize("left", ["note", "old note", "unreadable note", "model"])
def test_a_move_waits_for_paid_answers_and_models_of_its_own(left: str, tmp_path: Path, jobs: SqliteJobStore) -> None:
    settings = supabase(tmp_path)
    if left == "note":
        journal_of(settings, "tripo").write(OURS)
    elif left == "old note":
        journal_of(settings, "offline").write(TaskNote(job_id=1, attempt=1, task_id="task-1"))
    elif left == "unreadable note":
        (tmp_path / "journal" / "tripo").mkdir(parents=True)
        (tmp_path / "journal" / "tripo" / "1-1.json").write_text("{")
    else:
        spool = spool_of(settings)
        assert spool is not None
        spool.put("models/task-1.glb", b"glTF", media_type="application/octet-stream")

    with pytest.raises(MigrationRefused, match=r"^1 paid"):
        check_settled(settings, jobs)


def test_a_move_does_not_wait_for_what_belongs_to_another_installation(tmp_path: Path, jobs: SqliteJobStore) -> None:
    settings, other = supabase(tmp_path), spool_of(supabase(tmp_path, "https://another.supabase.co"))
    assert other is not None
    other.put("models/task-1.glb", b"glTF", media_type="application/octet-stream")
    note = TaskNote(job_id=1, attempt=1, task_id="task-1", nonce=7, installation="another")
    journal_of(settings, "tripo").write(note)

    check_settled(settings, jobs)
    assert journal_of(settings, "tripo").notes() == [note]


def test_a_move_waits_for_a_model_until_its_job_has_ended(tmp_path: Path, jobs: SqliteJobStore) -> None:
    settings = supabase(tmp_path)
    spool = spool_of(settings)
    assert spool is not None
    jobs.add(new_job())
    claim = jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    jobs.mark_submitting(claim, intent())
    jobs.bind_task(claim, "task-1", poll_in_s=0)
    spool.put(spool_key("task-1"), b"glTF", media_type="application/octet-stream")
    with pytest.raises(MigrationRefused, match=r"^1 paid"):
        check_settled(settings, jobs)

    assert jobs.fail(claim, Failure(code="model_not_fetched", message="x")).status is Status.FAILED
    check_settled(settings, jobs)
    assert spool.keys() == [spool_key("task-1")], "it is kept all the same"
