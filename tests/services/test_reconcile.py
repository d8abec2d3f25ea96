"""Settling a paid call whose answer was lost: found and bound, proven not made, or handed to a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from core.domain.errors import IllegalTransition, LookupFailed, OutcomeUnknown
from core.domain.generation import Source, TaskPhase, TaskState
from core.domain.job import Job
from core.domain.status import Stage, Status
from core.ports.account_store import Delivery
from core.services.account_scan import PAGE
from tests.fake_generator import FakeGenerator, usage_row
from tests.services.conftest import World, raising

SETTLE_S = 1800


def uncertain(world: World, *, was_made: bool = True) -> Job:
    """A job whose answer was lost."""
    job_id = world.add()
    hook = "after_create" if was_made else "before_create"
    setattr(world.generator, hook, raising(OutcomeUnknown("no answer")))
    world.dispatch()
    setattr(world.generator, hook, lambda: None)
    job = world.job(job_id)
    assert job.stage is Stage.UNCERTAIN
    return job


def echo_seen(world: World) -> None:
    """A job that went the normal way, and has ended."""
    job_id = world.add()
    world.dispatch()
    task_id = world.job(job_id).task_id or ""
    world.poll()
    world.clock.advance(3)
    world.poll()
    world.generator.tasks[task_id] = TaskState(task_id=task_id, phase=TaskPhase.FAILED, error_code="2018")
    world.clock.advance(10)
    world.poll()
    assert world.job(job_id).status is Status.FAILED


def search(world: World, times: int = 1, every_s: float = 31) -> None:
    for _ in range(times):
        world.clock.advance(every_s)
        world.reconcile()


def candidate(world: World, job: Job, task_id: str, **changes: object) -> None:
    """A task at the account that echoes the request of a job."""
    values: dict[str, object] = {"input_nonce": job.nonce, "input_token": job.image_token} | changes
    world.says(TaskPhase.WORKING, task_id, **values)
    world.generator.usage_rows.insert(0, usage_row(task_id, world.clock.now()))


def test_the_task_that_was_made_is_found_by_its_echo_and_bound(world: World) -> None:
    job = uncertain(world)
    search(world)

    found = world.job(job.id)
    assert (found.stage, found.task_id, found.attempt) == (Stage.GENERATING, "task-1", 1)
    assert len(world.generator.requests) == 1


@pytest.mark.parametrize("missing", ["input_nonce", "input_token"])
def test_one_mark_alone_is_enough(world: World, missing: str) -> None:
    job = uncertain(world, was_made=False)
    candidate(world, job, "late", **{missing: None})
    search(world)

    assert world.job(job.id).task_id == "late"


def test_a_task_that_appears_only_later_is_found_then(world: World) -> None:
    job = uncertain(world, was_made=False)
    search(world, 5)
    assert world.job(job.id).stage is Stage.UNCERTAIN
    candidate(world, job, "late")
    search(world)

    assert world.job(job.id).task_id == "late"


def test_absence_counts_only_after_the_settle_time_and_seen_twice(world: World) -> None:
    echo_seen(world)
    job = uncertain(world, was_made=False)
    world.clock.advance(20 + SETTLE_S - 1)
    world.reconcile()
    assert world.job(job.id).settle_scans == 0
    search(world)
    assert (world.job(job.id).stage, world.job(job.id).settle_scans) == (Stage.UNCERTAIN, 1)
    search(world)
    assert world.job(job.id).stage is Stage.QUEUED

    world.dispatch()
    again = world.job(job.id)
    assert (again.stage, again.attempt) == (Stage.GENERATING, 2)
    assert again.nonce != job.nonce


def test_without_ever_having_seen_an_echo_absence_proves_nothing(world: World) -> None:
    job = uncertain(world, was_made=False)
    search(world, 3, every_s=SETTLE_S)

    asked = world.job(job.id)
    assert asked.stage is Stage.ATTENTION
    assert "cannot be sure" in (asked.error_message or "")
    world.dispatch()
    assert world.generator.requests == []


def test_while_a_person_has_not_decided_the_search_goes_on(world: World) -> None:
    job = uncertain(world, was_made=False)
    search(world, 3, every_s=SETTLE_S)
    assert world.job(job.id).stage is Stage.ATTENTION
    candidate(world, job, "very-late")
    search(world)

    assert (world.job(job.id).stage, world.job(job.id).task_id) == (Stage.GENERATING, "very-late")


def test_a_list_that_could_not_be_read_to_its_end_proves_nothing(world: World) -> None:
    echo_seen(world)
    job = uncertain(world, was_made=False)
    world.clock.advance(SETTLE_S + 21)
    world.generator.usage_rows.insert(0, usage_row("secret", world.clock.now()))  # listed, but cannot be looked up
    search(world, 5)
    assert (world.job(job.id).stage, world.job(job.id).settle_scans) == (Stage.UNCERTAIN, 0)

    world.clock.advance(3 * SETTLE_S)
    search(world)
    assert world.job(job.id).stage is Stage.ATTENTION


def test_a_search_that_fails_is_repeated_and_loses_nothing(world: World) -> None:
    job = uncertain(world)
    world.generator.on_usage = raising(LookupFailed("down"))
    search(world, 3)
    assert world.job(job.id).stage is Stage.UNCERTAIN
    world.generator.on_usage = lambda: None
    search(world)

    assert world.job(job.id).task_id == "task-1"


def test_the_settle_time_grows_with_the_lag_that_was_measured(world: World) -> None:
    echo_seen(world)
    job = uncertain(world, was_made=False)
    world.jobs._database._connection.execute(
        "update generated_images set usage_lag_s = 1200, usage_seen_at = updated_at, account = 'account-1' where id = 1"
    )
    world.clock.advance(20 + SETTLE_S)
    search(world, 3)
    assert world.job(job.id).settle_scans == 0

    world.clock.advance(1800)
    search(world, 2)
    assert world.job(job.id).stage is Stage.QUEUED


def test_two_tasks_for_one_job_are_a_persons_decision(world: World) -> None:
    job = uncertain(world)
    candidate(world, job, "twin")
    search(world)

    assert world.job(job.id).stage is Stage.ATTENTION
    candidates = world.decide().candidates(job.id)
    assert {each.task_id for each in candidates} == {"task-1", "twin"}
    assert all("random number of our request" in each.evidence for each in candidates)

    taken = world.decide().take(job.id, "twin")
    assert (taken.stage, taken.task_id) == (Stage.GENERATING, "twin")
    assert [each.task_id for each in world.jobs.accounts.orphaned_tasks()] == ["task-1"]
    with pytest.raises(IllegalTransition):
        world.decide().send_again(job.id)


def test_a_search_lists_the_tasks_of_nobody_too_but_not_what_a_person_is_asked_about(world: World) -> None:
    job = uncertain(world)
    candidate(world, job, "twin")
    candidate(world, job, "orphan", input_nonce=1, input_token="file_other")
    search(world)

    assert [each.task_id for each in world.jobs.accounts.orphaned_tasks()] == ["orphan"]
    assert len(world.decide().candidates(job.id)) == 2


def test_a_task_that_fits_only_in_part_is_a_persons_decision(world: World) -> None:
    job = uncertain(world, was_made=False)
    candidate(world, job, "odd", input_nonce=(job.nonce or 0) + 1)
    search(world)

    assert world.job(job.id).stage is Stage.ATTENTION
    assert "has not the random number" in world.decide().candidates(job.id)[0].evidence


def test_a_person_can_say_that_nothing_was_made(world: World) -> None:
    job = uncertain(world, was_made=False)
    search(world, 3, every_s=SETTLE_S)
    world.decide().send_again(job.id)
    world.dispatch()

    assert (world.job(job.id).stage, world.job(job.id).attempt) == (Stage.GENERATING, 2)


def test_only_a_candidate_can_be_taken(world: World) -> None:
    job = uncertain(world, was_made=False)
    search(world, 3, every_s=SETTLE_S)

    with pytest.raises(IllegalTransition, match="no candidate"):
        world.decide().take(job.id, "anything")


def test_a_task_that_only_a_webhook_named_is_a_candidate(world: World) -> None:
    job = uncertain(world)
    world.generator.usage_rows.clear()
    assert world.jobs.accounts.note_delivery("account-1", Delivery(id="d1", type="task.completed", task_id="task-1"))
    search(world)

    assert world.job(job.id).task_id == "task-1"


def test_a_job_sent_with_another_key_is_never_settled_by_the_present_account(world: World) -> None:
    echo_seen(world)
    job = uncertain(world, was_made=False)
    world.generator.account = "account-2"
    search(world, 4, every_s=SETTLE_S)

    assert world.job(job.id).stage is Stage.ATTENTION
    assert "another key" in (world.job(job.id).error_message or "")


def test_pages_that_shift_while_they_are_read_hide_nothing(world: World) -> None:
    echo_seen(world)
    job = uncertain(world)
    old = world.clock.now()
    for number in range(2 * PAGE):
        name = f"foreign-{number}"
        world.says(TaskPhase.WORKING, name, input_nonce=-1, input_token="other")
        world.generator.usage_rows.insert(0, usage_row(name, old + timedelta(seconds=number)))
    pages = 0

    def shift() -> None:
        nonlocal pages
        pages += 1
        world.says(TaskPhase.WORKING, f"new-{pages}", input_nonce=-1)
        world.generator.usage_rows.insert(0, usage_row(f"new-{pages}", old + timedelta(seconds=500)))

    world.generator.on_usage = shift
    search(world)

    assert pages > 2
    assert world.job(job.id).task_id == "task-2"


def test_pages_that_slide_apart_are_not_a_whole_list(world: World) -> None:
    for number in range(2 * PAGE):
        name = f"foreign-{number}"
        world.says(TaskPhase.WORKING, name)
        world.generator.usage_rows.append(usage_row(name, world.clock.now()))
    removed: list[Callable[[], None]] = []

    def slide() -> None:
        if removed:
            del world.generator.usage_rows[:PAGE]
        removed.append(slide)

    world.generator.on_usage = slide

    assert not world.scan.read(world.clock.now() - timedelta(hours=1)).is_complete


def test_a_cancelled_job_whose_task_is_found_is_watched_and_its_cost_is_known(world: World) -> None:
    job = uncertain(world)
    assert world.decide().cancel(job.id).status is Status.CANCELLED
    search(world)

    found = world.job(job.id)
    assert (found.stage, found.status, found.task_id) == (Stage.GENERATING, Status.CANCELLED, "task-1")


def test_a_cancelled_job_that_was_never_made_ends_without_being_sent(world: World) -> None:
    echo_seen(world)
    job = uncertain(world, was_made=False)
    world.decide().cancel(job.id)
    search(world, 3, every_s=SETTLE_S)

    ended = world.job(job.id)
    assert (ended.stage, ended.status) == (Stage.DONE, Status.CANCELLED)
    world.dispatch()
    assert len(world.generator.requests) == 1


def asked_about(world: World, *, was_made: bool) -> Job:
    """A job in attention, because Tripo's list could not be read while it was searched for."""
    job = uncertain(world, was_made=was_made)
    world.generator.on_usage = raising(LookupFailed("down"))
    search(world, 4, every_s=SETTLE_S)
    world.generator.on_usage = lambda: None
    assert world.job(job.id).stage is Stage.ATTENTION
    return world.job(job.id)


def test_a_job_cancelled_while_a_person_is_asked_is_still_searched_for_and_its_paid_task_found(world: World) -> None:
    job = asked_about(world, was_made=True)
    assert world.decide().cancel(job.id).status is Status.CANCELLED
    search(world)

    found = world.job(job.id)
    assert (found.stage, found.status, found.task_id) == (Stage.GENERATING, Status.CANCELLED, "task-1")


def test_a_cancelled_job_is_not_sent_again_and_its_paid_task_is_still_found(world: World) -> None:
    job = asked_about(world, was_made=True)
    world.decide().cancel(job.id)
    with pytest.raises(IllegalTransition, match="was cancelled"):
        world.decide().send_again(job.id)
    search(world)

    assert (world.job(job.id).stage, world.job(job.id).task_id) == (Stage.GENERATING, "task-1")


def test_a_job_cancelled_while_a_person_is_asked_ends_once_it_is_proven_not_made(world: World) -> None:
    echo_seen(world)
    job = asked_about(world, was_made=False)
    world.decide().cancel(job.id)
    search(world)
    assert world.job(job.id).stage is Stage.ATTENTION
    search(world)

    ended = world.job(job.id)
    assert (ended.stage, ended.status, ended.attempt) == (Stage.DONE, Status.CANCELLED, 1)
    assert "nothing was made or charged" in world.jobs.events(job.id)[-1].note


def test_without_an_echo_a_cancelled_job_ends_without_a_promise_that_nothing_was_charged(world: World) -> None:
    job = asked_about(world, was_made=False)
    world.decide().cancel(job.id)
    search(world, 2)

    ended = world.job(job.id)
    assert (ended.stage, ended.status) == (Stage.DONE, Status.CANCELLED)
    assert "found no trace" in (ended.error_message or "")
    assert "nothing was" not in (ended.error_message or "")


@pytest.mark.parametrize("is_cancelled_first", [True, False])
def test_a_cancelled_job_lists_what_may_be_its_own_asks_nobody_and_ends(
    world: World, *, is_cancelled_first: bool
) -> None:
    job = uncertain(world)
    candidate(world, job, "twin")
    if is_cancelled_first:
        world.decide().cancel(job.id)
    search(world)
    if not is_cancelled_first:
        assert world.job(job.id).stage is Stage.ATTENTION
        world.decide().cancel(job.id)
    search(world, 2, every_s=SETTLE_S)

    ended = world.job(job.id)
    assert (ended.stage, ended.status, ended.task_id) == (Stage.DONE, Status.CANCELLED, None)
    assert "2 tasks at Tripo could be this job's" in (ended.error_message or "")
    assert {each.task_id for each in world.jobs.accounts.orphaned_tasks()} == {"task-1", "twin"}


def test_of_a_cancelled_job_with_candidates_a_person_can_still_keep_the_model(world: World) -> None:
    job = uncertain(world)
    candidate(world, job, "twin")
    search(world)
    world.decide().cancel(job.id)
    taken = world.decide().take(job.id, "twin")

    assert (taken.stage, taken.status) == (Stage.GENERATING, Status.CANCELLED)


@pytest.mark.parametrize("trouble", ["another key", "no answer"])
def test_the_search_for_a_cancelled_job_that_cannot_be_completed_ends_after_a_week_and_says_so(
    world: World, trouble: str
) -> None:
    job = uncertain(world)
    world.decide().cancel(job.id)
    if trouble == "another key":
        world.generator.account = "account-2"
    else:
        world.generator.on_usage = raising(LookupFailed("down"))
    search(world, 6 * 24, every_s=3600)
    assert world.job(job.id).stage is Stage.UNCERTAIN
    search(world, 2 * 24, every_s=3600)

    ended = world.job(job.id)
    assert (ended.stage, ended.status) == (Stage.DONE, Status.CANCELLED)
    assert "could not find out" in (ended.error_message or "")


def test_after_a_week_without_the_server_searching_in_vain_does_not_end_a_cancelled_job(world: World) -> None:
    job = uncertain(world)
    world.generator.on_usage = raising(LookupFailed("no network yet"))
    search(world)
    world.decide().cancel(job.id)
    world.clock.advance(8 * 86_400)
    search(world, 10, every_s=600)
    assert world.job(job.id).stage is Stage.UNCERTAIN
    world.generator.on_usage = lambda: None
    search(world)

    assert (world.job(job.id).stage, world.job(job.id).task_id) == (Stage.GENERATING, "task-1")


def test_a_task_of_nobody_is_listed_for_the_operator(world: World) -> None:
    world.says(TaskPhase.WORKING, "orphan", input_nonce=1, input_token="file_other")
    job_id = world.add()
    world.dispatch()
    world.generator.usage_rows.insert(0, usage_row("orphan", world.clock.now()))
    world.billing.tick()

    assert [(each.task_id, each.source, each.job_id) for each in world.jobs.accounts.orphaned_tasks()] == [
        ("orphan", Source.USAGE, None)
    ]
    assert world.job(job_id).stage is Stage.GENERATING


def test_what_was_made_in_the_last_day_is_listed_after_the_start_beside_a_table_without_jobs(world: World) -> None:
    world.says(TaskPhase.SUCCEEDED, "paid", input_nonce=1, input_token="file_x")
    world.generator.usage_rows.insert(0, usage_row("paid", world.clock.now()))
    world.clock.advance(3600)
    world.billing.tick()

    assert [each.task_id for each in world.jobs.accounts.orphaned_tasks()] == ["paid"]


@pytest.mark.parametrize("days", [1, 5], ids="a backup of {} days ago".format)
def test_what_was_made_since_the_backup_is_listed_after_the_start(world: World, days: int) -> None:
    echo_seen(world)  # the newest job that the backup has
    world.clock.advance(3600)
    world.says(TaskPhase.SUCCEEDED, "paid", input_nonce=1, input_token="file_x")
    world.generator.usage_rows.insert(0, usage_row("paid", world.clock.now()))
    world.clock.advance(3600 + days * 86_400)
    world.billing.tick()

    assert [each.task_id for each in world.jobs.accounts.orphaned_tasks()] == ["paid"]


def test_the_look_after_the_start_is_repeated_when_it_failed_and_not_once_it_saw_all(world: World) -> None:
    looks = []
    world.generator.on_usage = raising(LookupFailed("no network yet"))
    world.billing.tick()
    world.generator.on_usage = lambda: looks.append(1)
    for _ in range(60):
        world.clock.advance(60)
        world.billing.tick()

    assert looks == [1]


def test_a_list_that_takes_longer_than_a_lease_is_read_by_one_process_and_settles_the_job(world: World) -> None:
    """Both its pages and the questions about its tasks take long; another process looks for work meanwhile."""
    job = uncertain(world)
    for number in range(350):
        candidate(world, job, f"other-{number}", input_nonce=-1, input_token=f"file-{number}")
    other = World(
        clock=world.clock,
        jobs=world.jobs,
        objects=world.objects,
        generator=FakeGenerator(),
        journal=world.journal,
    )
    robbed = []

    def slow() -> None:
        world.clock.advance(25)
        robbed.append(other.reconcile(owner="t"))

    world.generator.on_usage = world.generator.on_look_up = slow
    search(world)

    assert set(robbed) == {0}
    assert len(robbed) * 25 > 2 * 60, "longer than a lease"
    found = world.job(job.id)
    assert (found.stage, found.task_id) == (Stage.GENERATING, "task-1")


def test_a_job_that_was_taken_over_while_its_list_was_read_is_let_go(world: World) -> None:
    """A process that stood still renews nothing that another works on."""
    job = uncertain(world)
    other = World(
        clock=world.clock,
        jobs=world.jobs,
        objects=world.objects,
        generator=world.generator,
        journal=world.journal,
    )
    began = []

    def stood_still() -> None:
        if not began:
            began.append(True)
            world.clock.advance(90)
            assert other.reconcile(owner="t") == 1

    world.generator.on_usage = stood_still
    search(world)

    found = world.job(job.id)
    assert (found.stage, found.task_id) == (Stage.GENERATING, "task-1")
    assert len([event for event in world.jobs.events(job.id) if event.after is Stage.GENERATING]) == 1
