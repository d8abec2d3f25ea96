"""A Supabase project for a whole test run, with the product's SQL pasted in and a clock that tests move."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from core.stores.supabase.agenda import Agenda
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.clocks import FakeClock
from tests.supabase.server import SupabaseLite

UPDATE = Path(__file__).parents[2] / "database_schema_update.sql"
TABLES = ", ".join(
    f"public.{name}"
    for name in (
        "job_events",
        "seen_tasks",
        "webhook_deliveries",
        "request_keys",
        "account_state",
        "account_facts",
        "scheduler_heartbeats",
        "installation",
        "generated_images",
    )
)
# As before any update.
EMPTY_SCHEMA = """
drop extension if exists pg_trgm cascade;
drop schema public cascade;
create schema public;
grant usage on schema public to anon, service_role;
"""
# In place of the database's own clock. Nothing else of the product's SQL is touched.
TEST_CLOCK = f"""
create table if not exists public.test_clock (at timestamptz not null);
grant select, insert, update, delete on public.test_clock to service_role;
create or replace function public.maquette_now() returns timestamptz
language sql volatile security invoker as $$ select at from public.test_clock $$;
create or replace function public.test_reset(p_at timestamptz) returns void
language sql volatile security definer as $$
    truncate {TABLES} restart identity cascade;
    delete from public.test_clock;
    insert into public.test_clock values (p_at);
$$;
create or replace function public.test_set_clock(p_at timestamptz) returns void
language sql volatile security definer as $$ update public.test_clock set at = p_at $$;
grant execute on function public.test_reset(timestamptz), public.test_set_clock(timestamptz) to service_role;
"""  # noqa: S608


def prepare(server: SupabaseLite, *, test_clock: bool) -> None:
    """The product's update, as an operator runs it; and the tests' clock where it is wanted."""
    server.sql_file(UPDATE)
    if test_clock:
        server.sql(TEST_CLOCK)
    server.restart_rest()


def fresh_store(server: SupabaseLite, clock: FakeClock) -> SupabaseJobStore:
    """An empty table whose time is the clock's."""
    connection = Connection(server.url, server.secret_key)
    connection.tried(lambda client: client.rpc("test_reset", {"p_at": clock.now().isoformat()}).execute())

    def follow(now: datetime) -> None:
        connection.tried(lambda client: client.rpc("test_set_clock", {"p_at": now.isoformat()}).execute())

    clock.followers.append(follow)
    return SupabaseJobStore(connection, agenda=Agenda(connection, clock, fresh_s=1.0))
