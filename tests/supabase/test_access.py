"""Without the secret key nothing can be read, written or called: every table, function and bucket there is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from storage3.types import FileOptions

from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import new_job
from tests.supabase.project import UPDATE
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
KEYS = ["the publishable key", "no key"]
BUCKETS = {"maquette-images": "image/png", "maquette-models": "model/gltf-binary"}


@pytest.fixture(scope="module")
def server(project: SupabaseLite) -> Iterator[SupabaseLite]:
    connection = Connection(project.url, project.secret_key)
    SupabaseJobStore(connection).add(new_job(target_object="a secret"))
    # a row in every table, so that an empty answer is not one for want of rows
    project.sql(
        "insert into public.account_state values ('tripo', now());"
        "insert into public.account_facts (account) values ('acc');"
        "insert into public.seen_tasks (task_id, account, source) values ('t', 'acc', 'usage');"
        "insert into public.webhook_deliveries values ('d', 'x', 't', now());"
        "insert into public.request_keys values ('k', 1, 'h');"
        "insert into public.scheduler_heartbeats values ('o', now());"
        "insert into public.installation values (1, 'ours') on conflict do nothing;"
    )
    for bucket, media_type in BUCKETS.items():
        upload(connection, bucket, media_type)
    yield project
    connection.close()


def upload(connection: Connection, bucket: str, media_type: str) -> None:
    options = FileOptions({"content-type": media_type})
    connection.tried(lambda client: client.storage.from_(bucket).upload("1/secret", b"secret", options))


def tables(server: SupabaseLite) -> list[str]:
    return server.sql(
        "select relname from pg_class where relkind in ('r', 'v', 'm', 'p') and relnamespace = 'public'::regnamespace"
    ).split()


def functions(server: SupabaseLite) -> dict[str, list[str]]:
    told = server.sql(
        "select coalesce(json_object_agg(proname, coalesce(proargnames, '{}')), '{}') from pg_proc "
        "where pronamespace = 'public'::regnamespace and proname like 'maquette%' and prorettype <> 'trigger'::regtype"
    )
    found: dict[str, list[str]] = json.loads(told)
    return found


def headers(server: SupabaseLite, key: str) -> dict[str, str]:
    if key == "no key":
        return {}
    return {"apikey": server.anon_key, "Authorization": f"Bearer {server.anon_key}"}


def content(server: SupabaseLite, table: str) -> str:
    return server.sql(f"select coalesce(json_agg(t), '[]') from public.{table} t").strip()  # noqa: S608


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("rights", ["as the update leaves them", "given back to everybody"])
def test_no_table_can_be_read_or_written(server: SupabaseLite, key: str, rights: str) -> None:
    """Also where somebody gave all rights back, as this server does when it starts: row-level security alone holds."""
    given_back = rights == "given back to everybody"
    if given_back:
        server.restart_rest()
    else:
        server.sql_file(UPDATE)
    found = tables(server)
    assert len(found) >= 7
    for table in found:
        address, before = f"{server.url}/rest/v1/{table}", content(server, table)
        assert before != "[]"
        first = server.sql(
            f"select column_name from information_schema.columns where table_name = '{table}' order by ordinal_position"  # noqa: S608
        ).split()[0]
        given = "job_id" if table == "job_events" else first  # its own id is given by the database alone
        with httpx.Client(headers=headers(server, key)) as client:
            answers = {
                "read": client.get(address, params={"select": "*"}),
                "write": client.post(address, json={given: "9999"}, headers={"Prefer": "return=representation"}),
                "change": client.patch(address, params={first: "not.is.null"}, json={given: None}),
                "remove": client.delete(address, params={first: "not.is.null"}),
            }
        for what, answer in answers.items():
            refused = answer.status_code in (401, 403, 404)
            nothing = given_back and answer.text in ("", "[]")
            assert refused or nothing, (table, what, answer.status_code, answer.text)
        assert content(server, table) == before


@pytest.mark.parametrize("key", KEYS)
def test_no_function_can_be_called(server: SupabaseLite, key: str) -> None:
    found = functions(server)
    assert len(found) > 25
    for name, parameters in found.items():
        body = dict.fromkeys(parameters)
        answer = httpx.post(f"{server.url}/rest/v1/rpc/{name}", json=body, headers=headers(server, key))
        assert "secret" not in answer.text
        assert answer.status_code in (401, 403, 404), (name, answer.status_code, answer.text)


def test_the_secret_key_may_do_all_of_this(server: SupabaseLite) -> None:
    """Or the tests above would pass against a server that answers nobody."""
    with httpx.Client(headers={"apikey": server.secret_key}) as client:
        for table in tables(server):
            assert client.get(f"{server.url}/rest/v1/{table}").json() != []
        called = client.post(f"{server.url}/rest/v1/rpc/maquette_last_change", json={})
    assert called.status_code == 200


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_the_roles_have_no_right_on_anything_of_ours(server: SupabaseLite, role: str) -> None:
    """In the catalogue, where no server stands between."""
    server.sql_file(UPDATE)
    for table in tables(server):
        for right in ("select", "insert", "update", "delete", "truncate", "references", "trigger"):
            told = server.sql(f"select has_table_privilege('{role}', 'public.{table}', '{right}')").strip()
            assert told == "f", (table, right)
    callable_ones = server.sql(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like 'maquette%' "  # noqa: S608
        f"and has_function_privilege('{role}', oid, 'execute')"
    ).split()
    assert callable_ones == []
    for sequence in server.sql(
        "select oid::regclass from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace"
    ).split():
        for right in ("usage", "select", "update"):
            told = server.sql(f"select has_sequence_privilege('{role}', '{sequence}', '{right}')").strip()
            assert told == "f", (sequence, right)


@pytest.mark.parametrize("where", ["a new project", "a project where it is in public"])
def test_nobody_can_call_the_functions_of_the_search(server: SupabaseLite, where: str) -> None:
    if where != "a new project":
        server.sql("alter extension pg_trgm set schema public")
    server.sql_file(UPDATE)
    server.restart_rest()

    assert server.sql("select proname from pg_proc where pronamespace = 'public'::regnamespace").split() != []
    for name in ("similarity", "show_limit", "set_limit", "word_similarity"):
        answer = httpx.post(f"{server.url}/rest/v1/rpc/{name}", json={}, headers=headers(server, "the publishable key"))
        assert answer.status_code == 404, (name, answer.text)
    reachable = server.sql(
        "select p.oid::regprocedure from pg_proc p where pronamespace = 'public'::regnamespace "
        "and has_function_privilege('anon', p.oid, 'execute')"
    ).split("\n")
    assert [each for each in reachable if each] == []


def test_an_extension_that_belongs_to_another_role_stays_where_it_is_and_the_update_works(
    server: SupabaseLite,
) -> None:
    """As in a hosted project, whose SQL editor is no superuser: what its administrator put there cannot be moved."""
    server.sql(
        "create role plain login bypassrls; grant all on schema public, extensions, storage to plain;"
        "grant all on all tables in schema storage to plain; grant create on database postgres to plain;"
        "alter extension pg_trgm set schema public;"
        "do $$ declare o record; begin"
        " for o in select oid::regclass as name from pg_class where relkind = 'r'"
        "   and relnamespace = 'public'::regnamespace loop"
        "  execute format('alter table %s owner to plain', o.name); end loop;"
        " for o in select oid::regprocedure as name from pg_proc where pronamespace = 'public'::regnamespace"
        "   and proname like 'maquette%' loop execute format('alter function %s owner to plain', o.name); end loop;"
        "end $$; alter sequence maquette_changes owner to plain;"
    )
    update = UPDATE.read_text(encoding="utf-8")

    server.sql("set role plain;" + update)

    found = server.sql("select extnamespace::regnamespace from pg_extension where extname = 'pg_trgm'").strip()
    assert found == "public"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("bucket", BUCKETS)
def test_no_bucket_can_be_read_or_written(server: SupabaseLite, key: str, bucket: str) -> None:
    storage, path = f"{server.url}/storage/v1", f"{bucket}/1/secret"
    kind = {"Content-Type": BUCKETS[bucket]}
    with httpx.Client(headers=headers(server, key)) as client:
        answers = {
            "read": client.get(f"{storage}/object/{path}"),
            "read as signed in": client.get(f"{storage}/object/authenticated/{path}"),
            "read as public": client.get(f"{storage}/object/public/{path}"),
            "sign": client.post(f"{storage}/object/sign/{path}", json={"expiresIn": 60}),
            "list": client.post(f"{storage}/object/list/{bucket}", json={"prefix": "", "limit": 10}),
            "write": client.post(
                f"{storage}/object/{bucket}/2/mine", content=b"x", headers={"Content-Type": "image/png"}
            ),
            "replace": client.put(f"{storage}/object/{path}", content=b"x", headers=kind),
            "remove": client.delete(f"{storage}/object/{path}"),
        }
    for what, answer in answers.items():
        assert "secret" not in answer.text.replace("1/secret", ""), what
        assert answer.status_code >= 400 or answer.json() == [], (what, answer.status_code, answer.text)
    service = Connection(server.url, server.secret_key)
    assert bytes(service.tried(lambda client: client.storage.from_(bucket).download("1/secret"))) == b"secret"
    assert [each["name"] for each in service.tried(lambda client: client.storage.from_(bucket).list())] == ["1/secret"]
    service.close()
