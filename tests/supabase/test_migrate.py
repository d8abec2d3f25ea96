"""Moving an installation to Supabase and back: nothing is lost, nothing is mixed up, nothing is ordered twice."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from core.domain.claims import Claimed, Failure
from core.domain.errors import IllegalTransition, MigrationRefused, StoreUnavailable
from core.domain.generation import Balance, OrphanedTask, Source
from core.domain.request import Conversion
from core.domain.status import Stage, Status
from core.ports.account_store import Delivery
from core.ports.archive import TABLES, Record
from core.ports.job_store import JobQuery
from core.services.backoff import FOR_GOOD_S
from core.services.copy_files import SIDE_BY_SIDE
from core.services.migrate import Installation, Migrate, Moved
from core.settings import Settings
from core.storage import installations
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.archive import SqliteArchive
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.archive import SupabaseArchive
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.object_store import SupabaseObjectStore
from core.system_clock import SystemClock
from tests.builders import EVERY_SLOT, intent, new_job, stored_image, stored_model
from tests.supabase.project import TABLES as EVERY_TABLE
from tests.supabase.project import UPDATE
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
PICTURE, MODEL = b"\xff\xd8 a picture", b"glTF a model"


@pytest.fixture(scope="module")
def server(project: SupabaseLite) -> SupabaseLite:
    return project


@pytest.fixture
def remote(server: SupabaseLite, tmp_path: Path) -> Iterator[Installation]:
    server.sql(f"truncate {EVERY_TABLE} restart identity cascade; delete from storage.objects;")  # noqa: S608
    connection = Connection(server.url, server.secret_key)
    yield Installation(
        name="Supabase",
        jobs=SupabaseJobStore(connection),
        archive=SupabaseArchive(connection),
        objects=SupabaseObjectStore(connection, cache=tmp_path / "cache"),
    )
    connection.close()


def local(folder: Path) -> Installation:
    file = folder / "maquette.sqlite3"
    return Installation(
        name=f"SQLite in {folder}",
        jobs=SqliteJobStore(file, SystemClock()),
        archive=SqliteArchive(file),
        objects=LocalObjectStore(folder / "files"),
    )


class Silent:
    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def begin(self, what: str, total: int) -> None:
        self.told.append((what, total))

    def advance(self, count: int) -> None:
        what, left = self.told[-1]
        self.told[-1] = (what, left - count)


def move(source: Installation, target: Installation) -> Moved:
    progress = Silent()
    moved = Migrate(source=source, target=target, progress=progress, generators=("tripo", "comfyui", "offline")).run()
    assert all(left == 0 for _, left in progress.told), "the bar ends full"
    return moved


def live_in(side: Installation, *, more: int = 0) -> None:
    """Jobs in many stages, with files, events, an account, orphaned tasks and a delivery."""
    jobs = side.jobs
    image = stored_image(
        key="images/ä 犬/cup.jpg", size_bytes=len(PICTURE), sha256=hashlib.sha256(PICTURE).hexdigest(), name="Tässe.jpg"
    )
    model = stored_model(size_bytes=len(MODEL), sha256=hashlib.sha256(MODEL).hexdigest())
    side.objects.put(image.key, PICTURE, media_type="image/jpeg")
    side.objects.put(model.key, MODEL, media_type="model/gltf-binary")
    for number in range(4 + more):
        jobs.add(
            new_job(
                target_object=f"Tasse 犬 {number}",
                image=image,
                idempotency_key=f"k{number}",
                request_hash="h",
                credits_estimate=Decimal("30.50"),
            )
        )
    claims = [each.claim for each in jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=3)]
    for number, claim in enumerate(claims):
        jobs.mark_submitting(claim, intent(nonce=100 + number, image_token=f"tok{number}", account="acc"))
    jobs.bind_task(claims[0], "task-0", poll_in_s=0)
    jobs.release(claims[0])
    due = jobs.claim_due(owner="w", lease_s=60, generator="tripo", limit=1)[0]
    jobs.mark_saving(due.claim, credits_used=Decimal(30))
    saving = jobs.claim_saving(owner="w", lease_s=60, generator="tripo", limit=1)[0]
    jobs.complete(saving.claim, model)
    jobs.mark_uncertain(claims[1], note="lost")
    jobs.fail(claims[2], Failure(code="2008", message="refused"))
    jobs.accounts.note_echo("acc")
    jobs.accounts.note_balance("acc", Balance(available=Decimal("12.5"), held=Decimal(3)))
    jobs.accounts.keep_orphaned(
        [OrphanedTask(task_id="orphan", account="acc", source=Source.USAGE, evidence="a nonce")]
    )
    jobs.accounts.note_delivery("acc", Delivery(id="d1", type="task.completed", task_id="orphan"))


def everything(side: Installation) -> dict[str, list[Record]]:
    return {table: side.archive.read(table, after=TABLES[table].first_key, limit=10_000) for table in TABLES}


def test_jobs_of_every_kind_move_and_keys_of_orders_with_them(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    for asked in (
        {"prompt": "a cup"},
        {"left": stored_image(key="images/l/cup.jpg")},
        {"conversion": Conversion(task_id="t"), "source": 1, "idempotency_key": "~o", "caller_key": "k"},
    ):
        here.jobs.add(new_job(**asked))
    move(here, remote)

    for number in (1, 2, 3):
        assert remote.jobs.get(number) == here.jobs.get(number)
    assert remote.jobs.job_of_key("k") == here.jobs.get(3)
    back = local(tmp_path / "back")
    move(remote, back)
    assert everything(back) == everything(here)


def test_there_and_back_everything_is_as_it_was(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    before = everything(here)

    moved = move(here, remote)

    assert moved.rows == {table: len(rows) for table, rows in before.items()}
    assert (moved.files, moved.file_bytes, moved.missing) == (2, len(PICTURE) + len(MODEL), ())
    assert everything(remote) == before
    for number in range(1, 5):
        assert remote.jobs.get(number) == here.jobs.get(number)
        assert remote.jobs.events(number) == here.jobs.events(number)
    back = local(tmp_path / "back")
    move(remote, back)
    assert everything(back) == before
    assert back.objects.get("images/ä 犬/cup.jpg") == PICTURE


def test_work_goes_on_at_the_new_place_and_never_at_the_old_one(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    move(here, remote)

    taken = [each.job.id for each in remote.jobs.claim_queued(owner="n", lease_s=60, slots=EVERY_SLOT, limit=9)]
    assert taken == [4]
    assert here.jobs.claim_queued(owner="o", lease_s=60, slots=EVERY_SLOT, limit=9) == []
    assert remote.jobs.get(2).stage is Stage.UNCERTAIN
    assert remote.jobs.add(new_job()).job.id == 5
    assert remote.jobs.events(5)[0].id > max(event.id for event in here.jobs.events(4))
    assert remote.jobs.add(new_job(idempotency_key="k1", request_hash="h")).job.id == 2
    changed, _ = remote.jobs.changed_since(0, limit=99)
    assert {job.id for job in changed} == {1, 2, 3, 4, 5}


class CutOff(SupabaseArchive):
    """Fails once some batches of rows are written."""

    def __init__(self, connection: Connection, batches: int) -> None:
        super().__init__(connection)
        self.left = batches

    def restore(self, table: str, records: object) -> None:
        if self.left == 0:
            raise StoreUnavailable("the network is gone")
        self.left -= 1
        super().restore(table, records)  # type: ignore[arg-type]


@pytest.mark.parametrize("batches", [0, 1, 2, 3, 4, 5])
def test_cut_off_anywhere_it_goes_on_where_it_was(
    server: SupabaseLite, remote: Installation, tmp_path: Path, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.services.migrate.BATCH", 5)
    here = local(tmp_path / "here")
    live_in(here, more=9)
    connection = Connection(server.url, server.secret_key)
    cut = Installation(name="Supabase", jobs=remote.jobs, archive=CutOff(connection, batches), objects=remote.objects)
    with pytest.raises(StoreUnavailable):
        move(here, cut)
    assert here.jobs.accounts.account_wait_s(generator="tripo") == 0, "the old installation still works"

    assert move(here, remote).rows["generated_images"] == 13
    assert everything(remote) == everything(here)
    connection.close()


def test_nothing_is_ordered_at_the_new_place_before_the_old_one_has_stopped(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    """Both have the same waiting jobs for a while: only one side may take them at any time."""
    here = local(tmp_path / "here")
    live_in(here)

    class Greedy(SupabaseArchive):
        """Somebody starts a worker at the new place in the middle of the move."""

        taken: ClassVar[list[Claimed]] = []

        def restore(self, table: str, records: object) -> None:
            super().restore(table, records)  # type: ignore[arg-type]
            self.taken += remote.jobs.claim_queued(owner="early", lease_s=60, slots=EVERY_SLOT, limit=9)

    connection = Connection(server.url, server.secret_key)
    greedy = Greedy(connection)
    move(here, Installation(name="Supabase", jobs=remote.jobs, archive=greedy, objects=remote.objects))

    assert greedy.taken == []
    assert len(remote.jobs.claim_queued(owner="n", lease_s=60, slots=EVERY_SLOT, limit=9)) == 1
    connection.close()


def test_what_was_moved_is_not_moved_to_another_place(remote: Installation, tmp_path: Path) -> None:
    here, elsewhere = local(tmp_path / "here"), local(tmp_path / "elsewhere")
    live_in(here)
    move(here, remote)
    move(here, remote)  # the same move again: nothing to do

    with pytest.raises(MigrationRefused, match="was moved already"):
        move(here, elsewhere)
    assert everything(elsewhere)["generated_images"] == []
    assert len(remote.jobs.claim_queued(owner="n", lease_s=60, slots=EVERY_SLOT, limit=9)) == 1


def test_a_move_that_is_taken_back_at_once_leaves_a_place_that_works(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    move(here, remote)
    move(remote, here)

    assert remote.jobs.claim_queued(owner="r", lease_s=60, slots=EVERY_SLOT, limit=9) == []
    assert len(here.jobs.claim_queued(owner="h", lease_s=60, slots=EVERY_SLOT, limit=9)) == 1


def test_files_that_no_row_describes_move_too(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    here.jobs.add(new_job())
    claim = here.jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    here.jobs.fail(claim, Failure(code="model_kept_unread", message="broken"))
    here.objects.put(f"models/{claim.job_id}/original.bin", b"glTF broken", media_type="application/octet-stream")
    here.objects.put("models/1/rendered.png", b"\x89PNG", media_type="image/png")

    move(here, remote)

    assert remote.objects.get(f"models/{claim.job_id}/original.bin") == b"glTF broken"
    assert remote.objects.get("models/1/rendered.png") == b"\x89PNG"


def test_a_copy_on_this_machine_is_no_proof_that_the_bucket_has_it(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    settings = Settings(
        supabase_url=server.url, supabase_key=SecretStr(server.secret_key), data_dir=tmp_path / "here", _env_file=None
    )
    here = local(tmp_path / "here")
    live_in(here)
    _, uncached = installations(settings)
    for _ in range(2):
        move(here, uncached)
        key = "models/1/cup.glb"
        assert remote.objects.exists(key)
        uncached.objects.delete(key)  # somebody emptied the bucket
    uncached.jobs.close()


def test_an_installation_at_work_is_not_moved(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    for side in (here, remote):
        side.jobs.beat(owner="host-1")
        with pytest.raises(MigrationRefused, match=r"at work: host-1 .* Stop all"):
            move(here, remote)
        if side is here:
            here = local(shutil.copytree(tmp_path / "here", tmp_path / "copy"))
            # the copy's heartbeat is as young: forget it
            here.archive._database._connection.execute("delete from scheduler_heartbeats")  # type: ignore[attr-defined]
    assert everything(remote)["generated_images"] == []


def test_two_installations_are_not_mixed(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    remote.jobs.add(new_job(target_object="another job 1"))
    before = everything(remote)

    with pytest.raises(MigrationRefused, match=r"id 1 of generated_images .* other content.*Nothing was written"):
        move(here, remote)

    assert everything(remote) == before
    assert not remote.objects.exists("images/ä 犬/cup.jpg")


def test_rows_that_only_the_new_place_has_are_not_mixed_in(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    remote.jobs.add(new_job())

    with pytest.raises(MigrationRefused, match="1 rows in generated_images that"):
        move(here, remote)


def test_a_changed_file_is_refused_and_a_missing_one_is_told(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    live_in(here)
    here.objects.put("models/1/cup.glb", b"glTF other!!", media_type="model/gltf-binary")
    with pytest.raises(MigrationRefused, match=r"models/1/cup.glb .* other size or hash"):
        move(here, remote)

    here.objects.delete("models/1/cup.glb")
    assert move(here, remote).missing == ("models/1/cup.glb",)


def test_rows_of_an_older_system_move_with_their_links(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    server.sql(
        'insert into public.generated_images (session_id, target_object, iteration, image_url, "3d_url", status, '
        "stage, finished_at) values ('s', 'Dog', 1, 'https://old.example/d.png', 'https://old.example/d.glb', "
        "'completed', 'done', now())"
    )
    back = local(tmp_path / "back")

    move(remote, back)

    job = back.jobs.get(1)
    assert (job.status, job.model_link, job.image_link) == (
        Status.COMPLETED,
        "https://old.example/d.glb",
        "https://old.example/d.png",
    )


def test_the_command_moves_and_says_what_it_did(server: SupabaseLite, remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "data")
    live_in(here)
    here.jobs.close()
    settings = {
        "PATH": "/usr/bin:/bin",
        "SUPABASE_URL": server.url,
        "SUPABASE_KEY": server.secret_key,
        "DATA_DIR": str(tmp_path / "data"),
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "core.migrate", *arguments]
        return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)

    there = run("to-supabase")
    assert there.returncode == 0, there.stderr
    assert "4 jobs with" in there.stdout
    assert "2 files" in there.stdout
    assert "100%" in there.stderr
    assert server.secret_key not in there.stdout + there.stderr
    again = run("to-sqlite", "--data-dir", str(tmp_path / "new"))
    assert again.returncode == 0, again.stderr
    assert local(tmp_path / "new").jobs.find(JobQuery()).total == 4

    settings |= {"SUPABASE_KEY": "sb_secret_wrong"}
    refused = run("to-supabase")
    assert refused.returncode == 1
    assert "SUPABASE_KEY" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_installation_takes_its_name_along_so_that_its_notes_are_still_its_own(
    tmp_path: Path, remote: Installation
) -> None:
    here = local(tmp_path)
    before, empty = here.jobs.installation(), remote.jobs.installation()
    assert before.id != empty.id
    live_in(here)
    move(here, remote)

    there = remote.jobs.installation()
    assert there.id == before.id
    assert there.is_same(before)
    assert there.project
    here.jobs.close()
    back = local(tmp_path / "back")
    move(remote, back)
    assert back.jobs.installation() == before
    back.jobs.close()


OLD_ROW = (
    'insert into public.generated_images (session_id, target_object, iteration, image_url, "3d_url", status, stage, '
    "finished_at, task_id, created_at) values ('s', '{name}', 1, {picture}, 'https://old.example/d.glb', 'completed', "
    "'done', now(), {task}, {made});"
)


def test_rows_without_a_picture_move_both_ways(server: SupabaseLite, remote: Installation, tmp_path: Path) -> None:
    server.sql(OLD_ROW.format(name="Dog", picture="null", task="'old-1'", made="'2024-01-02'"))
    remote.jobs.add(new_job(prompt="a red cup"))
    claim = remote.jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    remote.jobs.mark_submitting(claim, intent())
    remote.jobs.bind_task(claim, "task-1", poll_in_s=0)
    before = everything(remote)
    here = local(tmp_path / "here")

    move(remote, here)
    assert everything(here) == before

    server.sql(f"truncate {EVERY_TABLE} restart identity cascade")
    move(here, remote)
    assert everything(remote) == before
    other = remote.jobs.add(new_job()).job.id
    sent = remote.jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    assert sent.job_id == other
    remote.jobs.mark_submitting(sent, intent(nonce=7, image_token="tok7"))
    with pytest.raises(IllegalTransition, match="task-1"):
        remote.jobs.bind_task(sent, "task-1", poll_in_s=0)


def test_an_old_task_in_two_rows_is_refused_with_its_reason_where_the_new_table_cannot_hold_it(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    for name in ("Dog", "Cat"):
        server.sql(OLD_ROW.format(name=name, picture="null", task="'old-1'", made="'2024-01-02'"))
    here = local(tmp_path / "here")

    with pytest.raises(MigrationRefused, match=r"Job 2 has the same task \(old-1\) as another job.*run this again"):
        move(remote, here)

    server.sql("update public.generated_images set task_id = null where id = 2")
    assert move(remote, here).rows["generated_images"] == 2


def test_one_row_of_a_time_that_never_was_breaks_neither_the_list_nor_the_move(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    # as a file of before left it: today's has a trigger and a constraint for times
    server.sql("alter table generated_images drop constraint maquette_times, disable trigger maquette_elsewhere")
    for made in ("'infinity'", "'-infinity'", "'20000-01-01'", "'0044-03-15 BC'", "'2024-01-02'"):
        server.sql(OLD_ROW.format(name="Dog", picture="null", task="null", made=made))

    years = [job.created_at.year for job in remote.jobs.find(JobQuery()).jobs]
    assert years == [2024, 1700, 2250, 1700, 2250]
    assert len(remote.jobs.changed_since(0, limit=9)[0]) == 5
    here = local(tmp_path / "here")
    assert move(remote, here).rows["generated_images"] == 5
    assert [job.created_at.year for job in here.jobs.find(JobQuery()).jobs] == years

    server.sql_file(UPDATE)
    assert {job.created_at.year for job in remote.jobs.find(JobQuery()).jobs} == {2024, datetime.now(UTC).year}


@pytest.mark.parametrize("side", ["SQLite", "Supabase"])
def test_nothing_moves_on_a_side_that_is_stopped(
    server: SupabaseLite, remote: Installation, tmp_path: Path, side: str
) -> None:
    """Whoever starts a server there by mistake: no job goes on, or it would be told two stories."""
    place = remote if side == "Supabase" else local(tmp_path / "here")
    jobs = place.jobs
    for _ in range(6):
        jobs.add(new_job())
    claims = [each.claim for each in jobs.claim_queued(owner="w", lease_s=60, slots=EVERY_SLOT, limit=5)]
    for number, claim in enumerate(claims):
        jobs.mark_submitting(claim, intent(nonce=100 + number, image_token=f"tok{number}", account="acc"))
    jobs.bind_task(claims[0], "task-0", poll_in_s=0)
    jobs.bind_task(claims[1], "task-1", poll_in_s=0)
    for claim in claims[:2]:
        jobs.release(claim)
    saving = jobs.claim_due(owner="w", lease_s=60, generator="tripo", limit=1)[0].claim
    jobs.mark_saving(saving, credits_used=None)
    jobs.mark_uncertain(claims[2], note="lost")
    jobs.mark_blocked(claims[3], Failure(code="2010", message="no credit"))
    jobs.release(claims[4])

    def tick() -> list[object]:
        """All that a server does of its own accord."""
        return [
            *jobs.claim_queued(owner="n", lease_s=60, slots=EVERY_SLOT, limit=9),
            *jobs.claim_due(owner="n", lease_s=60, generator="tripo", limit=9),
            *jobs.claim_saving(owner="n", lease_s=60, generator="tripo", limit=9),
            *jobs.claim_uncertain(owner="n", lease_s=60, generator="tripo", limit=9),
            *[None] * jobs.expire_submitting(),
            *[None] * jobs.mark_late(timeout_s=0),
            *[None] * jobs.give_up_late(watch_s=0),
            *[None] * jobs.unblock(generator="tripo"),
        ]

    before = everything(place)
    jobs.accounts.pause_account(generator="tripo", wait_s=FOR_GOOD_S)
    assert tick() == []
    assert everything(place) == before

    place.archive.resume("tripo")
    assert len(tick()) >= 5, "or nothing was there to be moved"


def test_files_are_moved_side_by_side(remote: Installation, tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    for number in range(SIDE_BY_SIDE):
        data = f"glTF {number}".encode()
        image = stored_image(
            key=f"images/{number}.jpg", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), name="x.jpg"
        )
        here.objects.put(image.key, data, media_type="image/jpeg")
        here.jobs.add(new_job(image=image))
    together = threading.Barrier(SIDE_BY_SIDE, timeout=60)

    class Met(LocalObjectStore):
        """Gives nothing before as many files are asked for at once."""

        def get(self, key: str) -> bytes:
            together.wait()
            return super().get(key)

    met = Installation(name="here", jobs=here.jobs, archive=here.archive, objects=Met(tmp_path / "here" / "files"))
    assert move(met, remote).files == SIDE_BY_SIDE


def test_two_sides_that_were_both_moved_away_move_nothing(remote: Installation, tmp_path: Path) -> None:
    """The first move again would wake the middle one, whose jobs wait at the third place, too."""
    here, there = local(tmp_path / "here"), local(tmp_path / "there")
    live_in(here)
    move(here, remote)
    move(remote, there)

    for source, target in ((here, remote), (remote, here)):
        with pytest.raises(MigrationRefused, match=r"Both .* were moved elsewhere"):
            move(source, target)
    assert remote.jobs.claim_queued(owner="r", lease_s=60, slots=EVERY_SLOT, limit=9) == []
    assert here.jobs.claim_queued(owner="h", lease_s=60, slots=EVERY_SLOT, limit=9) == []
    assert len(there.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=9)) == 1


def test_a_place_whose_move_was_cut_off_is_said_to_be_that(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    here, there = local(tmp_path / "here"), local(tmp_path / "there")
    live_in(here)
    connection = Connection(server.url, server.secret_key)
    cut = Installation(name="Supabase", jobs=remote.jobs, archive=CutOff(connection, 1), objects=remote.objects)
    with pytest.raises(StoreUnavailable):
        move(here, cut)

    with pytest.raises(MigrationRefused, match="or a move to it was cut off and is not complete"):
        move(remote, there)
    assert everything(there)["generated_images"] == []
    connection.close()


def old_rows(server: SupabaseLite, columns: str, *values: str) -> None:
    rows = ", ".join(f"('s', 'Dog', 1, {each})" for each in values)
    server.sql(
        f"insert into public.generated_images (session_id, target_object, iteration, {columns}) values {rows}"  # noqa: S608
    )


def test_a_job_that_another_program_has_under_way_is_not_moved(
    server: SupabaseLite, remote: Installation, tmp_path: Path
) -> None:
    old_rows(server, "status", "'running'")

    with pytest.raises(MigrationRefused, match="1 jobs in Supabase are under way in another program"):
        move(remote, local(tmp_path / "back"))
