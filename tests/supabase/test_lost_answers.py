"""Every answer of the database may be lost after it was done: each verb is done once all the same."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import httpx
import pytest

from core.domain.claims import PollNote
from core.domain.generation import OrphanedTask, Source
from core.domain.status import Stage, Status
from core.ports.account_store import Delivery
from core.ports.job_store import JobQuery
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from tests.builders import EVERY_SLOT, intent, new_job, stored_model
from tests.supabase.server import SupabaseLite

pytestmark = pytest.mark.supabase


class LosesFirstAnswers(httpx.HTTPTransport):
    """Each new call is carried to the server, and its first answer is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: set[bytes] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        call = hashlib.sha256(str(request.url).encode() + request.read()).digest()
        answer = super().handle_request(request)
        if call in self.lost:
            return answer
        self.lost.add(call)
        answer.read()
        answer.close()
        raise httpx.ReadError("the answer was lost", request=request)


@pytest.fixture
def transport() -> LosesFirstAnswers:
    return LosesFirstAnswers()


def test_a_whole_life_with_every_answer_lost_once(project: SupabaseLite, transport: LosesFirstAnswers) -> None:
    jobs = SupabaseJobStore(Connection(project.url, project.secret_key, transport=transport))
    job = jobs.add(new_job(credits_estimate=Decimal(30))).job
    claim = jobs.claim_queued(owner="a", lease_s=60, slots=EVERY_SLOT, limit=1)[0].claim
    jobs.mark_submitting(claim, intent(account="acc"))
    assert jobs.get(job.id).attempt == 1

    adopted = jobs.adopt_task(job.id, 1, "task-1", nonce=7, poll_in_s=0)
    assert adopted is not None
    jobs.accounts.note_delivery("acc", Delivery(id="d", type="task.completed", task_id="task-1"))
    assert jobs.get(job.id).hint_at is not None
    due = jobs.claim_due(owner="a", lease_s=60, generator="tripo", limit=5)[0]
    assert jobs.note_polls([PollNote(claim=due.claim, progress=40, poll_again_in_s=0)]) == 1
    due = jobs.claim_due(owner="b", lease_s=60, generator="tripo", limit=5)[0]
    jobs.mark_saving(due.claim, credits_used=Decimal(30))
    claim = jobs.claim_saving(owner="a", lease_s=60, generator="tripo", limit=1)[0].claim
    done = jobs.complete(claim, stored_model())

    assert (done.stage, done.status, done.attempt, done.progress) == (Stage.DONE, Status.COMPLETED, 1, 100)
    stages = [event.after for event in jobs.events(job.id)]
    assert stages == [Stage.QUEUED, Stage.SUBMITTING, Stage.GENERATING, Stage.SAVING, Stage.DONE]
    assert jobs.find(JobQuery()).total == 1
    assert len(transport.lost) > 12
    jobs.close()


def test_a_job_that_was_taken_before_its_answer_came_is_one_job(project: SupabaseLite) -> None:
    """The answer of the add is lost, and another process claims the job before the call is repeated."""
    other = SupabaseJobStore(Connection(project.url, project.secret_key))

    class TakenMeanwhile(LosesFirstAnswers):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            try:
                return super().handle_request(request)
            except httpx.ReadError:
                other.claim_queued(owner="other", lease_s=60, slots=EVERY_SLOT, limit=10)
                raise

    before = other.find(JobQuery()).total
    jobs = SupabaseJobStore(Connection(project.url, project.secret_key, transport=TakenMeanwhile()))
    added = jobs.add(new_job(target_object="taken at once"))

    assert added.created
    assert other.find(JobQuery()).total == before + 1
    assert jobs.get(added.job.id).owner == "other"
    jobs.close()
    other.close()


def test_a_cancel_a_pause_and_a_task_seen_are_one_each(project: SupabaseLite, transport: LosesFirstAnswers) -> None:
    jobs = SupabaseJobStore(Connection(project.url, project.secret_key, transport=transport))
    job = jobs.add(new_job()).job
    assert jobs.cancel(job.id, maker="Tripo").status is Status.CANCELLED
    assert [event.after for event in jobs.events(job.id)] == [Stage.QUEUED, Stage.DONE]

    jobs.accounts.pause_account(generator="tripo", wait_s=30)
    assert 29 < jobs.accounts.account_wait_s(generator="tripo") <= 30
    jobs.accounts.keep_orphaned([OrphanedTask(task_id="s", account="acc", source=Source.USAGE)])
    assert [task.task_id for task in jobs.accounts.orphaned_tasks()] == ["s"]
    jobs.close()
