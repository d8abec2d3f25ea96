"""No run of the submit protocol makes a job twice or loses a task, for each evidence; and each rule is needed."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from core.domain.declaration import Evidence
from tests.conftest import Tell
from tests.model.submit_protocol import (
    OPEN,
    VARIANTS,
    Doing,
    Event,
    Exploration,
    Place,
    Rules,
    Stage,
    Violation,
    World,
    counterexample,
    explore,
)

pytestmark = pytest.mark.proof

# Beside a double bill, a task that was given up on is a lost one in the runs in which nothing is sent again.
BILLED_TWICE = {Violation.DOUBLE_BILL, Violation.TASK_LOST}


def violations(variant: str) -> set[Violation]:
    rules, world = VARIANTS[variant]
    return set(explore(rules, world).violations)


@pytest.fixture(scope="module")
def recommended() -> Exploration:
    return explore(*VARIANTS["recommended"])


class TestTheRecommendedProtocol:
    def test_keeps_every_promise_in_every_run_of_two_workers_with_two_jobs(
        self, recommended: Exploration, tell: Tell
    ) -> None:
        tell(model_states=len(recommended.states))
        assert recommended.violations == {}
        assert len(recommended.states) > 250_000

    def test_takes_every_step_and_never_needs_a_person(self, recommended: Exploration) -> None:
        assert set(Event) - recommended.events == {Event.SEND_AGAIN, Event.ASK, Event.FORGET, Event.AGAIN}

    def test_reaches_every_stage_but_attention(self, recommended: Exploration) -> None:
        jobs = recommended.transitions.jobs.listed
        stages = {jobs[job].stage for state in recommended.states for job in state[0]}

        assert set(Stage) - stages == {Stage.ATTENTION}

    def test_binds_both_jobs_though_both_were_uncertain(self, recommended: Exploration) -> None:
        assert recommended.reaches(lambda jobs, _: all(job.stage is Stage.UNCERTAIN for job in jobs))
        assert recommended.reaches(lambda jobs, _: all(job.stage is Stage.GENERATING for job in jobs))
        assert Event.BIND_FOUND in recommended.events

    def test_submits_again_after_proven_absence(self, recommended: Exploration) -> None:
        # what follows depends on the state alone, and a job given back is the same whoever gave it back
        assert recommended.reaches(
            lambda jobs, workers: any(
                worker.doing is Doing.NOTE_ABSENCE
                and worker.is_current
                and jobs[worker.job].scans == 1
                and not jobs[worker.job].is_unwanted
                for worker in workers
            )
        )
        assert recommended.reaches(
            lambda jobs, _: any(job.stage is Stage.GENERATING and job.attempt == 2 for job in jobs)
        )

    def test_adopts_a_task_that_only_the_journal_of_a_crashed_worker_knows(self, recommended: Exploration) -> None:
        assert recommended.reaches(
            lambda jobs, workers: (
                any(job.stage in OPEN and any(post.is_noted for post in job.posts) for job in jobs)
                and all(worker.doing is Doing.NOTHING for worker in workers)
            )
        )
        assert Event.ADOPT in recommended.events

    def test_survives_both_workers_sending_at_once(self, recommended: Exploration) -> None:
        assert recommended.reaches(lambda _, workers: all(worker.doing is Doing.AWAIT for worker in workers))

    def test_survives_a_sender_that_lost_its_claim_before_it_sends(self, recommended: Exploration) -> None:
        assert recommended.reaches(
            lambda _, workers: any(worker.doing is Doing.SEND and not worker.is_current for worker in workers)
        )

    def test_survives_more_crashes_more_attempts_and_longer_ways(self) -> None:
        assert violations("recommended, more of everything, one job") == set()

    @pytest.mark.parametrize(("send_by", "in_flight", "usage_lag"), list(product((0, 1), (1, 2), (1, 2))))
    def test_waits_exactly_as_long_as_is_needed_before_absence_counts(
        self, send_by: int, in_flight: int, usage_lag: int
    ) -> None:
        world = World(jobs=1, send_by=send_by, in_flight=in_flight, usage_lag=usage_lag)
        needed = in_flight + usage_lag

        assert explore(Rules(reconcile=needed), world).violations == {}
        assert set(explore(Rules(reconcile=needed - 1), world).violations) == BILLED_TWICE

    def test_stays_safe_without_a_journal_which_only_saves_the_wait(self) -> None:
        assert violations("no journal") == set()

    def test_stays_safe_without_unique_task_ids_as_long_as_the_nonce_is_matched(self) -> None:
        assert violations("task ids not unique") == set()

    def test_could_prove_absence_by_one_search_if_no_search_ever_overlooked_a_task(self) -> None:
        assert violations("one search proves absence, pages never move") == set()

    def test_survives_one_search_that_overlooks_the_task_but_not_two(self) -> None:
        assert set(explore(Rules(), World(jobs=1, overlooks=2)).violations) == BILLED_TWICE


class TestABrokenRuleIsCaught:
    def test_a_blind_retry_on_time_out_bills_twice(self) -> None:
        assert violations("blind retry on time-out") == BILLED_TWICE

    def test_an_expired_lease_that_goes_back_to_queued_bills_twice(self) -> None:
        assert violations("expired lease back to queued") == BILLED_TWICE

    def test_an_expired_lease_that_nobody_looks_after_leaves_the_job_stuck(self) -> None:
        assert violations("expired lease ignored") == {Violation.JOB_STUCK, Violation.TASK_LOST}

    def test_absence_that_is_trusted_at_once_bills_twice(self) -> None:
        assert violations("absence trusted at once") == BILLED_TWICE

    def test_a_settle_time_shorter_than_the_usage_lag_bills_twice(self) -> None:
        assert violations("settle time shorter than usage lag") == BILLED_TWICE

    def test_absence_proven_by_one_search_bills_twice_when_the_pages_move(self) -> None:
        assert violations("one search proves absence") == BILLED_TWICE

    def test_without_a_guard_a_sleeper_sends_late_and_bills_twice(self) -> None:
        assert violations("no send_by guard") == BILLED_TWICE | {Violation.SENT_LATE}

    def test_without_epochs_a_sleeper_gives_back_the_attempt_of_another_and_bills_twice(self) -> None:
        assert violations("no epochs") == BILLED_TWICE

    def test_an_intent_written_after_the_post_bills_twice(self) -> None:
        assert violations("intent after POST") == BILLED_TWICE | {Violation.NO_INTENT, Violation.POSTED_TWICE}

    def test_an_http_client_that_repeats_the_post_bills_twice(self) -> None:
        assert violations("HTTP client repeats POST") == BILLED_TWICE | {Violation.POSTED_TWICE}

    def test_a_cancel_that_ends_a_sent_job_loses_its_task(self) -> None:
        assert violations("cancel ends a sent job") == {Violation.TASK_LOST}

    def test_matching_by_time_window_gives_a_job_the_task_of_another(self) -> None:
        assert violations("match by time window") == {Violation.WRONG_JOB, Violation.TASK_LOST}

    def test_matching_by_time_window_binds_a_task_twice_when_its_id_is_not_unique(self) -> None:
        expected = {Violation.WRONG_JOB, Violation.BOUND_TWICE, Violation.TASK_LOST}

        assert violations("match by time window, task ids not unique") == expected


class TestATaskThatHasOurName:
    """NAMED: one look-up of the name settles a lost answer, late enough."""

    @pytest.mark.parametrize("variant", ["named", "named, two jobs", "named, longer ways"])
    def test_is_never_made_twice_nor_lost_nor_left(self, variant: str, tell: Tell) -> None:
        found = explore(*VARIANTS[variant])
        tell(model_states=len(found.states))

        assert found.violations == {}
        assert {Event.BIND_FOUND, Event.ABSENT, Event.SEARCH_EARLY} <= found.events
        assert {Event.ASK, Event.ABSENT_ONCE, Event.OVERLOOK}.isdisjoint(found.events)

    def test_is_sent_anew_once_a_restart_has_made_the_server_forget_it(self) -> None:
        found = explore(*VARIANTS["named"])

        assert Event.FORGET in found.events
        assert found.reaches(lambda jobs, _: any(job.stage is Stage.GENERATING and job.attempt == 2 for job in jobs))

    @pytest.mark.parametrize(("send_by", "in_flight"), list(product((0, 1), (1, 2))))
    def test_waits_exactly_until_nothing_can_arrive_any_more(self, send_by: int, in_flight: int) -> None:
        world = World(jobs=1, send_by=send_by, in_flight=in_flight, overlooks=0)
        rules = Rules(evidence=Evidence.NAMED, reconcile=in_flight)

        assert explore(replace(rules, reconcile=in_flight + 1), world).violations == {}
        assert set(explore(rules, world).violations) == BILLED_TWICE

    def test_is_made_twice_if_a_look_up_counts_by_the_time_of_its_answer(self) -> None:
        assert violations("named, look-up dated by its answer") == BILLED_TWICE

    def test_is_made_twice_if_absence_counts_a_tick_too_early(self) -> None:
        assert violations("named, absence trusted one tick early") == BILLED_TWICE

    @pytest.mark.parametrize("rule", ["blind retry on time-out", "expired lease back to queued", "no epochs"])
    def test_is_made_twice_if_it_is_sent_again_without_a_look(self, rule: str) -> None:
        assert violations(f"named, {rule}") == BILLED_TWICE

    def test_is_made_twice_if_it_may_leave_late_or_twice(self) -> None:
        assert violations("named, no send_by guard") == BILLED_TWICE | {Violation.SENT_LATE}
        assert violations("named, HTTP client repeats POST") == BILLED_TWICE | {Violation.POSTED_TWICE}

    def test_is_left_if_nobody_looks_after_an_expired_lease_and_lost_if_a_cancel_ends_it(self) -> None:
        assert violations("named, expired lease ignored") == {Violation.JOB_STUCK, Violation.TASK_LOST}
        assert violations("named, cancel ends a sent job") == {Violation.TASK_LOST}


class TestATaskThatCostsNothing:
    """FREE: a lost answer is no loss, but a job has one task."""

    @pytest.mark.parametrize("variant", ["free", "free, two jobs"])
    def test_is_begun_again_at_once_and_its_twin_is_dropped(self, variant: str, tell: Tell) -> None:
        found = explore(*VARIANTS[variant])
        tell(model_states=len(found.states))

        assert found.violations == {}
        assert Event.AGAIN in found.events
        assert {Event.ASK, Event.FIND, Event.SEARCH_IN_VAIN}.isdisjoint(found.events)

    def test_may_have_a_twin_which_is_nobodys(self) -> None:
        assert explore(*VARIANTS["free"]).reaches(
            lambda jobs, _: any(
                job.stage is Stage.GENERATING and sum(post.place is Place.TASK for post in job.posts) == 2
                for job in jobs
            )
        )

    def test_may_be_sent_again_without_a_look(self) -> None:
        assert violations("free, blind retry on time-out") == set()

    def test_would_be_a_jobs_second_one_if_a_late_answer_counted(self) -> None:
        assert violations("free, a late twin is bound") == {Violation.SECOND_TASK}

    def test_is_left_if_nobody_looks_after_an_expired_lease(self) -> None:
        assert violations("free, expired lease ignored") == {Violation.JOB_STUCK}

    def test_obeys_the_rules_of_sending_all_the_same(self) -> None:
        assert violations("free, no send_by guard") == {Violation.SENT_LATE}
        assert violations("free, intent after POST") == {Violation.NO_INTENT, Violation.POSTED_TWICE}


def test_a_counterexample_is_a_shortest_run_told_step_by_step() -> None:
    rules, world = VARIANTS["blind retry on time-out"]

    assert counterexample(rules, world, Violation.DOUBLE_BILL) == [
        "job 1: worker 1 claims it",
        "job 1: worker 1 commits the intent",
        "job 1: worker 1 sends the POST",
        "job 1: worker 1 gets no answer and says so",
        "job 1: worker 1 claims it",
        "job 1: worker 1 commits the intent",
        "job 1: worker 1 sends the POST",
        "job 1: the service makes a task of the POST",
        "job 1: the service makes a task of the POST",
    ]


@pytest.mark.parametrize("variant", ["blind retry on time-out", "settle time one tick short", "match by time window"])
def test_nothing_is_missed_by_merging_states_that_are_alike(variant: str) -> None:
    rules, world = VARIANTS[variant]
    merged, full = explore(rules, world), explore(rules, world, merges_alike=False)

    assert len(merged.states) < len(full.states)
    assert merged.events == full.events
    assert {kind: len(merged.trace(kind)) for kind in merged.violations} == {
        kind: len(full.trace(kind)) for kind in full.violations
    }
