"""A thousand seeds without a violation; and rules that are broken on purpose are caught, so the checks can fail.

What epochs are for needs three attempts in a row to show: the exhaustive model beside this catches that.
"""

from __future__ import annotations

import collections
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.domain import transitions
from core.domain.claims import Claim, Failure
from core.domain.errors import JobNotFound, StoreUnavailable
from core.domain.status import Stage
from core.ports.journal import TaskNote
from core.services import fingerprint, journal, poll, reconcile
from core.services.attempts import order_of
from core.services.dispatch import NONCE_LIMIT, Dispatch
from core.services.throttle import Throttle
from core.stores.sqlite import account_books, clock_jumps, job_store
from core.stores.sqlite.job_store import SqliteJobStore
from tests.conftest import Tell
from tests.simulation import database, process
from tests.simulation.sim import Sim, Violation

pytestmark = pytest.mark.proof
SEEDS, SHARDS = 1000, 10
MOST_SEEDS_TO_CATCH = 400


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_thousand_seeds_hold_every_promise(shard: int, tell: Tell) -> None:
    each = SEEDS // SHARDS
    totals: collections.Counter[str] = collections.Counter()
    for seed in range(shard * each, (shard + 1) * each):
        totals.update(Sim(seed).run())
    tell(
        seeds_run=totals["seeds"],
        faults_injected=totals["faults"],
        processes_crashed=totals["crashes"],
        standstills=totals["standstills"],
        paid_requests=totals["creates"] + totals["conversions"],
        steps=totals["steps"],
        invariants_checked=totals["checks"],
    )
    assert totals["seeds"] == each
    assert min(totals[name] for name in ("crashes", "standstills", "faults", "creates", "checks", "jumps")) > 100
    assert min(totals[name] for name in ("conversions", "slow uploads", "reads that failed")) > 50
    assert min(totals[name] for name in ("image-to-model", "multiview-to-model", "text-to-model")) > 50
    assert min(totals[name] for name in ("emptied tables", "swapped projects")) >= 5


def test_a_seed_replays_step_by_step() -> None:
    first, second = Sim(7), Sim(7)
    assert first.run() == second.run()
    assert first.trace == second.trace


def retry_blindly(patch: pytest.MonkeyPatch) -> None:
    def send_again(self: Any, claim: Any, *, note: str) -> Any:
        return self.return_to_queue(claim, wait_s=0.0, note=note)

    patch.setattr(SqliteJobStore, "mark_uncertain", send_again)


def requeue_expired_leases(patch: pytest.MonkeyPatch) -> None:
    def rescue(self: Any) -> int:
        with self._database.write() as db:
            rows = list(self._sql.submitting_without_lease(db, now=job_store.to_text(self.now())))

            def requeue(job: Any, now: Any) -> Any:
                return transitions.moved(transitions.again(job), now, Stage.QUEUED, "rescued")

            return int(self._change_all(db, rows, requeue))

    patch.setattr(SqliteJobStore, "expire_submitting", rescue)


def trust_absence_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(process, "SETTLE_S", -1000.0)
    patch.setattr(reconcile, "LAG_FACTOR", 0)
    patch.setattr(reconcile, "SCANS_TO_PROVE", 1)


def send_after_the_time(patch: pytest.MonkeyPatch) -> None:
    create = Throttle.create
    patch.setattr(Throttle, "create", lambda self, request, **_: create(self, request, check_send_window=lambda: None))


def ignore_waiting_times(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Throttle, "wait_s", lambda self: self._jobs.account_wait_s(generator=self.name) * 0)


def forget_lost_answers(patch: pytest.MonkeyPatch) -> None:
    def give_up(self: Any, claim: Any, *, note: str) -> Any:
        return self.fail(claim, Failure(code="lost", message=note))

    patch.setattr(SqliteJobStore, "mark_uncertain", give_up)


def send_before_the_intent(patch: pytest.MonkeyPatch) -> None:
    upload = Dispatch._upload

    def early(self: Any, job: Any, claim: Any) -> Any:
        ready = upload(self, job, claim)
        if ready is not None:
            tokens, home = ready
            asked = order_of(replace(job, nonce=secrets.randbelow(NONCE_LIMIT)), home, tokens)
            self.generator.create(asked, check_send_window=lambda: None)  # no intent allows this request
        return ready

    patch.setattr(Dispatch, "_upload", early)


def lose_the_notes(patch: pytest.MonkeyPatch) -> None:
    """The answer is dropped when the job table is away, and nobody looks for it."""
    patch.setattr(Dispatch, "_bind", lambda self, note: _fail_unbound(self, note))


def _fail_unbound(dispatch: Any, note: TaskNote) -> None:
    job = dispatch.jobs.get(note.job_id)
    dispatch.jobs.fail(
        Claim(job_id=job.id, owner=job.owner, epoch=job.epoch), job_store_failure("could not be written")
    )


def job_store_failure(message: str) -> Any:
    return Failure(code="lost", message=message)


def complete_before_it_is_stored(patch: pytest.MonkeyPatch) -> None:
    put = process.Objects.put

    def half(self: Any, key: str, data: bytes, *, media_type: str) -> None:
        put(self, key, data[: len(data) // 2] if key.startswith("models/") else data, media_type=media_type)

    patch.setattr(process.Objects, "put", half)


def let_leases_run_out(patch: pytest.MonkeyPatch) -> None:
    """Nobody keeps the lease of an upload or a download that takes long."""
    patch.setattr(process.Process, "_renew_held", lambda self: None)


def take_notes_of_other_tables(patch: pytest.MonkeyPatch) -> None:
    """As before notes named their table: the number of the job and the attempt are all that is looked at."""

    def judged(jobs: Any, note: TaskNote, home: Any) -> Any:
        try:
            job = jobs.get(note.job_id)
        except JobNotFound:
            return None, "no such job"
        return (job, None) if job.attempt == note.attempt else (None, "another attempt")

    patch.setattr(journal, "_judged", judged)


def throw_foreign_notes_away(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal.Notes, "_tell_once", lambda self, note, why: self.journal.forget(note))


def believe_the_wall(patch: pytest.MonkeyPatch) -> None:
    """A clock that is set moves no lease and no wait."""
    patch.setattr(clock_jumps, "_move", lambda db, seconds: None)
    patch.setattr(account_books, "jump_s", lambda db, clock: 0.0)


def compare_our_wall_with_tripos(patch: pytest.MonkeyPatch) -> None:
    """Tripo's list is searched back to a time by our own clock, however wrong that is."""
    patch.setattr(Throttle, "vendor_now", lambda self: None)


def overwrite_what_others_wrote(patch: pytest.MonkeyPatch) -> None:
    """Supabase: a change is written though the row is not as it was read."""
    patch.setattr(database, "is_version", lambda row, version: True)


def write_twice_when_the_answer_was_lost(patch: pytest.MonkeyPatch) -> None:
    """Supabase: a call that is repeated is a second one, and is written as the first was."""
    is_repeated, is_version = database.is_repeated, database.is_version
    repeated: set[int] = set()

    def never(row: Any, write_id: str) -> bool:
        if is_repeated(row, write_id):
            repeated.add(row["id"])
        return False

    def same(row: Any, version: Any) -> bool:
        if row["id"] in repeated:
            repeated.remove(row["id"])
            return True
        return is_version(row, version)

    patch.setattr(database, "is_repeated", never)
    patch.setattr(database, "is_version", same)


def take_a_question_that_failed_for_a_no(patch: pytest.MonkeyPatch) -> None:
    """Where the table does not say whether the account has to wait, it is called."""
    wait_s, begin = Throttle.wait_s, Sim.__init__

    def no_wait(self: Any) -> float:
        try:
            return float(wait_s(self))
        except StoreUnavailable:
            return 0.0

    def often_away(self: Sim, seed: int) -> None:
        begin(self, seed)
        self.store_chance = 0.2

    patch.setattr(Throttle, "wait_s", no_wait)
    patch.setattr(Sim, "__init__", often_away)


def take_one_kinds_echo_for_anothers(patch: pytest.MonkeyPatch) -> None:
    """Nor is anybody asked about a task of the same words, which would keep such a job from being sent twice, too."""
    for module in (poll, reconcile):
        patch.setattr(module, "fingerprint_scope", lambda account, job: account)
    patch.setattr(fingerprint, "_has_same_words", lambda job, task: False)


@pytest.mark.parametrize(
    "broken",
    [
        retry_blindly,
        requeue_expired_leases,
        trust_absence_at_once,
        send_after_the_time,
        ignore_waiting_times,
        forget_lost_answers,
        send_before_the_intent,
        lose_the_notes,
        complete_before_it_is_stored,
        let_leases_run_out,
        take_notes_of_other_tables,
        throw_foreign_notes_away,
        believe_the_wall,
        compare_our_wall_with_tripos,
        overwrite_what_others_wrote,
        write_twice_when_the_answer_was_lost,
        take_a_question_that_failed_for_a_no,
        take_one_kinds_echo_for_anothers,
    ],
    ids=lambda broken: broken.__name__,
)
def test_a_broken_rule_is_caught(broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    seen = next(filter(None, map(_violation, range(MOST_SEEDS_TO_CATCH))), None)

    assert seen is not None, f"{broken.__name__} was not noticed"
    # any other cause: the run itself broke down, and shows nothing
    assert isinstance(seen.__cause__, AssertionError)


def _violation(seed: int) -> Violation | None:
    try:
        Sim(seed).run()
    except Violation as exc:
        return exc
    return None
