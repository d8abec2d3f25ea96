"""What every JobStore promises about the account: facts, usage, tasks seen, deliveries, budget, decisions."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.domain.claims import Affordable, Budget, Claimed, Failure, PollNote
from core.domain.errors import BudgetExceeded, ClaimLost, IllegalTransition
from core.domain.generation import Balance, OrphanedTask, Source, UsageRow
from core.domain.job import Job
from core.domain.request import Kind
from core.domain.status import Stage, Status
from core.ports.account_store import Delivery
from core.ports.job_store import JobStore
from tests.builders import EVERY_SLOT, Category, intent, new_job, stored_model
from tests.clocks import FakeClock

ACCOUNT = "account-1"


def submitting(jobs: JobStore, **changes: object) -> Claimed:
    jobs.add(new_job(**changes))
    claimed = jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    job = jobs.mark_submitting(claimed.claim, intent(account=ACCOUNT))
    return Claimed(job=job, claim=claimed.claim)


def uncertain(jobs: JobStore) -> Claimed:
    jobs.mark_uncertain(submitting(jobs).claim, note="lost")
    return jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=1)[0]


def row(task_id: str, credits: int | None = None, *, has_ended: bool = False) -> UsageRow:
    spent = None if credits is None else Decimal(credits)
    return UsageRow(
        task_id=task_id, type="image_to_model", status="", created_at=None, credits_used=spent, has_ended=has_ended
    )


def seen(task_id: str, **changes: object) -> OrphanedTask:
    return OrphanedTask(**({"task_id": task_id, "account": ACCOUNT, "source": Source.USAGE} | changes))  # type: ignore[arg-type]


def test_an_account_nobody_has_seen_has_no_facts(jobs: JobStore) -> None:
    facts = jobs.accounts.account_facts("unknown")

    assert (facts.echo_seen_at, facts.usage_lag_s, facts.balance, facts.balance_at) == (None, None, None, None)


def test_the_first_echo_and_the_last_balance_are_kept(jobs: JobStore, clock: FakeClock) -> None:
    first = clock.now()
    jobs.accounts.note_echo(ACCOUNT)
    clock.advance(60)
    jobs.accounts.note_echo(ACCOUNT)
    for credits in ("100.00", "70.50"):
        jobs.accounts.note_balance(ACCOUNT, Balance(available=Decimal(credits), held=Decimal(30)))

    facts = jobs.accounts.account_facts(ACCOUNT)
    assert (facts.echo_seen_at, facts.balance_at) == (first, clock.now())
    assert facts.balance == Balance(available=Decimal("70.50"), held=Decimal(30))
    assert jobs.accounts.account_facts("account-2").balance is None


def test_the_lag_of_the_usage_list_is_measured_without_our_own_pauses(jobs: JobStore, clock: FakeClock) -> None:
    claimed = submitting(jobs)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    assert jobs.accounts.usage_awaited_since(ACCOUNT) == claimed.job.intent_at
    clock.advance(40)
    jobs.accounts.note_usage(ACCOUNT, [])
    assert jobs.accounts.account_facts(ACCOUNT).usage_missing_s == 40.0
    clock.advance(3600)  # nobody looked for an hour
    jobs.accounts.note_usage(ACCOUNT, [row("task-1")])

    assert jobs.accounts.account_facts(ACCOUNT).usage_lag_s == 70.0  # missing after 40 s; we look every 30 s
    assert jobs.accounts.account_facts(ACCOUNT).usage_missing_s is None
    assert jobs.accounts.usage_awaited_since(ACCOUNT) is None


def test_the_bill_of_a_job_that_has_ended_is_filled_in_and_nothing_else_changes(jobs: JobStore) -> None:
    claimed = submitting(jobs)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    ended = jobs.fail(claimed.claim, Failure(code="task_missing", message="gone"))
    assert jobs.accounts.usage_awaited_since(ACCOUNT) is not None
    jobs.accounts.note_usage(ACCOUNT, [row("task-1", 30)])
    assert jobs.get(ended.id).credits_used is None
    jobs.accounts.note_usage(ACCOUNT, [row("task-1", 30, has_ended=True)])

    after = jobs.get(ended.id)
    assert after.credits_used == 30
    assert (after.status, after.stage, after.error_message) == (ended.status, ended.stage, ended.error_message)
    assert jobs.accounts.usage_awaited_since(ACCOUNT) is None


def test_the_usage_list_is_the_bill_whatever_was_known_before(jobs: JobStore) -> None:
    claimed = submitting(jobs)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    jobs.mark_saving(claimed.claim, credits_used=Decimal(30))

    def shown_after(*rows: UsageRow) -> Decimal | None:
        jobs.accounts.note_usage(ACCOUNT, rows)
        return jobs.get(claimed.job.id).credits_used

    assert shown_after(row("task-1", 20)) == 30, "not final"
    assert shown_after(row("task-1", 25, has_ended=True)) == 25
    assert shown_after(row("task-1", None, has_ended=True)) == 25, "it names no sum"
    assert shown_after(row("task-1", 0, has_ended=True)) == 0, "given back, after the row was seen"
    jobs.accounts.note_usage("account-2", [row("task-1", 99, has_ended=True)])
    assert jobs.get(claimed.job.id).credits_used == 0


def test_a_bill_of_a_task_sent_more_than_a_day_ago_is_left(jobs: JobStore, clock: FakeClock) -> None:
    claimed = submitting(jobs)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    clock.advance(86_400)
    jobs.accounts.note_usage(ACCOUNT, [row("task-1", 25, has_ended=True)])

    assert jobs.get(claimed.job.id).credits_used is None


def test_a_task_named_twice_is_kept_once_with_what_was_said_last(jobs: JobStore) -> None:
    jobs.accounts.keep_orphaned([seen("b", status="running"), seen("b", status="success"), seen("a"), seen("C")])

    assert [(each.task_id, each.status) for each in jobs.accounts.orphaned_tasks()] == [
        ("C", ""),
        ("a", ""),
        ("b", "success"),
    ]


def test_who_lost_the_claim_leaves_no_candidates(jobs: JobStore, clock: FakeClock) -> None:
    held = uncertain(jobs)
    clock.advance(61)
    jobs.claim_uncertain(owner="other", lease_s=60, generator="tripo", limit=1)

    with pytest.raises(ClaimLost):
        jobs.mark_attention(held.claim, [seen("one")], note="it fits")
    assert jobs.accounts.orphaned_tasks() == []


def test_a_task_seen_counts_only_until_it_has_a_job(jobs: JobStore) -> None:
    jobs.accounts.keep_orphaned([seen("task-1"), seen("task-2", status="running", credits_used=Decimal(5))])
    jobs.accounts.keep_orphaned([seen("task-2", status="success", evidence="It fits.", job_id=None)])
    assert jobs.accounts.unbound(["task-1", "task-2", "task-3"]) == {"task-1", "task-2", "task-3"}
    assert {(each.task_id, each.status, each.evidence) for each in jobs.accounts.orphaned_tasks()} == {
        ("task-1", "", ""),
        ("task-2", "success", "It fits."),
    }

    jobs.bind_task(submitting(jobs).claim, "task-1", poll_in_s=1)
    assert jobs.accounts.unbound(["task-1", "task-2"]) == {"task-2"}
    assert [each.task_id for each in jobs.accounts.orphaned_tasks()] == ["task-2"]


def test_proof_binds_a_task_without_a_claim_and_the_one_who_held_it_can_write_nothing(jobs: JobStore) -> None:
    held = uncertain(jobs)
    for _ in range(2):
        adopted = jobs.adopt_task(held.job.id, 1, "task-1", nonce=held.job.nonce, poll_in_s=0)
        assert adopted is not None
        assert (adopted.stage, adopted.task_id) == (Stage.GENERATING, "task-1")

    with pytest.raises(ClaimLost):
        jobs.return_to_queue(held.claim, wait_s=0, note="nothing found")
    assert jobs.adopt_task(held.job.id, 1, "task-2", nonce=held.job.nonce, poll_in_s=0) is None
    assert jobs.get(held.job.id).task_id == "task-1"


def test_proof_of_an_earlier_attempt_or_of_anothers_task_binds_nothing(jobs: JobStore) -> None:
    jobs.bind_task(submitting(jobs).claim, "task-1", poll_in_s=1)
    held = uncertain(jobs)

    assert jobs.adopt_task(held.job.id, 2, "task-2", nonce=held.job.nonce, poll_in_s=0) is None
    assert jobs.adopt_task(held.job.id, 1, "task-2", nonce=-1, poll_in_s=0) is None
    assert jobs.adopt_task(held.job.id, 1, "task-2", nonce=None, poll_in_s=0) is None
    assert jobs.adopt_task(held.job.id, 1, "task-1", nonce=held.job.nonce, poll_in_s=0) is None
    assert jobs.get(held.job.id).stage is Stage.UNCERTAIN


def test_a_search_is_counted_released_and_not_repeated_at_once(jobs: JobStore, clock: FakeClock) -> None:
    held = uncertain(jobs)
    assert jobs.note_scan(held.claim, counts=False).settle_scans == 0
    again = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=5, not_scanned_for_s=30)
    assert again == []
    clock.advance(30)
    again = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=5, not_scanned_for_s=30)
    assert jobs.note_scan(again[0].claim, counts=True).settle_scans == 1
    assert [event.after for event in jobs.events(held.job.id)][-1] is Stage.UNCERTAIN


def test_attention_keeps_its_candidates_and_is_searched_on_only_without_any(jobs: JobStore) -> None:
    first, second = uncertain(jobs), uncertain(jobs)
    jobs.mark_attention(first.claim, [seen("one"), seen("two")], note="two fit")
    jobs.mark_attention(second.claim, [], note="cannot be sure")

    assert {each.task_id for each in jobs.accounts.orphaned_tasks(job_id=first.job.id)} == {"one", "two"}
    searched = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=5)
    assert [each.job.id for each in searched] == [second.job.id]


def test_a_job_in_attention_is_searched_on_once_its_candidates_are_other_jobs_tasks(jobs: JobStore) -> None:
    first, second, third = uncertain(jobs), uncertain(jobs), uncertain(jobs)
    jobs.mark_attention(first.claim, [seen("one"), seen("two")], note="two fit")
    for other, task_id, searched in ((second, "one", []), (third, "two", [first.job.id])):
        assert jobs.adopt_task(other.job.id, 1, task_id, nonce=other.job.nonce, poll_in_s=1) is not None
        claimed = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=5)
        assert [each.job.id for each in claimed] == searched


def test_a_job_cancelled_in_attention_keeps_its_stage_and_is_searched_for_whatever_was_found(jobs: JobStore) -> None:
    first, second = uncertain(jobs), uncertain(jobs)
    jobs.mark_attention(first.claim, [seen("one"), seen("two")], note="two fit")
    jobs.mark_attention(second.claim, [], note="cannot be sure")
    for held in (first, second):
        job = jobs.cancel(held.job.id, maker="Tripo")
        assert (job.stage, job.status) == (Stage.ATTENTION, Status.CANCELLED)

    searched = jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=5)
    assert [each.job.id for each in searched] == [first.job.id, second.job.id]


def test_a_person_sends_an_attention_job_again_with_a_clean_slate(jobs: JobStore) -> None:
    held = uncertain(jobs)
    with pytest.raises(IllegalTransition):
        jobs.send_again(held.job.id, note="again")
    jobs.mark_attention(held.claim, [], note="cannot be sure")
    job = jobs.send_again(held.job.id, note="again")

    assert (job.stage, job.settle_scans, job.error_message, job.attempt) == (Stage.QUEUED, 0, None, 1)


def test_a_cancelled_job_in_attention_is_not_sent_again_and_says_why(jobs: JobStore) -> None:
    held = uncertain(jobs)
    jobs.mark_attention(held.claim, [], note="cannot be sure")
    jobs.cancel(held.job.id, maker="Tripo")
    with pytest.raises(IllegalTransition, match="was cancelled, so it is not sent again"):
        jobs.send_again(held.job.id, note="again")

    assert (jobs.get(held.job.id).stage, jobs.get(held.job.id).status) == (Stage.ATTENTION, Status.CANCELLED)


@pytest.mark.parametrize("stage", [Stage.SUBMITTING, Stage.UNCERTAIN, Stage.ATTENTION, Stage.GENERATING])
def test_a_wish_to_cancel_a_sent_job_is_noted_and_the_stage_goes_on(jobs: JobStore, stage: Stage) -> None:
    claimed = submitting(jobs)
    if stage is Stage.UNCERTAIN:
        jobs.mark_uncertain(claimed.claim, note="lost")
    if stage is Stage.ATTENTION:
        jobs.mark_uncertain(claimed.claim, note="lost")
        jobs.mark_attention(claimed.claim, [], note="cannot be sure")
    if stage is Stage.GENERATING:
        jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    for _ in range(2):
        job = jobs.cancel(claimed.job.id, maker="Tripo")
        assert (job.stage, job.status) == (stage, Status.CANCELLED)

    last = jobs.events(job.id)[-1]
    assert (last.before, last.after, last.status) == (stage, stage, Status.CANCELLED)


def test_a_cancelled_job_that_was_not_made_ends_instead_of_going_back_to_the_queue(jobs: JobStore) -> None:
    claimed = submitting(jobs)
    jobs.cancel(claimed.job.id, maker="Tripo")
    job = jobs.return_to_queue(claimed.claim, wait_s=0, note="not made")

    assert (job.stage, job.status) == (Stage.DONE, Status.CANCELLED)
    assert jobs.accounts.credits_since(job.created_at) == 0


def test_a_delivery_is_kept_once_and_makes_its_task_due(jobs: JobStore, clock: FakeClock) -> None:
    claimed = submitting(jobs)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=500)
    assert jobs.accounts.last_delivery_at() is None
    delivery = Delivery(id="d", type="task.completed", task_id="task-1")

    assert [jobs.accounts.note_delivery(ACCOUNT, delivery) for _ in range(2)] == [True, False]
    due = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=5)
    assert [each.job.task_id for each in due] == ["task-1"]
    assert jobs.accounts.last_delivery_at() == clock.now()


def test_news_of_a_task_are_a_change_and_the_same_news_at_the_same_moment_none(jobs: JobStore) -> None:
    jobs.bind_task(submitting(jobs).claim, "task-1", poll_in_s=500)
    heard = []
    for number in range(2):
        cursor = jobs.last_change()
        jobs.accounts.note_delivery(ACCOUNT, Delivery(id=f"d{number}", type="task.completed", task_id="task-1"))
        heard.append([job.id for job in jobs.changed_since(cursor, limit=5)[0]])

    assert heard == [[1], []]


def test_news_during_a_question_make_the_task_due_again(jobs: JobStore) -> None:
    jobs.bind_task(submitting(jobs).claim, "task-1", poll_in_s=0)
    due = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=5)[0]
    jobs.accounts.note_delivery(ACCOUNT, Delivery(id="d", type="task.completed", task_id="task-1"))
    jobs.note_polls([PollNote(claim=due.claim, progress=10, poll_again_in_s=500)])

    assert len(jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=5)) == 1


def test_a_delivery_about_an_unknown_task_makes_it_a_candidate(jobs: JobStore) -> None:
    jobs.accounts.note_delivery(ACCOUNT, Delivery(id="d", type="task.completed", task_id="task-9"))
    jobs.accounts.note_delivery(ACCOUNT, Delivery(id="e", type="balance.low", task_id=None))

    assert [(each.task_id, each.source) for each in jobs.accounts.orphaned_tasks()] == [("task-9", Source.WEBHOOK)]


def test_tasks_due_soon_come_along_but_alone_they_wait(jobs: JobStore, clock: FakeClock) -> None:
    for number, poll_in_s in enumerate((5, 7, 20)):
        jobs.bind_task(submitting(jobs).claim, f"task-{number}", poll_in_s=poll_in_s)
    clock.advance(4)
    assert jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=5, ahead_s=3) == []
    clock.advance(1)

    due = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=5, ahead_s=3)
    assert [each.job.task_id for each in due] == ["task-0", "task-1"]


def budget(jobs: JobStore, most: int) -> Budget:
    return Budget(most=Decimal(most), since=jobs.now() - timedelta(days=1))


def test_the_budget_counts_what_was_used_or_may_still_be_used(jobs: JobStore, clock: FakeClock) -> None:
    thirty = {"credits_estimate": Decimal(30)}
    claimed = submitting(jobs, **thirty)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    jobs.mark_saving(claimed.claim, credits_used=Decimal(20))
    jobs.cancel(jobs.add(new_job(**thirty)).job.id, maker="Tripo")
    jobs.add(new_job(**thirty))
    assert jobs.accounts.credits_since(clock.now() - timedelta(days=1)) == 50

    with pytest.raises(BudgetExceeded, match="only 10 are left"):
        jobs.add(new_job(**thirty), budget=budget(jobs, 60))
    assert jobs.add(new_job(**thirty), budget=budget(jobs, 80)).created
    clock.advance(86_401)
    assert jobs.add(new_job(**thirty), budget=budget(jobs, 30)).created


def test_a_repeat_of_a_known_request_is_never_over_the_budget(jobs: JobStore) -> None:
    new = new_job(credits_estimate=Decimal(30), idempotency_key="k", request_hash="h")
    jobs.add(new)

    assert not jobs.add(new, budget=budget(jobs, 0)).created


def of(credits: int) -> Affordable:
    return Affordable(available=Decimal(credits), short_codes=frozenset({"2010"}))


def test_a_job_that_waits_for_credit_goes_on_only_when_there_is_enough(jobs: JobStore) -> None:
    def blocked(code: str) -> Job:
        jobs.add(new_job(credits_estimate=Decimal(30)))
        claimed = jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
        return jobs.mark_blocked(claimed.claim, Failure(code=code, message="x"))

    poor, locked = blocked("2010"), blocked("1002")
    assert jobs.unblock(generator="tripo", balance=of(29)) == 1
    assert (jobs.get(poor.id).stage, jobs.get(locked.id).stage) == (Stage.BLOCKED, Stage.QUEUED)
    assert jobs.unblock(generator="tripo", balance=of(30)) == 1


def test_recent_durations_are_those_of_completed_jobs_of_the_category_and_kind(
    jobs: JobStore, clock: FakeClock
) -> None:
    words: dict[str, Any] = {"prompt": "a cup"}
    for seconds, asked in ((60, {}), (90, {}), (400, words)):
        claimed = submitting(jobs, **asked)
        jobs.bind_task(claimed.claim, f"task-{seconds}", poll_in_s=0)
        jobs.mark_saving(claimed.claim, credits_used=None)
        clock.advance(seconds)
        saving = jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=1)[0]
        jobs.complete(saving.claim, stored_model())

    assert jobs.recent_durations_s(Category.STANDARD, Kind.IMAGE, limit=5) == [90.0, 60.0]
    assert jobs.recent_durations_s(Category.STANDARD, Kind.IMAGE, limit=1) == [90.0]
    assert jobs.recent_durations_s(Category.STANDARD, Kind.TEXT, limit=5) == [400.0]
    assert jobs.recent_durations_s(Category.STANDARD, Kind.MULTIVIEW, limit=5) == []
    assert jobs.recent_durations_s(Category.P_SERIES, Kind.IMAGE, limit=5) == []


def test_a_job_is_found_by_the_marks_of_its_newest_attempt(jobs: JobStore) -> None:
    claimed = submitting(jobs)

    assert jobs.job_of_intent(nonce=7, image_token=None) == claimed.job
    assert jobs.job_of_intent(nonce=None, image_token="file_1") == claimed.job
    assert jobs.job_of_task("task-of-nobody") is None
    assert jobs.job_of_intent(nonce=8, image_token="file_2") is None
    assert jobs.job_of_intent(nonce=None, image_token=None) is None


def test_the_cursor_of_now_leaves_out_what_was_and_tells_what_comes(jobs: JobStore) -> None:
    assert jobs.last_change() == 0
    jobs.add(new_job())
    cursor = jobs.last_change()
    assert jobs.changed_since(cursor, limit=10)[0] == []
    later = jobs.add(new_job()).job

    assert [job.id for job in jobs.changed_since(cursor, limit=10)[0]] == [later.id]


def test_only_a_model_that_waits_to_be_fetched_is_fetched_now(jobs: JobStore) -> None:
    claimed = submitting(jobs)
    jobs.bind_task(claimed.claim, "task-1", poll_in_s=1)
    with pytest.raises(IllegalTransition):
        jobs.fetch_now(claimed.job.id)
    jobs.mark_saving(claimed.claim, credits_used=None)
    saving = jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=1)[0]
    assert jobs.postpone_saving(saving.claim, wait_s=3600, note="disk full").fetch_tries == 1
    assert jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=1) == []
    jobs.fetch_now(claimed.job.id)

    assert len(jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=1)) == 1
