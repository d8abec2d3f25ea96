"""The Supabase-compatible server of the tests serves the official client, and comes back after kills."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from postgrest.exceptions import APIError
from storage3.exceptions import StorageApiError
from supabase import Client, ClientOptions, create_client

from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase

SCHEMA = """
create table public.note (id bigint generated always as identity primary key, body text not null, extra jsonb);
grant select, insert, update, delete on public.note to service_role;

create function public.add_note(p_body text) returns setof public.note
language sql as 'insert into public.note (body) values (p_body) returning *';

create function public.count_notes() returns jsonb
language sql as $$ select jsonb_build_object('notes', count(*)) from public.note $$;

create function public.refuse(p_state text) returns int
language plpgsql as $$ begin raise exception 'refused' using errcode = p_state; end $$;

create function public.take_time(p_s double precision) returns int
language sql as 'select 1 from pg_sleep(p_s)';

create function public.kind_of(p_json jsonb) returns text
language sql as 'select jsonb_typeof(p_json)';
revoke execute on all functions in schema public from public, anon;
grant execute on all functions in schema public to service_role;
"""


@pytest.fixture(scope="module")
def supabase() -> Iterator[SupabaseLite]:
    with SupabaseLite() as server:  # durable: an immediate restart must lose nothing
        server.sql(SCHEMA)
        server.restart_rest()
        yield server


@pytest.fixture
def connect(supabase: SupabaseLite) -> Iterator[type]:
    """A client with a key; one httpx client for all of them, closed at the end."""
    with httpx.Client(timeout=20) as shared:
        yield lambda key: create_client(supabase.url, key, ClientOptions(httpx_client=shared))


@pytest.fixture
def client(supabase: SupabaseLite, connect) -> Client:
    return connect(supabase.secret_key)


def test_the_official_client_inserts_and_selects(client: Client) -> None:
    inserted = client.table("note").insert({"body": "a", "extra": {"pages": [1, 2]}}).execute().data[0]

    found = client.table("note").select("*").eq("id", inserted["id"]).execute().data

    assert found == [inserted]
    assert found[0]["extra"] == {"pages": [1, 2]}


def test_functions_that_return_rows_and_json_are_callable(client: Client) -> None:
    rows = client.rpc("add_note", {"p_body": "b"}).execute().data
    count = client.rpc("count_notes").execute().data

    assert [row["body"] for row in rows] == ["b"]
    assert count["notes"] >= 1


@pytest.mark.parametrize("made_by", ["client", "sql"])
def test_a_private_bucket_gives_an_object_back_only_for_the_secret_key(
    supabase: SupabaseLite, connect, client: Client, made_by: str
) -> None:
    bucket = "made-by-" + made_by
    if made_by == "client":
        client.storage.create_bucket(bucket, options={"public": False})
    else:
        supabase.sql("insert into storage.buckets (id, name, public) values ('made-by-sql', 'made-by-sql', false)")
    client.storage.from_(bucket).upload("7/model.glb", b"glTF" * 50_000, {"content-type": "model/gltf-binary"})

    assert client.storage.from_(bucket).download("7/model.glb") == b"glTF" * 50_000
    with pytest.raises(StorageApiError) as refusal:
        connect(supabase.anon_key).storage.from_(bucket).download("7/model.glb")
    assert refusal.value.code == "not_found"
    assert httpx.get(f"{supabase.url}/storage/v1/object/public/{bucket}/7/model.glb").status_code == 400


def test_an_anon_key_is_refused_by_tables_and_functions(supabase: SupabaseLite, connect) -> None:
    anon = connect(supabase.anon_key)
    for query in (anon.table("note").select("*"), anon.table("note").insert({"body": "x"}), anon.rpc("count_notes")):
        with pytest.raises(APIError) as refusal:
            query.execute()
        assert refusal.value.code == "42501"


def test_a_wrong_key_and_no_key_are_refused(supabase: SupabaseLite, connect) -> None:
    with pytest.raises(APIError, match="Invalid API key") as refusal:
        connect("sb_secret_wrong").rpc("count_notes").execute()
    assert refusal.value.code is None
    assert httpx.post(f"{supabase.url}/rest/v1/rpc/count_notes", json={}).status_code == 401


def test_a_new_function_is_callable_after_restart_rest(supabase: SupabaseLite, client: Client) -> None:
    supabase.sql("create or replace function public.late() returns int language sql as 'select 5'")
    with pytest.raises(APIError) as unknown:
        client.rpc("late").execute()

    supabase.restart_rest()

    assert unknown.value.code == "PGRST202"
    assert client.rpc("late").execute().data == 5


@pytest.mark.parametrize(("raised", "seen"), [("PT409", "PT409"), ("23505", "23505"), ("MQ001", "SUP")])
def test_only_known_error_codes_reach_the_client(client: Client, raised: str, seen: str) -> None:
    with pytest.raises(APIError, match="refused") as error:
        client.rpc("refuse", {"p_state": raised}).execute()

    assert error.value.code == seen


def test_a_json_argument_arrives_as_a_string_unlike_at_the_hosted_service(client: Client) -> None:
    assert client.rpc("kind_of", {"p_json": {"a": 1}}).execute().data == "string"


@pytest.mark.parametrize("immediate", [False, True])
def test_the_data_is_there_after_restart_postgres(supabase: SupabaseLite, client: Client, immediate: bool) -> None:
    made = client.rpc("add_note", {"p_body": "kept"}).execute().data[0]

    supabase.restart_postgres(immediate=immediate)
    supabase.wait_for_rest()

    assert client.table("note").select("*").eq("id", made["id"]).execute().data == [made]


def test_the_rest_server_comes_back_when_its_connections_are_cut_under_a_request(
    supabase: SupabaseLite, client: Client
) -> None:
    crashes = supabase.rest_crashes
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(client.rpc("take_time", {"p_s": 30}).execute)
        wait_for_backend(supabase, "take_time")
        assert supabase.terminate_backends() >= 1
        assert isinstance(slow.exception(20), (httpx.HTTPError, APIError))

    supabase.wait_for_rest()

    assert client.rpc("count_notes").execute().data["notes"] >= 0
    assert supabase.rest_crashes >= crashes


def wait_for_backend(supabase: SupabaseLite, query: str) -> None:
    """Until a client runs `query`: the database itself waits, no longer than 10 s."""
    supabase.sql(
        f"""do $$ begin for i in 1..1000 loop
            perform pg_stat_clear_snapshot();
            exit when exists (select from pg_stat_activity
                where state = 'active' and query like '%{query}%' and pid <> pg_backend_pid());
            perform pg_sleep(0.01);
        end loop; end $$"""
    )


def test_nothing_answers_between_kill_rest_and_start_rest(supabase: SupabaseLite, client: Client) -> None:
    supabase.kill_rest()
    with pytest.raises(httpx.ConnectError):
        client.rpc("count_notes").execute()

    supabase.start_rest()

    assert client.rpc("count_notes").execute().data["notes"] >= 0


def test_a_mistake_in_sql_is_told_with_the_words_of_psql(supabase: SupabaseLite) -> None:
    with pytest.raises(RuntimeError, match='column "nope" does not exist'):
        supabase.sql("select nope")


def test_nothing_is_left_behind() -> None:
    with SupabaseLite(durable=False) as server:
        processes = [server.postgres.process, server._rest]
        folder = server.folder

    assert [process.poll() is not None for process in processes] == [True, True]
    assert not folder.exists()
