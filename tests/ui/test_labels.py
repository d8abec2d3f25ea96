"""Ages, sizes and durations in plain words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.domain.declaration import Evidence
from core.domain.request import Kind
from core.domain.status import Stage, Status
from core.ui import labels
from tests.domain.test_words_of_money import free_job
from tests.fake_generator import FakeGenerator

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ages_are_rounded_down_to_one_unit(seconds: float, text: str) -> None:
    assert labels.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_sizes_durations_and_credits() -> None:
    assert (labels.size(812_400), labels.size(1_100_000)) == ("812 kB", "1.1 MB")
    assert (labels.duration(4.4), labels.duration(125)) == ("4 s", "2 min 5 s")
    assert (labels.credits_text(Decimal("30.00")), labels.credits_text(None)) == ("30 credits", "–")


@pytest.mark.parametrize(
    ("evidence", "said", "not_said"),
    [
        (Evidence.NAMED, "before we heard whether ComfyUI took the job. It is looked up there", "process"),
        (Evidence.FREE, "The process that began it stopped. It is started again", "looked up"),
    ],
)
def test_a_lost_answer_of_one_that_costs_nothing_is_told_as_it_is_settled(
    evidence: Evidence, said: str, not_said: str
) -> None:
    job = free_job(Stage.UNCERTAIN)
    declared = FakeGenerator(name="comfyui", label="ComfyUI", is_paid=False, evidence=evidence).declaration
    sentence = labels.explained(job, maker="ComfyUI", declared=declared)

    assert said in sentence
    assert not_said not in sentence
    assert sentence.endswith("costs nothing.")


def test_a_job_that_waits_in_its_generators_line_says_so_until_it_was_heard_to_be_at_work() -> None:
    job = replace(free_job(Stage.GENERATING), task_id="t", not_before=NOW)

    assert labels.explained(job, maker="ComfyUI").startswith("It waits in the line of ComfyUI")
    assert "line" not in labels.explained(replace(job, progress=1), maker="ComfyUI")
    assert "line" not in labels.explained(replace(job, not_before=None), maker="ComfyUI")


def test_every_stage_and_every_end_has_words() -> None:
    assert set(labels.STAGES) | {Stage.DONE} == set(Stage)
    assert set(labels.EXPLAINED) | {Stage.SUBMITTING} == set(labels.STAGES)
    assert all(kind.about.under_way and kind.about.sending for kind in Kind.all())
    assert set(labels.UNEXPLAINED) == set(Status)
    assert set(labels.ENDS) == set(Status) - {Status.RUNNING}, "the filter has a word of its own for those that run"
    assert set(labels.COLOURS) == set(labels.ICONS) == set(Status)


def test_a_job_of_another_program_is_said_to_be_that() -> None:
    job = replace(free_job(Stage.DONE), status=Status.RUNNING)

    assert job.is_elsewhere
    assert labels.state(job) == "Made elsewhere"
    assert not replace(job, status=Status.FAILED).is_elsewhere
