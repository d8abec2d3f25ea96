"""The promises of the life of a job, as checks on the table and on the books of the generators, which are the judges.

What is paid is held against the ledger of the fake Tripo. What is named may run twice only where nobody could find the
first run. What is free may run as often as it likes, but it ends, costs nothing, and has its model, unless it was lost
again and again.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.domain.claims import Claimed
from core.domain.declaration import Evidence
from core.domain.generation import GenerationRequest
from core.domain.job import Job
from core.domain.request import Conversion, ImageToModel, MultiviewToModel, TextToModel
from core.domain.status import Stage, Status
from core.ports.journal import TaskNote
from core.services.elsewhere import MOST_BEGUN
from tests.fake_tripo.pricing import views_of

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.sim import Sim

COSTS = re.compile(r"charge|credit|paid|bill", re.IGNORECASE)  # words that belong to what is paid
OPEN = frozenset({Stage.SUBMITTING, Stage.UNCERTAIN, Stage.GENERATING})


def rows(sim: Sim) -> tuple[Job, ...]:
    """The whole table, newest first."""
    return sim.table.rows()


def post_has_its_intent(sim: Sim, body: dict[str, Any]) -> None:
    """1 and 4: an earlier committed intent, one request for each attempt, and none after `send_by`."""
    sim.counts["checks"] += 1
    attempt = _sent(sim, body)
    assert attempt is not None, f"a request without a written intent: {body}"
    job, window_ends_s = sim.intents[attempt]
    _names_what_was_asked(sim, job, body)
    sim.posts[attempt] += 1
    assert sim.posts[attempt] == 1, f"attempt {attempt} was sent {sim.posts[attempt]} times"
    assert sim.clock.boot_s() < window_ends_s, f"job {job.id} was sent after its time"


def _names_what_was_asked(sim: Sim, job: Job, body: dict[str, Any]) -> None:
    """Every picture in its place, or the words."""
    if isinstance(job.request, TextToModel):
        assert (body["prompt"], job.image_token) == (job.request.prompt, ""), "the request has other words"
        return
    views = views_of(body) if "inputs" in body else {"front": body["input"]}
    assert job.image_token == views["front"], "the request names another picture than the intent"
    if isinstance(job.request, ImageToModel | MultiviewToModel):
        asked = {slot.value: sim.files[image.key] for slot, image in job.request.inputs().items()}
        given = {side: sim.ledger.files[token] for side, token in views.items()}
        wanted = {side: hashlib.sha256(data).hexdigest() for side, data in asked.items()}
        assert given == wanted, "the request has a picture in another's place"


def _sent(sim: Sim, body: dict[str, Any]) -> tuple[int, int, int] | None:
    """The newest intent that a request is of."""
    for attempt, (job, _) in reversed(sim.intents.items()):
        if job.conversion is not None and job.conversion == asked_of(body):
            return attempt
        if "model_seed" in body and job.nonce == body["model_seed"]:
            return attempt
    return None


def asked_of(body: dict[str, Any]) -> Conversion | None:
    """The conversion that a request to Tripo asks for; each is one job's."""
    if "format" not in body:
        return None
    return Conversion(
        task_id=body["input"], format=body["format"], quad=body.get("quad", False), face_limit=body.get("face_limit")
    )


def name_has_its_intent(sim: Sim, name: str, *, is_first: bool) -> None:
    """1 and 4, where tasks have our names: an order is of a written attempt, and the first is sent in its window."""
    sim.counts["checks"] += 1
    assert name in sim.names, f"an order without a written intent: {name}"
    job, window_ends_s = sim.intents[sim.names[name]]
    assert not is_first or sim.clock.boot_s() < window_ends_s, f"job {job.id} was sent after its time"


def runs_nothing_twice(sim: Sim, name: str) -> None:
    """A job begins a second run, under the same name or another attempt's, only if nobody could find one."""
    sim.counts["checks"] += 1
    era, job_id, _ = sim.names[name]
    found = [other for other, of in sim.names.items() if of[:2] == (era, job_id) and sim.lab.can_be_found(other)]
    assert not found, f"job {job_id} is run twice, though its run could be found: {name}, {found}"


def order_has_its_intent(sim: Sim, request: GenerationRequest) -> None:
    """1 and 4, where nothing is named: an order is of a written attempt, each is sent once, in its window."""
    sim.counts["checks"] += 1
    attempt = sim.names.get(request.attempt_id)
    assert attempt is not None, f"an order without a written intent: {request}"
    sim.posts[attempt] += 1
    assert sim.posts[attempt] == 1, f"attempt {attempt} was sent {sim.posts[attempt]} times"
    assert sim.clock.boot_s() < sim.intents[attempt][1], f"job {attempt[1]} was sent after its time"


def slots_hold(sim: Sim) -> None:
    """7: never more open than there are slots, over all processes.

    A job that waited for a person's decision holds no slot meanwhile, so its task, found later, may be one too many.
    """
    sim.counts["checks"] += 1
    open_jobs = [job for job in rows(sim) if job.stage in OPEN]
    taken = Counter(job.category for job in open_jobs)
    if any(count > sim.slots for count in taken.values()):
        told = {job.id: {event.after for event in sim.jobs.events(job.id)} for job in open_jobs}
        taken = Counter(job.category for job in open_jobs if Stage.ATTENTION not in told[job.id])
    assert all(count <= sim.slots for count in taken.values()), f"{taken} of {sim.slots} slots"


def no_call_while_the_account_waits(sim: Sim, process: Process, generator: str) -> None:
    """7: whoever looked after a wait was written down makes no call before it is over."""
    sim.counts["checks"] += 1
    now_s = sim.clock.boot_s()
    ignored = [
        until
        for era, number, until in sim.pauses[generator]
        if era == sim.table.era and number < process.checked_at.get(generator, 0) and now_s < until - 1e-6
    ]
    if ignored and process.is_ticking:
        # time may have stood still for this process between its look and its call; then the look was before the wait
        raise AssertionError(f"{process.name} made a call {max(ignored) - now_s:.1f} s too early")


def nobody_was_robbed(sim: Sim, process: Process, claimed: list[Claimed]) -> None:
    """14: who works on a job, and can keep its lease, keeps the job."""
    sim.counts["checks"] += 1
    for other in sim.processes:
        if other is process or other.keeping is None or other.has_lost_touch:
            continue
        taken = [each.job.id for each in claimed if each.job.id == other.keeping.job_id]
        assert not taken, f"{process.name} took job {taken[0]} while {other.name} was at work on it"


def note_is_fulfilled(sim: Sim, generator: str, note: TaskNote) -> None:
    """16: a note of this very table is forgotten when its task is its job's, or listed, or cost nothing."""
    sim.counts["checks"] += 1
    owner = _owner(sim, generator, note) or (0, 0)
    assert owner == (sim.table.era, note.job_id), f"a note of job {owner} was taken for one of job {note.job_id}"
    is_bound = sim.jobs.get(note.job_id).task_id == note.task_id
    if generator != sim.makers[Evidence.ECHO].name:
        return
    assert is_bound or note.task_id in {task.task_id for task in sim.jobs.accounts.orphaned_tasks(limit=10_000)}, (
        "a note was lost"
    )


def _owner(sim: Sim, generator: str, note: TaskNote) -> tuple[int, int] | None:
    """Table and number of the job that the task of a note was made for, as whoever made it knows."""
    if generator == sim.makers[Evidence.ECHO].name:
        return _job_of(sim, sim.ledger.tasks[note.task_id])
    if generator == sim.makers[Evidence.NAMED].name:
        return sim.names[note.task_id][:2]
    return sim.engine.owners[note.task_id]


def check_always(sim: Sim) -> None:
    """What holds after every piece of work."""
    sim.counts["checks"] += 1
    found = rows(sim)
    _one_task_for_each_job(sim)
    bound = Counter(job.task_id for job in found if job.task_id is not None)
    assert all(count == 1 for count in bound.values()), f"a task belongs to two jobs: {bound}"
    for job in found:
        key = (sim.table.era, job.id)
        if key in sim.ended and sim.ended[key] is not job:
            assert _for_good(job) == _for_good(sim.ended[key]), f"job {job.id} changed"
        if job.is_ended and job.status is not Status.TIMEOUT:
            sim.ended[key] = job
        if job.task_id in sim.ledger.tasks:
            owner = _job_of(sim, sim.ledger.tasks[job.task_id])
            assert owner in (None, key), f"job {job.id} has the task of job {owner}"
        if job.status is Status.COMPLETED:
            _is_stored(sim, job)
        if job.is_free:
            _asks_and_charges_nobody(job)


def _asks_and_charges_nobody(job: Job) -> None:
    """19: nothing that is free waits for a person, costs anything, or is spoken of as if it did."""
    assert job.stage is not Stage.ATTENTION, f"job {job.id} costs nothing, and a person is asked about it"
    assert not job.credits_used, f"job {job.id} costs nothing, and shows {job.credits_used}"
    assert not COSTS.search(job.error_message or ""), f"job {job.id} costs nothing, and reads: {job.error_message}"


def _for_good(job: Job) -> Job:
    """What never changes of an ended job: the bill may come later, and a clock that is set moves what it rests on."""
    return replace(job, credits_used=None, send_by=None, updated_at=job.created_at)


def _one_task_for_each_job(sim: Sim) -> None:
    """2: nothing was made twice for one job."""
    made = Counter(_job_of(sim, task) for task in sim.ledger.tasks.values())
    twice = {job_id: count for job_id, count in made.items() if job_id is not None and count > 1}
    assert not twice, f"made twice: {twice}"


def _job_of(sim: Sim, task: Any) -> tuple[int, int] | None:
    """Table and number of the job that a task was made for."""
    seed, conversion = task.input.get("model_seed"), asked_of(task.input)
    for (era, job_id, _), (job, _) in sim.intents.items():
        if conversion is not None and job.conversion == conversion:
            return era, job_id
        if seed is not None and job.nonce == seed:
            return era, job_id
    return None


def _is_stored(sim: Sim, job: Job) -> None:
    """6: the file is there, whole."""
    assert job.model is not None
    data = sim.table.models[job.model.key]
    assert sim.maker_of(job).is_of(job, data), f"job {job.id} has the model of another"
    assert (len(data), hashlib.sha256(data).hexdigest()) == (job.model.size_bytes, job.model.sha256)


def check_end(sim: Sim) -> None:
    """What holds when all is quiet."""
    check_always(sim)
    found = {job.id: job for job in rows(sim)}
    seen = {task.task_id for task in sim.jobs.accounts.orphaned_tasks(limit=10_000)}
    for task in sim.ledger.tasks.values():
        era, job_id = _job_of(sim, task) or (0, 0)
        if era == sim.table.era:
            is_bound = found[job_id].task_id == task.id
            assert is_bound or task.id in seen, f"task {task.id} of job {job_id} is invisible"
            assert is_bound or found[job_id].status is Status.CANCELLED, f"job {job_id} does not have its task"
    for generator, notes in sim.notes.items():
        for note in notes.values():
            era, job_id = _owner(sim, generator, note) or (0, 0)
            assert era != sim.table.era, f"the note of job {job_id} was left"
    for job in found.values():
        if job.is_free:
            _has_its_model(sim, job)
        _events_give_the_row(sim, job)
        _the_bill_is_right(sim, job)
    _no_secret_is_told(sim)


def _has_its_model(sim: Sim, job: Job) -> None:
    """What is free is made again until it is there; of what is named, the very run that was found."""
    sim.counts["checks"] += 1
    is_wanted = job.cancelled_at is None
    if job.error_code == "lost_too_often":
        times = sim.lab.asked[job.task_id or ""] + sim.engine.begun[job.task_id or ""]
        assert times > MOST_BEGUN, f"job {job.id} is said to be lost too often, and was begun {times} times"
        sim.counts["lost too often"] += 1
        return
    assert job.status is Status.COMPLETED or not is_wanted, f"job {job.id} costs nothing, and ended {job.status}"
    for event in sim.jobs.events(job.id):
        assert not COSTS.search(event.note), f"job {job.id} costs nothing, and its history says: {event.note}"
    if is_wanted and sim.maker_of(job).evidence is Evidence.NAMED:
        assert sim.names.get(job.task_id or "") == (sim.table.era, job.id, job.attempt), f"job {job.id} lost its name"


def _events_give_the_row(sim: Sim, job: Job) -> None:
    """9: each change left one event, and together they are the row."""
    sim.counts["checks"] += 1
    events = sim.jobs.events(job.id)
    stage, task_ids = None, set()
    for event in events:
        assert event.before == stage, f"job {job.id}: a change without an event before {event}"
        stage = event.after
        task_ids.add(event.task_id)
    last = events[-1]
    assert (last.after, last.status, last.task_id) == (job.stage, job.status, job.task_id)
    assert len(task_ids - {None}) <= 1, f"job {job.id} had several tasks: {task_ids}"


def _the_bill_is_right(sim: Sim, job: Job) -> None:
    """10: what is shown is what Tripo charged."""
    sim.counts["checks"] += 1
    if job.task_id is not None and not job.is_free:
        cost = sim.ledger.cost(sim.ledger.tasks[job.task_id])
        assert (job.credits_used or Decimal(0)) == cost, f"job {job.id} shows {job.credits_used}, charged were {cost}"
    else:
        assert not job.credits_used


def _no_secret_is_told(sim: Sim) -> None:
    """13: no key and no signed address in what people read."""
    texts = [job.error_message or "" for job in rows(sim)]
    texts += [event.note for job in rows(sim) for event in sim.jobs.events(job.id)]
    assert not any(sim.key in text or "/signed/" in text for text in texts)
