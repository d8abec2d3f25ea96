"""Every job table that was ever on main has a sample: a change of the schema is seen here until its own is added."""

from __future__ import annotations

import hashlib
import re
import subprocess

from core.stores.sqlite import upgrade
from tests.architecture.test_shape import ROOT
from tests.stores.old_versions import SAMPLES, SQLITE, SUPABASE, blob_of, script
from tests.stores.sqlite.test_upgrade import RELEASED

SCRIPT = "database_schema_update.sql"
ADD_IT = (
    f"{SCRIPT} is none of the scripts that have a sample: add what it changed to tests/stores/samples/supabase/scripts "
    "(`diff -U1`, as samples/README.md says) and to SUPABASE in tests/stores/old_versions.py"
)


def test_each_script_is_the_one_that_was_on_main() -> None:
    assert [blob_of(script(version)) for version in SUPABASE] == [version.blob for version in SUPABASE]
    assert [version.name for version in SUPABASE] == sorted(
        path.stem for path in (SAMPLES / "supabase" / "scripts").iterdir()
    )


def test_the_script_of_today_is_the_newest_of_those_with_a_sample() -> None:
    assert blob_of((ROOT / SCRIPT).read_text(encoding="utf-8")) == SUPABASE[-1].blob, ADD_IT


def test_every_number_of_a_sqlite_file_has_a_sample_and_every_released_step_is_known() -> None:
    assert {version.user_version for version in SQLITE} == set(range(upgrade.newest_version() + 1))
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in upgrade.FOLDER.iterdir()}
    assert found == RELEASED, "a new step is added to RELEASED, and a released one is never changed"


def test_no_script_of_the_history_lacks_a_sample() -> None:
    """A copy with a part of the history, or with none, shows less: then it is about the script of today alone."""
    blobs = {blob_of((ROOT / SCRIPT).read_text(encoding="utf-8"))}
    if (ROOT / ".git").exists():
        told = _git("log", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "--", SCRIPT)
        blobs |= set(re.findall(r"^:\d+ \d+ [0-9a-f]{40} ([0-9a-f]{40}) [AM]", told, re.MULTILINE))

    assert blobs - {version.blob for version in SUPABASE} == set(), ADD_IT


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
