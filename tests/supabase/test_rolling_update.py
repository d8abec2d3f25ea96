"""Servers are replaced one by one: those of the version before go on while today's file is run, and after it."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import StoreDamaged, StoreUnavailable
from core.domain.generation import TaskPhase, TaskState
from core.domain.status import Stage, Status
from core.ports.job_store import JobQuery
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import EVERY_SLOT, Category, new_job, stored_image
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator
from tests.services.conftest import World
from tests.stores.old_versions import BASE_TABLE, SAMPLES, SUPABASE, script
from tests.supabase.project import EMPTY_SCHEMA, TEST_CLOCK, UPDATE
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase
# The oldest servers that today's file says it serves: the last ones from before the file had a number.
BEFORE = next(version for version in SUPABASE if version.name == "15-installation")
SAID = [
    json.loads(line)
    for line in (SAMPLES / "supabase" / "calls" / f"{BEFORE.name}.jsonl").read_text(encoding="utf-8").splitlines()
]
CALLS = [each for each in SAID if "call" in each]
PARAMETERS = {each["call"]: sorted(each["with"]) for each in CALLS}
UNSET = {"write_id"}  # of a restored row: made up by the database


@pytest.fixture
def old_project(new_supabase: SupabaseLite) -> SupabaseLite:
    """Empty, as the file of the version before made it."""
    new_supabase.sql(EMPTY_SCHEMA)
    new_supabase.sql(BASE_TABLE)
    new_supabase.sql(script(BEFORE))
    return new_supabase


def replayed(server: SupabaseLite) -> list[Any]:
    """What the database answers to all that an old server said in a short life, and how its tables are then."""
    server.sql(TEST_CLOCK)
    server.sql("insert into public.test_clock values ('2026-01-01')")
    server.restart_rest()
    connection, answers = Connection(server.url, server.secret_key), []
    for each in SAID:
        if "at" in each:
            server.sql(f"update public.test_clock set at = '{each['at']}'")  # noqa: S608
            continue
        try:
            answers.append([each["call"], connection.call(each["call"], **each["with"])])
        except Exception as exc:  # noqa: BLE001  (a refusal is an answer, too)
            answers.append([each["call"], f"{type(exc).__name__}: {getattr(exc, 'code', '')}"])
    connection.close()
    for table in ("generated_images", "job_events", "seen_tasks", "webhook_deliveries", "account_facts"):
        told = server.sql(f"select coalesce(jsonb_agg(to_jsonb(t) order by 1), '[]') from public.{table} t")  # noqa: S608
        answers.append([table, sorted(json.loads(told), key=lambda row: str(row.get("id", row.get("task_id"))))])
    return answers


def misses(old: Any, new: Any, place: str) -> list[str]:
    """What an old server would not find in a new answer. More values than before are no harm."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [f"{place}.{name} is gone" for name in old if name not in new]
        kept = [name for name in old if name in new and name not in UNSET]
        return gone + [each for name in kept for each in misses(old[name], new[name], f"{place}.{name}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [each for index, (one, other) in pairs for each in misses(one, other, f"{place}[{index}]")]
    return [] if old == new else [f"{place}: {old!r} became {new!r}"]


def test_every_call_of_the_version_before_is_answered_as_before(old_project: SupabaseLite) -> None:
    before = replayed(old_project)
    old_project.sql(EMPTY_SCHEMA)
    old_project.sql(BASE_TABLE)
    old_project.sql(script(BEFORE))
    old_project.sql_file(UPDATE)
    after = replayed(old_project)

    assert [misses(old, new, str(old[0])) for old, new in zip(before, after, strict=True)] == [[] for _ in before]
    refused = [answer for _, answer in before if isinstance(answer, str) and "APIError" in answer]
    assert refused == ["APIError: 23505"], "the life has one task that belongs to another job"


def test_the_life_has_every_function_that_the_file_of_before_gave_to_its_servers() -> None:
    text = script(BEFORE)
    given = set(re.findall(r"create or replace function public\.maquette_(\w+)\(", text))
    helpers = {"name", "touch", "folded"}
    for_older_servers = {"stuck"}  # two versions back

    assert set(PARAMETERS) == given - helpers - for_older_servers


def test_no_function_has_a_twin_of_the_same_name(old_project: SupabaseLite) -> None:
    """PostgREST finds functions by the names of what is passed, and cannot choose between two."""
    old_project.sql_file(UPDATE)
    twins = "select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like 'maquette%'"

    assert old_project.sql(f"{twins} group by proname having count(*) > 1") == ""


@dataclass
class Account:
    """What both kinds of servers order at: each order is a task that is done at once."""

    generator: FakeGenerator
    ordered: list[int] = field(default_factory=list)

    def order(self, row: dict[str, Any]) -> str:
        self.ordered.append(row["id"])
        task = f"old-{row['id']}-{row['attempt']}"
        self.generator.tasks[task] = TaskState(task_id=task, phase=TaskPhase.SUCCEEDED)
        return task


class OldServer:
    """A server of the version before: its calls with its parameters and its values, and none that it did not know."""

    def __init__(self, server: SupabaseLite, account: Account) -> None:
        self.account, self.steps = account, 0
        self._db = Connection(server.url, server.secret_key)
        self._new = json.loads(next(each["with"]["p_new"] for each in CALLS if each["call"] == "add"))
        write = next(each["with"]["p_writes"] for each in CALLS if each["call"] == "write")
        self._written = set(json.loads(write)[0]["row"])

    def call(self, function: str, **parameters: Any) -> Any:
        assert sorted(parameters) == PARAMETERS[function]
        try:
            return self._db.call(function, **parameters)
        except StoreUnavailable:  # PostgreSQL refuses what runs into a new column; every service asks again
            return self._db.call(function, **parameters)

    def add(self, name: str) -> int:
        assert self.call("table_state")["version"] == 1, "it stops sending at any other"
        new = self._new | {"target_object": name, "folded_name": name.lower(), "idempotency_key": None}
        told = self.call("add", p_new=json.dumps(new), p_write_id=str(uuid.uuid4()), p_most=None, p_since=None)
        return int(told["row"]["id"])

    def claim(self, kind: str) -> list[dict[str, Any]]:
        return list(
            self.call(
                "claim",
                p_kind=kind,
                p_owner="old",
                p_lease_s=60,
                p_generator="tripo",
                p_limit=1,
                p_seconds=0.0,
                p_slots=json.dumps({"standard": 10}) if kind == "queued" else "{}",
                p_write_id=str(uuid.uuid4()),
            )
        )

    def write(self, row: dict[str, Any], stage: str, **changes: Any) -> dict[str, Any]:
        """The row as it knows it, with a change; nobody else may have written meanwhile, for it holds the job."""
        written = {
            "id": row["id"],
            "version": row["change_number"],
            "write_id": str(uuid.uuid4()),
            "needs_lease": stage == "submitting",
            "row": {name: row[name] for name in self._written} | {"stage": stage} | changes,
            "event": {"before": row["stage"], "note": "as it was told before"},
        }
        (new,) = self.call("write", p_writes=json.dumps([written]))
        return dict(new)

    def now(self) -> str:
        return str(self.call("now"))

    def step(self) -> int:
        """One job of each kind of work; how many it moved."""
        moved = 0
        for row in self.claim("queued"):
            sent = {"attempt": row["attempt"] + 1, "nonce": row["id"], "intent_at": self.now(), "account": "account-1"}
            row = self.write(row, "submitting", image_token=f"file-{row['id']}", send_by=self.now(), **sent)
            task = self.account.order(row)
            bound = {"task_id": task, "started_at": self.now(), "next_poll_at": self.now(), "lease_until": None}
            self.write(row, "generating", **bound)
            moved += 1
        for row in self.claim("due"):
            self.write(row, "saving", progress=100, next_poll_at=self.now(), lease_until=None, owner=None)
            moved += 1
        for row in self.claim("saving"):
            model = {"key": f"models/{row['id']}.glb", "size_bytes": 5, "sha256": "cd" * 32, "kind": "glb"}
            facts = {"face_count": 12, "vertex_count": 8}
            ended = {"status": "completed", "finished_at": self.now(), "lease_until": None}
            self.write(row, "done", model=model | facts, **ended)
            moved += 1
        self.steps += moved
        return moved

    def close(self) -> None:
        self._db.close()


class NewServer:
    """A server of today, with the same account."""

    def __init__(self, server: SupabaseLite, account: Account, folder: Path) -> None:
        self.jobs = SupabaseJobStore(Connection(server.url, server.secret_key))
        self.account = account
        objects, journal = LocalObjectStore(folder / "files"), LocalJournal(folder / "journal")
        objects.put("images/cup.jpg", b"picture", media_type="image/jpeg")
        self.world = World(
            clock=FakeClock(),
            jobs=self.jobs,
            objects=objects,
            generator=account.generator,
            journal=journal,
        )

    def add(self, name: str) -> int:
        image = stored_image(key="images/cup.jpg")
        return self.jobs.add(new_job(target_object=name, category=Category.STANDARD, image=image)).job.id

    def step(self) -> int:
        moved = self.world.dispatch(owner="new")
        tasks = self.account.generator.tasks
        for task_id, task in list(tasks.items()):
            tasks[task_id] = replace(task, phase=TaskPhase.SUCCEEDED)
        return moved + self.world.poll(owner="new") + self.world.collect(owner="new")


@pytest.fixture
def account() -> Account:
    return Account(generator=FakeGenerator())


@pytest.fixture
def old_server(old_project: SupabaseLite, account: Account) -> Iterator[OldServer]:
    old_project.restart_rest()
    server = OldServer(old_project, account)
    yield server
    server.close()


@pytest.fixture
def new_server(old_project: SupabaseLite, account: Account, tmp_path: Path) -> Iterator[NewServer]:
    server = NewServer(old_project, account, tmp_path)
    yield server
    server.jobs.close()


def hurry(server: SupabaseLite) -> None:
    """No test waits for the next look at a task."""
    server.sql("update public.generated_images set next_poll_at = now() where stage = 'generating'")


def test_a_server_of_today_sends_nothing_before_its_file_was_run_and_goes_on_by_itself_after_it(
    old_project: SupabaseLite, old_server: OldServer, new_server: NewServer, account: Account
) -> None:
    waiting = old_server.add("old")
    with pytest.raises(StoreDamaged, match=r"database_schema_update\.sql"):
        new_server.step()
    assert (account.ordered, account.generator.requests) == ([], [])

    old_project.sql_file(UPDATE)
    new_server.step()
    assert [request.job_id for request in account.generator.requests] == [waiting]


def all_ended(jobs: SupabaseJobStore) -> bool:
    return all(job.stage is Stage.DONE for job in jobs.find(JobQuery(page_size=100)).jobs)


def test_old_and_new_servers_work_on_one_table_while_it_is_updated_and_nothing_is_lost(
    old_project: SupabaseLite, old_server: OldServer, new_server: NewServer, account: Account
) -> None:
    names = [f"old {number}" for number in range(30)]
    for name in names:
        old_server.add(name)
    for _ in range(3):
        old_server.step()  # some are queued, some under way, some done
    began, stop, failed = threading.Event(), threading.Event(), []

    def work_on() -> None:
        try:
            while not stop.is_set() and old_server.step():
                began.set()
        except BaseException as exc:  # noqa: BLE001  (it is raised again below)
            failed.append(exc)

    worker = threading.Thread(target=work_on)
    worker.start()
    assert began.wait(60)
    old_project.sql_file(UPDATE)
    stop.set()
    worker.join()
    assert failed == []

    for number in range(6):
        names += [f"old again {number}", f"new {number}"]
        old_server.add(f"old again {number}")
        new_server.add(f"new {number}")
    at_update, rounds = old_server.steps, 0
    while not all_ended(new_server.jobs) and rounds < 100:
        hurry(old_project)
        old_server.step()
        if rounds % 3 == 0:  # it takes ten at a time, and shall leave some
            new_server.step()
        rounds += 1

    ended = new_server.jobs.find(JobQuery(page_size=100)).jobs
    assert sorted(job.target_object for job in ended) == sorted(names)
    assert {(job.stage, job.status) for job in ended} == {(Stage.DONE, Status.COMPLETED)}
    orders = Counter(account.ordered) + Counter(request.job_id for request in account.generator.requests)
    assert orders == Counter({job.id: 1 for job in ended}), "each was ordered once, by one of them"
    assert account.generator.requests, "the new one worked, too"
    assert old_server.steps > at_update, "and the old one after the update"
    for job in ended:
        assert [event.after for event in new_server.jobs.events(job.id)] == [
            Stage.QUEUED,
            Stage.SUBMITTING,
            Stage.GENERATING,
            Stage.SAVING,
            Stage.DONE,
        ]


def test_jobs_that_old_and_new_servers_hand_each_other_at_every_stage_come_to_their_end(
    old_project: SupabaseLite, old_server: OldServer, new_server: NewServer, account: Account
) -> None:
    old_project.sql_file(UPDATE)
    mine, theirs = new_server.add("new"), old_server.add("old")
    jobs = new_server.jobs

    row = old_server.claim("queued")[0]  # the new server's job, submitted by the old one
    assert row["id"] == mine
    row = old_server.write(row, "submitting", attempt=1, nonce=1, send_by=old_server.now(), intent_at=old_server.now())
    task = account.order(row)
    bound = {"task_id": task, "started_at": old_server.now(), "next_poll_at": old_server.now(), "lease_until": None}
    old_server.write(row, "generating", **bound)
    assert (jobs.get(mine).stage, jobs.get(mine).task_id) == (Stage.GENERATING, task)
    new_server.step()  # polls and fetches what the old one ordered, and orders what the old one was given
    assert jobs.get(mine).status is Status.COMPLETED
    assert jobs.get(theirs).task_id is not None
    hurry(old_project)
    while old_server.step():
        pass
    assert jobs.get(theirs).status is Status.COMPLETED


FURTHER: dict[str, dict[str, Any]] = {
    "text": {"prompt": "a blue cup"},
    "multiview": {"image": stored_image(), "left": stored_image(key="images/cup-left.jpg", sha256="ef" * 32)},
}
ASKED_AT = {
    "queued": "queued",
    "uncertain": "uncertain",
    "attention": "uncertain",
    "generating": "due",
    "late": "due",
}


def brought_to(server: SupabaseLite, job_id: int, stage: str) -> None:
    """As a server leaves it, with nobody who holds it; its moment has come."""
    status = "timeout" if stage == "late" else "running"
    is_sent = "false" if stage == "queued" else "true"
    bound = f"'task-{job_id}'" if stage in ("generating", "late", "saving") else "null"
    server.sql(
        f"update public.generated_images set stage = '{stage}', status = '{status}', task_id = {bound}, "  # noqa: S608
        f"nonce = case when {is_sent} then id end, attempt = case when {is_sent} then 1 else 0 end, "
        f"account = case when {is_sent} then 'account-1' end, intent_at = case when {is_sent} then now() end, "
        f"started_at = now(), next_poll_at = now() - interval '1 minute', lease_until = null, owner = null "
        f"where id = {job_id}"
    )


def taken_by(jobs: SupabaseJobStore, asked: str) -> list[int]:
    """Numbers of the jobs that a server of today gets."""
    own: dict[str, Any] = {"owner": "new", "lease_s": 60, "limit": 10}
    if asked == "queued":
        claimed = jobs.claim_queued(slots=EVERY_SLOT, **own)
    elif asked == "uncertain":
        claimed = jobs.claim_uncertain(generator="tripo", **own)
    else:
        claimed = jobs.claim_due(generator="tripo", **own)
    return [each.job.id for each in claimed]


@pytest.mark.parametrize("kind", FURTHER)
def test_a_job_of_a_kind_that_old_servers_do_not_know_is_sent_asked_for_and_settled_by_new_ones_only(
    old_project: SupabaseLite, old_server: OldServer, new_server: NewServer, kind: str
) -> None:
    old_project.sql_file(UPDATE)
    jobs, got, left = new_server.jobs, {}, {}
    further = jobs.add(new_job(target_object="further", **FURTHER[kind])).job.id
    known = new_server.add("known")
    for stage, asked in ASKED_AT.items():
        for job_id in (further, known):
            brought_to(old_project, job_id, stage)
        got[stage] = [row["id"] for _ in range(3) for row in old_server.claim(asked)]
        left[stage] = taken_by(jobs, asked)

    assert got == {stage: [known] for stage in ASKED_AT}, "an old server gets what it knows, and only that"
    assert left == {stage: [further] for stage in ASKED_AT}, "and leaves the other to a new one"


@pytest.mark.parametrize("kind", FURTHER)
def test_an_old_server_reads_no_picture_of_which_its_page_could_make_one_again_for_credits(
    old_project: SupabaseLite, old_server: OldServer, new_server: NewServer, kind: str
) -> None:
    """`Make again` of then copies the columns `image` and `options`, and refuses a row without a picture."""
    old_project.sql_file(UPDATE)
    further = new_server.jobs.add(new_job(target_object="further", **FURTHER[kind])).job
    (row,) = old_server.call("jobs", p_ids=[further.id])["rows"]

    assert (row["image"], row["options"]["back"]) == (None, None)
    assert (row["image_url"] is None) == (further.image is None)
    assert new_server.jobs.get(further.id).request == further.request


@pytest.mark.parametrize("kind", FURTHER)
def test_a_finished_model_of_any_kind_is_fetched_by_old_servers_too(
    old_project: SupabaseLite, old_server: OldServer, new_server: NewServer, kind: str
) -> None:
    old_project.sql_file(UPDATE)
    further = new_server.jobs.add(new_job(target_object="further", **FURTHER[kind])).job.id
    brought_to(old_project, further, "saving")
    assert old_server.step() == 1

    job = new_server.jobs.get(further)
    assert (job.stage, job.status, job.request) == (Stage.DONE, Status.COMPLETED, new_job(**FURTHER[kind]).request)
