"""The update on tables that were there: what can be carried is, and what cannot be is named before anything changes."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from core.domain.status import Stage
from core.ports.job_store import JobQuery
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import EVERY_SLOT, new_job
from tests.supabase.project import UPDATE
from tests.supabase.server import SupabaseLite
from tests.supabase.shapes.tables import CARRIED, REFUSED, Carried, Refused

pytestmark = pytest.mark.supabase
# As in a hosted project: who runs the file is no superuser, and new things are open to everybody until they are closed.
ROLES = """
do $$ begin
    create role editor; create role stranger;
exception when duplicate_object then null; end $$;
alter role editor bypassrls;
grant anon, authenticated, service_role to editor;
grant create on database postgres to editor;
grant usage on schema storage to editor;
grant select, insert, update on storage.buckets to editor;
"""
EMPTY = """
drop schema public cascade; create schema public;
drop schema if exists extensions cascade; drop schema if exists app cascade;
grant usage on schema public to anon, authenticated, service_role;
grant all on schema public to editor, stranger;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
"""
# All that is in the schema, as far as an update could change it.
CATALOGUE = """
select jsonb_agg(t order by t) from (
    select concat_ws(' ', c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull)
    from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    where c.relnamespace = 'public'::regnamespace
    union all select conname from pg_constraint where connamespace = 'public'::regnamespace
    union all select tgname || tgenabled::text from pg_trigger
    union all select proname from pg_proc where pronamespace = 'public'::regnamespace) g (t)
"""
ROWS = "select coalesce(jsonb_agg(to_jsonb(t) order by id), '[]') from public.generated_images t"


@pytest.fixture(scope="module")
def server(new_supabase: SupabaseLite) -> SupabaseLite:
    new_supabase.sql(ROLES)
    return new_supabase


def make(server: SupabaseLite, shape: Carried | Refused) -> None:
    server.sql(EMPTY)
    server.sql(shape.made)


def paste(server: SupabaseLite, *, role: str = "postgres") -> tuple[bool, str]:
    """As the SQL editor sends it: all of it in one message. Whether it worked, and what was said."""
    psql = [str(server.postgres.binaries / "psql"), "--no-psqlrc", "--quiet", "-At", "-v", "ON_ERROR_STOP=1"]
    command = [
        *psql,
        "--dbname",
        server.database_url,
        "-c",
        f"set role {role}",
        "-c",
        UPDATE.read_text(encoding="utf-8"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def rows(server: SupabaseLite) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(server.sql(ROWS))
    return found


def check_rows(server: SupabaseLite, shape: Carried | Refused) -> list[dict[str, Any]]:
    found = rows(server)
    known = [{name: row[name] for name in wanted} for row, wanted in zip(found, shape.rows, strict=True)]
    assert known == list(shape.rows)
    assert all(row["stage"] == "done" and row["write_id"] is None for row in found)
    return found


def check_work(server: SupabaseLite, there: int) -> None:
    """The page shows every row, and a new job is written and is the only one that is claimed."""
    server.restart_rest()
    jobs = SupabaseJobStore(Connection(server.url, server.secret_key))
    assert jobs.find(JobQuery()).total == there
    added = jobs.add(new_job()).job
    assert jobs.find(JobQuery()).jobs[0].id == added.id, "its number is the highest"
    claimed = jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=9)
    assert [(each.job.id, each.job.stage) for each in claimed] == [(added.id, Stage.QUEUED)]
    jobs.close()


def told_by_the_look(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith(("NOTICE", "WARNING")) and "skipping" not in line]


@pytest.mark.parametrize("name", CARRIED)
def test_a_table_that_can_be_carried_is_and_works_at_once(server: SupabaseLite, name: str) -> None:
    shape = CARRIED[name]
    make(server, shape)
    has_worked, said = paste(server)
    assert has_worked, said
    told = told_by_the_look(said)
    assert len(told) == len(shape.says), told
    assert all(piece in line for piece, line in zip(shape.says, told, strict=True))

    found = check_rows(server, shape)
    assert paste(server)[0]
    assert rows(server) == found, "a second run changes nothing"
    check_work(server, len(found))


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_cannot_be_carried_is_named_and_its_mend_mends_it(server: SupabaseLite, name: str) -> None:
    shape = REFUSED[name]
    make(server, shape)
    before = server.sql(CATALOGUE)
    has_worked, said = paste(server, role=shape.role)

    assert not has_worked
    assert shape.says in said, said
    assert shape.mend in said
    assert len(re.findall("^- |something of yours refused", said, re.MULTILINE)) == 1 + (
        "owner to old_owner" in shape.also
    )
    assert server.sql(CATALOGUE) == before, "nothing was changed"

    server.sql(shape.mend + shape.also)
    has_worked, said = paste(server, role=shape.role)
    assert has_worked, said
    check_work(server, len(check_rows(server, shape)))


def test_everything_in_the_way_is_said_at_once(server: SupabaseLite) -> None:
    made = "a column of theirs under a name of ours", "a table of theirs under a name of ours"
    server.sql(EMPTY)
    server.sql(REFUSED[made[0]].made + "create table public.installation (id uuid);")
    _, said = paste(server)

    assert all(REFUSED[name].says in said for name in made)


def test_a_refused_file_does_not_go_on_where_errors_are_passed_over(server: SupabaseLite) -> None:
    """`psql` without ON_ERROR_STOP runs each of its steps, whatever became of the one before."""
    make(server, REFUSED["an id that is a uuid"])
    before = server.sql(CATALOGUE)
    psql = [str(server.postgres.binaries / "psql"), "--no-psqlrc", "--quiet", "--dbname", server.database_url]
    subprocess.run([*psql, f"--file={UPDATE}"], capture_output=True, text=True, timeout=180, check=False)

    assert json.loads(server.sql(CATALOGUE)) == json.loads(before)


def test_a_table_that_somebody_holds_is_not_waited_for_without_end(server: SupabaseLite) -> None:
    make(server, CARRIED["as described"])
    psql = [str(server.postgres.binaries / "psql"), "--no-psqlrc", "--quiet", "--dbname", server.database_url]
    with subprocess.Popen([*psql], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        print("begin; lock table public.generated_images; select 'held';", file=holder.stdin, flush=True)
        assert any("held" in line for line in iter(holder.stdout.readline, ""))
        has_worked, said = paste(server)
        print("rollback;", file=holder.stdin, flush=True)
        holder.stdin.close()

    assert not has_worked
    assert "lock timeout" in said
    assert paste(server)[0]


def test_nothing_of_the_extension_and_no_sequence_is_reachable_by_people(server: SupabaseLite) -> None:
    make(server, CARRIED["an id that counts by a sequence"])
    server.sql("create extension pg_trgm;")  # as an earlier file did
    assert paste(server)[0]
    for role in ("anon", "authenticated"):
        open_ones = server.sql(
            "select p.oid::regprocedure from pg_proc p where pronamespace = 'public'::regnamespace "  # noqa: S608
            f"and has_function_privilege('{role}', p.oid, 'execute')"
        )
        assert open_ones == ""
        counted = server.sql(
            "select relname from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace and ("  # noqa: S608
            + " or ".join(
                f"has_sequence_privilege('{role}', oid, '{right}')" for right in ("usage", "select", "update")
            )
            + ")"
        )
        assert counted == ""


def test_a_new_project_keeps_the_extension_out_of_reach(server: SupabaseLite) -> None:
    server.sql(EMPTY)
    server.sql("drop extension if exists pg_trgm cascade")
    assert paste(server)[0]

    assert server.sql("select extnamespace::regnamespace from pg_extension where extname = 'pg_trgm'") == "extensions\n"
