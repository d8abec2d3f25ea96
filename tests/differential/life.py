"""What Hypothesis may do to both job stores: every verb of the port, in any order, on jobs at any stage."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from core.domain.change import holds
from core.domain.claims import Affordable, Budget, Claim, Claimed, Failure, PollNote, Slots
from core.domain.generation import Balance, OrphanedTask, Source, UsageRow
from core.domain.job import Job
from core.domain.request import Conversion, Kind
from core.domain.status import Stage, Status
from core.ports.account_store import Delivery
from core.ports.job_store import JobQuery
from core.stores.supabase.connection import Connection
from tests.builders import Category, intent, new_job, stored_image, stored_model
from tests.differential.both import BothStores

LEASE_S = 60.0
ACCOUNTS = ("acc", "other account")
GENERATORS = ("tripo", "tripo", "offline")
NAMES = ("Cup", "ΣΚΎΛΟΣ", "Große Vase", "ﬁle 100%", "İstanbul_2", "Golden Retriever")
SEARCHES = ("", "cup", "σκύλος", "GROSSE", "file", "%", "_", "2", "i̇", "\\", "1", "٣", "zzz", "e")
CREDITS = (None, Decimal(30), Decimal("25.50"), Decimal(0))
NOTES = ("It is tried again.", "The disk is full.")
FAILURES = (
    Failure(code="2008", message="Refused."),
    Failure(code="2010", message="No credit.", credits_used=Decimal(5)),
    Failure(code="1002", message="The key is not accepted."),
)
TASKS = st.sampled_from([f"task-{number}" for number in range(6)])
WHICH = st.integers(0, 5)
WAY = st.integers(0, 5)
OWNER = st.sampled_from(["a", "b"])
GENERATOR = st.sampled_from(GENERATORS[1:])
ACCOUNT = st.sampled_from(ACCOUNTS)


def _seen(task_id: str, way: int, job_id: int | None = None) -> OrphanedTask:
    return OrphanedTask(
        task_id=task_id,
        account=ACCOUNTS[way % 2],
        source=(Source.USAGE, Source.JOURNAL)[way % 2],
        status=("", "running", "success")[way % 3],
        credits_used=CREDITS[way % 4],
        job_id=job_id,
        evidence=("", "It fits.")[way % 2],
    )


# What whoever holds a claim may write, each in a few ways.
HELD: dict[str, Callable[[int, str], tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "mark_submitting": lambda way, task: ((intent(nonce=way, image_token=task, account=ACCOUNTS[way % 2]),), {}),
    "bind_task": lambda way, task: ((task,), {"poll_in_s": way % 3 * 5.0}),
    "return_to_queue": lambda way, task: ((), {"wait_s": way % 2 * 30.0, "note": NOTES[0]}),
    "mark_blocked": lambda way, task: ((FAILURES[way % 3],), {}),
    "mark_uncertain": lambda way, task: ((), {"note": NOTES[0]}),
    "note_scan": lambda way, task: ((), {"counts": way % 2 == 0}),
    "mark_attention": lambda way, task: (([_seen(task, way + n) for n in range(way % 3)],), {"note": NOTES[0]}),
    "mark_saving": lambda way, task: ((), {"credits_used": CREDITS[way % 4]}),
    "postpone_saving": lambda way, task: (
        (),
        {"wait_s": way * 5.0, "note": NOTES[way % 2], "is_missed": way % 3 == 0},
    ),
    "note_begun": lambda way, task: ((), {"lease_s": way * 30.0, "note": NOTES[0]}),
    "complete": lambda way, task: ((stored_model(kind="fbx" if way == 0 else "glb"),), {}),
    "fail": lambda way, task: ((FAILURES[way % 3],), {}),
    "renew": lambda way, task: ((), {"lease_s": way * 30.0}),
    "release": lambda way, task: ((), {}),
}
READING = (
    *("get", "queue_length_before", "conversions", "events", "account_wait_s", "account_facts", "usage_awaited_since"),
    *("orphaned_tasks", "credits_since", "recent_durations_s", "job_of_intent", "job_of_key", "now", "last_beat"),
    "job_of_task",
    *("last_delivery_at", "damage", "failed_write", "check", "try_write"),
)
# The way of a job that nothing goes wrong with, with a turn here and there.
NEXT: dict[Stage, tuple[str, ...]] = {
    Stage.QUEUED: ("mark_submitting", "mark_submitting", "mark_submitting", "mark_blocked"),
    Stage.SUBMITTING: ("bind_task", "bind_task", "mark_uncertain", "return_to_queue"),
    Stage.UNCERTAIN: ("mark_attention", "mark_attention", "bind_task", "return_to_queue"),
    Stage.ATTENTION: ("bind_task", "mark_attention"),
    Stage.GENERATING: ("mark_saving", "mark_saving", "mark_saving", "fail"),
    Stage.LATE: ("mark_saving", "fail"),
    Stage.SAVING: ("complete", "complete", "postpone_saving"),
}


def _asked(way: int, *, is_conversion: bool) -> dict[str, Any]:
    """What a job asks for, of every kind."""
    if is_conversion:
        return {"conversion": Conversion(task_id=f"task-{way}"), "source": 1}
    kinds: tuple[dict[str, Any], ...] = ({}, {"back": stored_image(key="images/b/cup.jpg")}, {"prompt": "a cup"})
    return kinds[way % 3] | {"choices": {"face_limit": 500}}


class Life(RuleBasedStateMachine):
    """Both stores hear the same; after each call all that was written is compared, at the end every table."""

    connection: ClassVar[Connection]
    used: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / f"{uuid.uuid4().hex}.sqlite3"
        self.both = BothStores.empty(self.connection, self.file)
        self.claims: list[Claim] = []
        self.count = 0

    def teardown(self) -> None:
        try:
            self.both.compare_tables(self.file)
        finally:
            self.both.close()
            self.used.update(self.both.used)
            self.folder.cleanup()

    def call(self, verb: str, *args: Any, **values: Any) -> Any:
        answer = self.both.call(verb, *args, **values)
        self.both.compare_news()
        return answer

    @initialize(depths=st.lists(st.integers(0, 10), min_size=1, max_size=3), way=st.integers(0, 2))
    def begin(self, depths: list[int], way: int) -> None:
        """Some jobs at some stage, so that not every life begins with an empty table."""
        for number, depth in enumerate(depths):
            job = self.call("add", new_job(generator=GENERATORS[(way + number) % 3], credits_estimate=CREDITS[1])).job
            self._bring_on(job, [way] * depth)

    # -- the life of a job

    @rule(name=st.sampled_from(NAMES), way=WAY, category=st.sampled_from(list(Category)), most=st.sampled_from([0, 90]))
    def add(self, name: str, way: int, category: Category, most: int) -> None:
        new = new_job(
            target_object=name,
            generator=GENERATORS[way % 3],
            category=category,
            credits_estimate=CREDITS[way % 4],
            idempotency_key=f"key {way}" if way < 2 else f"~order of {name}" if way == 2 else None,
            request_hash=name,
            caller_key="key 0" if way == 2 else None,
            caller_hash=name,
            **_asked(way, is_conversion=category is Category.CONVERT and self.both.local.last_change() > 0),
        )
        since = self.both.clock.now() - timedelta(days=1)
        budget = Budget(most=Decimal(most), since=since) if way == 3 else None
        self.call("add", new, budget=budget)

    @rule(owner=OWNER, most=st.integers(1, 3), limit=st.integers(1, 4))
    def claim_queued(self, owner: str, most: int, limit: int) -> None:
        slots = Slots(limits=dict.fromkeys(reversed(Category), most))
        self._keep(self.call("claim_queued", owner=owner, lease_s=LEASE_S, slots=slots, limit=limit))

    @rule(owner=OWNER, generator=GENERATOR, limit=st.integers(1, 3), seconds=st.sampled_from([0.0, 5.0]))
    def claim(self, owner: str, generator: str, limit: int, seconds: float) -> None:
        common = {"owner": owner, "lease_s": LEASE_S, "generator": generator, "limit": limit}
        self._keep(self.call("claim_due", **common, ahead_s=seconds))
        self._keep(self.call("claim_saving", **common))
        self._keep(self.call("claim_uncertain", **common, not_scanned_for_s=seconds))

    @rule(verb=st.sampled_from(sorted(HELD)), which=WHICH, way=WAY, task=TASKS)
    def write_with_a_claim(self, verb: str, which: int, way: int, task: str) -> None:
        """Also with one that was lost, and at a stage at which the verb makes no sense."""
        if self.claims:
            claim = self.claims[-1 - which % len(self.claims)]
            values, named = HELD[verb](way, task)
            self.call(verb, claim, *values, **named)

    @rule(which=WHICH, ways=st.lists(WAY, min_size=1, max_size=8))
    def go_on(self, which: int, ways: list[int]) -> None:
        """The next steps of a job that is under way: deep stages are reached, too."""
        job = self._one_under_way(which)
        if job is not None:
            self._bring_on(job, ways)

    @rule(which=WHICH, way=WAY, task=TASKS)
    def adopt_task(self, which: int, way: int, task: str) -> None:
        job = self._one_under_way(which)
        if job is not None:
            attempt = job.attempt - (way == 0)
            nonce = -1 if way == 2 else job.nonce
            self.call("adopt_task", job.id, attempt, task, nonce=nonce, poll_in_s=5.0)

    @rule(which=st.lists(WHICH, max_size=3), way=WAY, progress=st.integers(0, 100))
    def note_polls(self, which: list[int], way: int, progress: int) -> None:
        notes = [
            PollNote(
                claim=self.claims[-1 - number % len(self.claims)],
                progress=(progress + number) % 101,
                poll_again_in_s=5.0,
                is_missed=way % 3 == 0,
                is_waiting=way % 3 == 1,
                is_answered=way % 2 == 0,
            )
            for number in which
            if self.claims
        ]
        self.call("note_polls", notes)

    @rule(verb=st.sampled_from(["cancel", "fetch_now", "send_again"]), number=st.integers(1, 6))
    def decide(self, verb: str, number: int) -> None:
        more = {"send_again": {"note": NOTES[0]}, "cancel": {"maker": ("Tripo", "Offline")[number % 2]}}
        self.call(verb, number, **more.get(verb, {}))

    @rule(age_s=st.sampled_from([0.0, 30.0, 600.0]), generator=GENERATOR, available=st.sampled_from(CREDITS))
    def sweep(self, age_s: float, generator: str, available: Decimal | None) -> None:
        self.call("expire_submitting")
        self.call("mark_late", timeout_s=age_s)
        self.call("give_up_late", watch_s=age_s)
        codes = frozenset({"2010"})
        balance = None if available is None else Affordable(available=available, short_codes=codes)
        self.call("unblock", generator=generator, balance=balance)

    # -- the account

    @rule(generator=GENERATOR, account=ACCOUNT, way=WAY)
    def learn_of_the_account(self, generator: str, account: str, way: int) -> None:
        if way == 0:
            self.call("pause_account", generator=generator, wait_s=7.5)
        elif way == 1:
            self.call("note_echo", account)
        else:
            self.call("note_balance", account, Balance(available=Decimal(way), held=Decimal("0.50")))

    @rule(account=ACCOUNT, way=WAY, tasks=st.lists(TASKS, max_size=3), credits_used=st.sampled_from(CREDITS))
    def note_usage(self, account: str, way: int, tasks: list[str], credits_used: Decimal | None) -> None:
        known = [job.task_id for job in self._jobs() if job.task_id is not None]
        rows = [
            UsageRow(
                task_id=task_id,
                type="",
                status="",
                created_at=None,
                credits_used=credits_used,
                has_ended=way % 2 == 0,
            )
            for task_id in (*tasks, *known[way:])
        ]
        self.call("note_usage", account, rows)

    @rule(tasks=st.lists(TASKS, max_size=3), way=WAY, number=st.sampled_from([None, 1, 2]))
    def keep_orphaned(self, tasks: list[str], way: int, number: int | None) -> None:
        job_id = number if number is not None and number <= len(self._jobs()) else None
        self.call("keep_orphaned", [_seen(task, way + n, job_id) for n, task in enumerate(tasks)])
        self.call("unbound", tasks)

    @rule(account=ACCOUNT, number=st.integers(0, 3), which=WHICH, task=st.none() | TASKS)
    def note_delivery(self, account: str, number: int, which: int, task: str | None) -> None:
        job = self._one_under_way(which)
        named = job.task_id if job is not None and job.task_id is not None and task is not None else task
        self.call("note_delivery", account, Delivery(id=f"d{number}", type="task.completed", task_id=named))

    # -- reading, and time

    @rule(search=st.sampled_from(SEARCHES), statuses=st.frozensets(st.sampled_from(list(Status)), max_size=2))
    def search(self, search: str, statuses: frozenset[Status]) -> None:
        for page in range(2):
            self.call("find", JobQuery(search=search, statuses=statuses, page=page, page_size=3))

    @rule(number=st.integers(1, 7), way=WAY, task=TASKS, verbs=st.sets(st.sampled_from(READING), max_size=4))
    def read(self, number: int, way: int, task: str, verbs: set[str]) -> None:
        asked: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
            "get": ((number,), {}),
            "queue_length_before": ((number,), {}),
            "conversions": ((number,), {}),
            "events": ((number,), {}),
            "account_wait_s": ((), {"generator": GENERATORS[way % 3]}),
            "account_facts": ((ACCOUNTS[way % 2],), {}),
            "usage_awaited_since": ((ACCOUNTS[way % 2],), {}),
            "orphaned_tasks": ((), {"job_id": None if way < 3 else number, "limit": way + 1}),
            "credits_since": ((self.both.clock.now() - timedelta(minutes=way),), {}),
            "recent_durations_s": ((list(Category)[way % 4], Kind.all()[way % 4]), {"limit": 2}),
            "job_of_task": ((task,), {}),
            "job_of_intent": ((), {"nonce": way if way < 4 else None, "image_token": task if way > 2 else None}),
            "job_of_key": ((f"key {way}",), {}),
        }
        for verb in sorted(verbs):
            values, named = asked.get(verb, ((), {}))
            self.both.call(verb, *values, **named)
        self.both.compare_cursors()

    @rule(owner=OWNER)
    def live_on(self, owner: str) -> None:
        self.call("beat", owner=owner)
        self.call("fold_names", limit=3)

    @rule(seconds=st.sampled_from([0.5, 2.0, 5.0, 31.0, 61.0, 601.0, 86_401.0, 700_000.0]))
    def pass_time(self, seconds: float) -> None:
        self.both.clock.advance(seconds)

    @rule(seconds=st.sampled_from([-3600.0, -1.0, 3600.0]))
    def set_the_clock(self, seconds: float) -> None:
        """That of the store itself. What SQLite does when it sees the machine's clock jump, no database server does."""
        self.both.clock.advance(seconds)

    # -- helpers

    def _bring_on(self, job: Job, ways: list[int]) -> None:
        for way in ways:
            if job.is_ended:
                return
            claim = self._claim_of(job)
            if claim is None or job.stage is Stage.BLOCKED:
                self._free(job)
            else:
                self.count += 1
                verb = NEXT[job.stage][way % len(NEXT[job.stage])]
                values, named = HELD[verb](way, f"fresh {self.count}")
                self.call(verb, claim, *values, **named)
            job = self.both.local.get(job.id)

    def _jobs(self) -> list[Job]:
        return list(self.both.local.find(JobQuery(page_size=1000)).jobs)

    def _one_under_way(self, which: int) -> Job | None:
        open_ones = [job for job in self._jobs() if job.stage is not Stage.DONE]
        return open_ones[which % len(open_ones)] if open_ones else None

    def _claim_of(self, job: Job) -> Claim | None:
        return next((each for each in reversed(self.claims) if each.job_id == job.id and holds(each, job)), None)

    def _keep(self, claimed: list[Claimed]) -> None:
        self.claims += [each.claim for each in claimed]

    def _free(self, job: Job) -> None:
        """What lets a job be claimed."""
        common = {"owner": "a", "lease_s": LEASE_S, "limit": 10}
        if job.stage is Stage.QUEUED:
            self._keep(self.call("claim_queued", **common, slots=Slots(limits=dict.fromkeys(Category, 9))))
        elif job.stage is Stage.BLOCKED:
            self.call("unblock", generator=job.generator)
        elif job.stage in (Stage.UNCERTAIN, Stage.ATTENTION):
            self._keep(self.call("claim_uncertain", **common, generator=job.generator))
        elif job.stage in (Stage.GENERATING, Stage.LATE, Stage.SAVING):
            verb = "claim_saving" if job.stage is Stage.SAVING else "claim_due"
            self.both.clock.advance(5.0)
            self._keep(self.call(verb, **common, generator=job.generator))
        if self._claim_of(self.both.local.get(job.id)) is None:  # someone else holds it, or it has to wait
            self.both.clock.advance(LEASE_S + 1)
            self.call("expire_submitting")
