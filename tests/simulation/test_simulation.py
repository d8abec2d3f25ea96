"""A thousand seeds without a violation; and rules that are broken on purpose are caught, so the checks can fail.

What epochs are for needs three attempts in a row to show: the exhaustive model beside this catches that.
"""

from __future__ import annotations

import collections
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.domain import transitions
from core.domain.claims import Claim, Failure
from core.domain.declaration import Evidence
from core.domain.errors import JobNotFound, StoreUnavailable
from core.domain.status import Stage
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.order import order_of as comfy_order_of
from core.ports.journal import TaskNote
from core.services import fingerprint, journal, poll, reconcile, sweep
from core.services.attempts import order_of
from core.services.dispatch import NONCE_LIMIT, Dispatch
from core.services.elsewhere import Elsewhere
from core.services.sweep import Sweep
from core.services.throttle import Throttle
from core.stores.sqlite import account_store, clock_jumps, job_store
from core.stores.sqlite.job_store import SqliteJobStore
from tests.conftest import Tell
from tests.simulation import database, process
from tests.simulation.sim import Sim, Violation, one_by_one

pytestmark = pytest.mark.proof
SEEDS, SHARDS = 1000, 5
MOST_SEEDS_TO_CATCH = 400


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_thousand_seeds_hold_every_promise(shard: int, tell: Tell) -> None:
    each = SEEDS // SHARDS
    totals: collections.Counter[str] = collections.Counter()
    for seed in one_by_one(range(shard * each, (shard + 1) * each)):
        totals.update(Sim(seed).run())
    tell(
        seeds_run=totals["seeds"],
        faults_injected=totals["faults"],
        processes_crashed=totals["crashes"],
        standstills=totals["standstills"],
        paid_requests=totals["creates"] + totals["conversions"],
        named_requests=totals["named requests"],
        free_requests=totals["free requests"],
        steps=totals["steps"],
        invariants_checked=totals["checks"],
    )
    assert totals["seeds"] == each
    assert min(totals[name] for name in ("crashes", "standstills", "faults", "creates", "checks", "jumps")) > 100
    assert min(totals[name] for name in ("reads that failed", "named requests", "free requests")) > 50
    assert totals["slow uploads"] > 25
    assert min(totals[name] for name in ("image-to-model", "multiview-to-model", "text-to-model", "conversions")) > 25
    assert min(totals[name] for name in ("outages", "begun again")) > 0
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

            return int(self._rows.change_all(db, rows, requeue))

    patch.setattr(SqliteJobStore, "expire_submitting", rescue)


def trust_absence_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(process, "SETTLE_S", -1000.0)
    patch.setattr(reconcile, "LAG_FACTOR", 0)
    patch.setattr(reconcile, "SCANS_TO_PROVE", 1)


def send_after_the_time(patch: pytest.MonkeyPatch) -> None:
    create = Throttle.create
    patch.setattr(Throttle, "create", lambda self, request, **_: create(self, request, check_send_window=lambda: None))


def ignore_waiting_times(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Throttle, "wait_s", lambda self: self._jobs.accounts.account_wait_s(generator=self.name) * 0)


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
    with_chances(patch, loss_chance=0.05, store_chance=0.04)


def throw_foreign_notes_away(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal.Notes, "_tell_once", lambda self, note, why: self.journal.forget(note))


def believe_the_wall(patch: pytest.MonkeyPatch) -> None:
    """A clock that is set moves no lease and no wait."""
    patch.setattr(clock_jumps, "_move", lambda db, seconds: None)
    patch.setattr(account_store, "jump_s", lambda db, clock: 0.0)


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


def with_chances(patch: pytest.MonkeyPatch, *, faults: float = 0.0, **chances: float) -> None:
    """What the broken rule needs to show happens more often; `faults`: of Tripo's answers."""
    begin = Sim.__init__

    def often(self: Sim, seed: int) -> None:
        begin(self, seed)
        for name, chance in chances.items():
            setattr(self, name, chance)
        if faults:
            self.service.plan.at_random(self.luck, faults)

    patch.setattr(Sim, "__init__", often)


def take_a_question_that_failed_for_a_no(patch: pytest.MonkeyPatch) -> None:
    """Where the table does not say whether the account has to wait, it is called."""
    wait_s = Throttle.wait_s

    def no_wait(self: Any) -> float:
        try:
            return float(wait_s(self))
        except StoreUnavailable:
            return 0.0

    patch.setattr(Throttle, "wait_s", no_wait)
    with_chances(patch, faults=0.3, store_chance=0.2)


def take_one_kinds_echo_for_anothers(patch: pytest.MonkeyPatch) -> None:
    """Nor is anybody asked about a task of the same words, which would keep such a job from being sent twice, too."""
    for module in (poll, reconcile):
        patch.setattr(module, "fingerprint_scope", lambda account, job: account)
    patch.setattr(fingerprint, "_has_same_words", lambda job, task: False)


def make_named_ones_anew(patch: pytest.MonkeyPatch) -> None:
    """NAMED: a lost answer is settled as where nothing has a name, so its run is not looked for."""
    patch.setattr(Sweep, "_look_up_named_ones", Sweep._repeat_free_ones)


def trust_the_absence_of_a_name_at_once(patch: pytest.MonkeyPatch) -> None:
    """NAMED: an order that is still on its way counts as one that never came."""
    patch.setattr(sweep, "IN_FLIGHT", timedelta(days=-1))


def give_names_again_unseen(patch: pytest.MonkeyPatch) -> None:
    """NAMED: what one question does not show is sent again under its name, and nobody looks whether it has ended."""

    def send(self: Any, task_id: str, request: Any, **_: Any) -> None:
        self._send(replace(comfy_order_of(request), attempt_id=task_id), lambda: None)

    patch.setattr(ComfyGenerator, "begin_again", send)
    patch.setattr(ComfyGenerator, "_settled", lambda self, task_id, **_: None)


def leave_free_ones_uncertain(patch: pytest.MonkeyPatch) -> None:
    """FREE: a lost answer waits for a search that there is not."""
    patch.setattr(Sweep, "_repeat_free_ones", lambda self: 0)


def wait_for_lost_disks(patch: pytest.MonkeyPatch) -> None:
    """FREE: whoever had a task is waited for, for ever."""
    patch.setattr(Elsewhere, "is_silent", lambda self, job, now: False)


def begin_for_ever(patch: pytest.MonkeyPatch) -> None:
    """FREE: what stops its machine each time is begun again each time."""
    patch.setattr(Elsewhere, "refusal", lambda self, job: None)


def give_up_at_the_first_loss(patch: pytest.MonkeyPatch) -> None:
    """FREE: a machine that was started again once is taken for one that the job stopped."""
    refusal = Elsewhere.refusal
    patch.setattr(Elsewhere, "refusal", lambda self, job: refusal(self, replace(job, settle_scans=3)))


def charge_for_free_ones(patch: pytest.MonkeyPatch) -> None:
    """FREE: a cost is written down where there is none."""
    mark_saving = SqliteJobStore.mark_saving

    def charged(self: Any, claim: Any, *, credits_used: Any) -> Any:
        is_free = self.get(claim.job_id).is_free
        return mark_saving(self, claim, credits_used=Decimal(1) if is_free else credits_used)

    patch.setattr(SqliteJobStore, "mark_saving", charged)


BROKEN: dict[Evidence, tuple[Callable[[pytest.MonkeyPatch], None], ...]] = {
    Evidence.ECHO: (
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
    ),
    Evidence.NAMED: (make_named_ones_anew, trust_the_absence_of_a_name_at_once, give_names_again_unseen),
    Evidence.FREE: (
        leave_free_ones_uncertain,
        wait_for_lost_disks,
        begin_for_ever,
        give_up_at_the_first_loss,
        charge_for_free_ones,
    ),
}
# What these break shows only where a table was exchanged while a note waited, which is rare in a life as it comes.
OF_OTHER_TABLES = (take_notes_of_other_tables, throw_foreign_notes_away)
OFTEN = 0.15


@pytest.mark.parametrize(
    ("evidence", "broken"),
    [(evidence, broken) for evidence, each in BROKEN.items() for broken in each],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_rule_is_caught(
    evidence: Evidence, broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In lives of the one generator that the rule is about: another's promises must not hide that its own are blind."""
    broken(monkeypatch)
    loss_chance = OFTEN if broken in OF_OTHER_TABLES else None
    violations = (_violation(seed, evidence, loss_chance) for seed in one_by_one(range(MOST_SEEDS_TO_CATCH)))
    seen = next(filter(None, violations), None)

    assert seen is not None, f"{broken.__name__} was not noticed"
    # any other cause: the run itself broke down, and shows nothing
    assert isinstance(seen.__cause__, AssertionError)


def _violation(seed: int, evidence: Evidence, loss_chance: float | None) -> Violation | None:
    sim = Sim(seed)
    sim.mix = tuple(int(each is evidence) for each in sim.makers)
    if loss_chance is not None:
        sim.loss_chance = loss_chance
    try:
        sim.run()
    except Violation as exc:
        return exc
    return None
