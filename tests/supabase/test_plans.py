"""At 100,000 rows every query of the product finds its rows by an index."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.supabase.crowd import RARE, fill_supabase
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
EXPLAIN = """\
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_level = notice;
"""
ROW = "to_jsonb((select j from public.generated_images j where id = 7))"
CALLS = {
    "one job": "maquette_jobs(array[50000])",
    "a hundred jobs": "maquette_jobs((select array_agg(g::bigint) from generate_series(1, 100000, 1000) g))",
    "filtered page": "maquette_page('', -1, array['timeout'], 50, 0)",
    "two statuses": "maquette_page('', -1, array['cancelled', 'timeout'], 50, 0)",
    "searched page": f"maquette_page('%{RARE.lower()}%', -1, '{{}}', 50, 0)",
    "searched by number": "maquette_page('%70000%', 70000, '{}', 50, 0)",
    "events": "maquette_events(50000)",
    "changes": "maquette_changed(99900, 100)",
    "the newest change": "maquette_last_change()",
    "place in line": "maquette_queued_before(99990)",
    "conversions": "maquette_conversions(50000)",
    "durations": "maquette_durations('standard', 20)",
    "durations of a kind": "maquette_durations_of('standard', 'image_to_model', 20)",
    "durations of a rare kind": "maquette_durations_of('standard', 'text_to_model', 20)",
    "job of a key": "maquette_job_of_key('key-50000')",
    "job of an intent": "maquette_job_of_intent(50000, null)",
    "job of a token": "maquette_job_of_intent(null, 'token-50000')",
    "job of a task": "maquette_job_of_task('00000000-0000-0000-0000-00000000c350')",
    "claim queued": "maquette_claim('queued', 'a', 60, '', 100, 0, '{\"standard\": 1000}', gen_random_uuid())",
    "claim queued of any kind": "maquette_claim('queued_any', 'a', 60, '', 100, 0, '{\"standard\": 1000}', "
    "gen_random_uuid())",
    "claim due of any kind": "maquette_claim('due_any', 'a', 60, 'tripo', 100, 1, '{}', gen_random_uuid())",
    "claim uncertain of any kind": "maquette_claim('uncertain_any', 'a', 60, 'tripo', 100, 30, '{}', "
    "gen_random_uuid())",
    "claim due": "maquette_claim('due', 'a', 60, 'tripo', 100, 1, '{}', gen_random_uuid())",
    "claim saving": "maquette_claim('saving', 'a', 60, 'tripo', 100, 0, '{}', gen_random_uuid())",
    "claim uncertain": "maquette_claim('uncertain', 'a', 60, 'tripo', 100, 30, '{}', gen_random_uuid())",
    "expired leases": "maquette_stuck('submitting', 0, '')",
    "late jobs": "maquette_stuck('generating', 600, '')",
    "given up": "maquette_stuck('late', 86400, '')",
    "blocked": "maquette_stuck('blocked', 0, 'tripo')",
    "a batch of expired leases": "maquette_stuck_after('submitting', 0, '', 0, 500)",
    "a batch of late jobs": "maquette_stuck_after('generating', 600, '', 0, 500)",
    "a batch given up": "maquette_stuck_after('late', 86400, '', 0, 500)",
    "a batch blocked": "maquette_stuck_after('blocked', 0, 'tripo', 0, 500)",
    "searched by two letters": "maquette_page('%ea%', -1, '{}', 50, 0)",
    "names to fold": "maquette_unfolded(1000)",
    "names folded": 'maquette_fold(\'[{"id": 50000, "target_object": "Cup", "folded_name": "cup"}]\')',
    "bills": "maquette_jobs_of_tasks('acc', array['00000000-0000-0000-0000-00000000c350', 'x'])",
    "a day's credits": "maquette_credits(now() - interval '1 day')",
    "facts": "maquette_facts('acc')",
    "usage awaited": "maquette_usage_awaited('acc')",
    "usage": 'maquette_note_usage(\'acc\', \'[{"task_id": "t", "has_ended": true, "credits_used": 3}]\', 30)',
    "unbound": "maquette_unbound(array['00000000-0000-0000-0000-00000000c350', 'x'])",
    "orphaned": "maquette_seen(-1, 100)",
    "a webhook": "maquette_deliver('acc', 'd', 'task.completed', '00000000-0000-0000-0000-00000000c350')",
    "a new job": 'maquette_add(\'{"session_id": "s", "target_object": "Cup", "iteration": 1, "generator": '
    '"tripo", "category": "standard", "options": {}, "request_hash": "", "idempotency_key": "k", '
    '"note": "n"}\', gen_random_uuid(), null, null)',
}
# Counting every row is the only thing that looks at every row.
COUNTS_ALL = {"first page": "maquette_page('', -1, '{}', 50, 0)"}


@pytest.fixture(scope="module")
def server(project: SupabaseLite) -> SupabaseLite:
    fill_supabase(project)
    return project


def plans(server: SupabaseLite, call: str) -> str:
    """What auto_explain says of every statement, also of those inside functions; nothing is kept."""
    psql = [
        str(server.postgres.binaries / "psql"),
        "--no-psqlrc",
        "-v",
        "ON_ERROR_STOP=1",
        "--dbname",
        server.database_url,
    ]
    script = f"{EXPLAIN} begin; select * from public.{call}; rollback;"  # noqa: S608
    done = subprocess.run(psql, input=script, capture_output=True, text=True, timeout=60, check=True)
    return done.stderr


def full_scans(told: str) -> list[str]:
    return re.findall(r"Seq Scan on (?:public\.)?(?:generated_images|job_events).*", told)


@pytest.mark.parametrize("name", CALLS)
def test_every_query_uses_an_index(server: SupabaseLite, name: str) -> None:
    told = plans(server, CALLS[name])

    assert "Query Text" in told
    assert full_scans(told) == [], told


def test_the_first_page_reads_its_rows_by_an_index_and_only_counts_the_rest(server: SupabaseLite) -> None:
    told = plans(server, COUNTS_ALL["first page"])

    assert "Index Scan Backward using generated_images_pkey" in told
    assert len(full_scans(told)) <= 1


def test_the_test_sees_a_full_scan_where_there_is_one(server: SupabaseLite) -> None:
    server.sql(
        "create function public.all_of_them() returns bigint language sql as "
        "$$ select count(*) from public.generated_images where error_message like '%x%' $$"
    )

    assert full_scans(plans(server, "all_of_them()")) != []
