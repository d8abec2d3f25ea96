"""A backup of a Supabase project, made and restored by the commands of docs/deploy.md, word for word."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.ports.archive import TABLES
from core.ports.job_store import JobQuery
from core.services.migrate import Installation
from core.stores.supabase.archive import SupabaseArchive
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.object_store import SupabaseObjectStore
from tests.builders import EVERY_SLOT, new_job, stored_image
from tests.supabase.postgres import binaries
from tests.supabase.project import TABLES as EVERY_TABLE
from tests.supabase.project import UPDATE
from tests.supabase.server import SupabaseLite
from tests.supabase.test_migrate import MODEL, PICTURE, live_in

pytestmark = pytest.mark.supabase
ROOT = Path(__file__).parents[2]
COMMANDS_S = 300.0


def commands(name: str) -> str:
    """The block of the document that stands below its mark."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"docs/deploy.md has no block {name}"
    return found[1].replace(".venv/bin/python", sys.executable)


def run(script: str, server: SupabaseLite, folder: Path) -> subprocess.CompletedProcess[str]:
    surroundings = {
        "PATH": f"{binaries()}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": server.database_url,
        "SUPABASE_URL": server.url,
        "SUPABASE_KEY": server.secret_key,
        "DATA_DIR": str(folder / "data"),
    }
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=COMMANDS_S,
        check=False,
    )


def side_of(server: SupabaseLite) -> Installation:
    connection = Connection(server.url, server.secret_key)
    return Installation(
        name="Supabase",
        jobs=SupabaseJobStore(connection),
        archive=SupabaseArchive(connection),
        objects=SupabaseObjectStore(connection, cache=None),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("operator")
    shutil.copy(UPDATE, made)
    return made


@pytest.fixture(scope="module")
def old(project: SupabaseLite, folder: Path) -> Iterator[Installation]:
    """A project with a life behind it, backed up."""
    side = side_of(project)
    live_in(side)
    side.jobs.add(
        new_job(
            image=stored_image(
                key="images/ä 犬/cup.jpg", size_bytes=len(PICTURE), sha256=hashlib.sha256(PICTURE).hexdigest()
            ),
            idempotency_key="own",
            caller_key="callers",
            caller_hash="c",
        )
    )
    side.jobs.beat(owner="host-1")
    side.jobs.accounts.pause_account(generator="comfyui", wait_s=1)
    assert side.jobs.installation().id
    done = run(commands("backup"), project, folder)
    assert done.returncode == 0, done.stderr
    yield side
    side.jobs.close()


@pytest.fixture(scope="module")
def second() -> Iterator[SupabaseLite]:
    with SupabaseLite(durable=False) as server:
        yield server


@pytest.fixture(scope="module")
def restored(old: Installation, second: SupabaseLite, folder: Path) -> Iterator[Installation]:
    script = commands("restore")
    update, rest = script.split("\n", 1)
    first = run(update, second, folder)
    assert first.returncode == 0, first.stderr
    second.restart_rest()  # this server reads the schema when it starts; a hosted one is told
    done = run(rest, second, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All is well." in done.stdout
    side = side_of(second)
    yield side
    side.jobs.close()


def content(server: SupabaseLite, table: str) -> list[object]:
    told = server.sql(f"select coalesce(json_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]') from {table} t")  # noqa: S608
    found: list[object] = json.loads(told)
    return found


def test_every_table_of_the_update_is_in_the_backup() -> None:
    named = set(re.findall(r"--table=(public\.\w+)", commands("backup")))

    assert named == set(EVERY_TABLE.split(", "))
    assert named == set(re.findall(r"alter table (\S+) enable row level security", UPDATE.read_text(encoding="utf-8")))
    assert {f"public.{table}" for table in TABLES} <= named


def test_every_row_and_every_file_is_as_it_was(
    project: SupabaseLite, second: SupabaseLite, old: Installation, restored: Installation
) -> None:
    for table in EVERY_TABLE.split(", "):
        rows = content(project, table)
        assert rows != [], table
        assert content(second, table) == rows, table
    assert restored.objects.get("images/ä 犬/cup.jpg") == PICTURE
    assert restored.objects.get("models/1/cup.glb") == MODEL
    assert restored.jobs.installation().id == old.jobs.installation().id


def test_what_is_missing_changed_or_foreign_in_the_buckets_is_named(
    second: SupabaseLite, restored: Installation, folder: Path
) -> None:
    """After the comparison: it damages the files."""
    look = f"{sys.executable} -m core.doctor"
    restored.objects.put("images/stray.png", b"\x89PNG", media_type="image/png")
    strange = run(look, second, folder)
    assert strange.returncode == 0, strange.stderr
    assert "Foreign: 1 files belong to no job" in strange.stdout
    assert "  images/stray.png" in strange.stdout

    restored.objects.put("models/1/cup.glb", MODEL[::-1], media_type="model/gltf-binary")
    assert run(look, second, folder).returncode == 0, "the size is the same: it needs a look at the bytes"
    changed = run(f"{look} --hashes", second, folder)
    assert changed.returncode == 1
    assert "  job 1: models/1/cup.glb (other bytes of the same size)" in changed.stdout

    restored.objects.put("models/1/cup.glb", MODEL + b"!", media_type="model/gltf-binary")
    restored.objects.delete("images/ä 犬/cup.jpg")
    told = run(look, second, folder)
    assert told.returncode == 1
    assert f"  job 1: models/1/cup.glb ({len(MODEL) + 1} bytes instead of {len(MODEL)})" in told.stdout
    assert "  job 1: images/ä 犬/cup.jpg" in told.stdout
    assert second.secret_key not in told.stdout + told.stderr


def test_work_goes_on_and_everybody_who_listens_hears_of_it(restored: Installation, old: Installation) -> None:
    jobs, cursor, newest = (
        restored.jobs,
        restored.jobs.last_change(),
        max(job.id for job in restored.jobs.find(JobQuery()).jobs),
    )

    claimed = jobs.claim_queued(owner="n", lease_s=60, slots=EVERY_SLOT, limit=9)
    assert [each.job.id for each in claimed] == [4, 5]
    heard, cursor = jobs.changed_since(cursor, limit=99)
    assert [job.id for job in heard] == [4, 5]

    added = jobs.add(new_job()).job
    assert added.id == newest + 1
    heard, _ = jobs.changed_since(cursor, limit=99)
    assert [job.id for job in heard] == [added.id]
    assert jobs.events(added.id) != []
    assert jobs.add(new_job(idempotency_key="k1", request_hash="h")).job.id == 2, "a repeat is still known"
