"""Explore every run of the protocol by which a job is sent: no job made or billed twice, no task lost, none stuck.

A state holds the jobs (each with all the service knows of it), the workers, and how much bad luck is left. A step is
done by one worker to one job, by the service, by a person, or by the clock; every order of steps is explored, to the
end. The steps are those of core.services.dispatch, settle and journal. How the world is drawn:

* A lease may run out at any moment, so none is timed: any claim may be taken over at any time.
* An answer that is lost is one the worker gives up waiting for, so only requests are seen to travel.
* An age stops counting where it no longer matters, so time has no horizon.
* The guard and the first byte are one step: a pause between them must fit into the settle time.
* A refusal of any kind sends the job back to the queue. Webhooks only help, so there are none.

What is promised, and how a lost answer is settled, depends on the evidence that a generator declares:

* ECHO: its list is searched for what the task repeats; a new task is missing there for a while, and pages move.
* NAMED: the task has the attempt's name and is looked up; it is there as soon as it was made, until a restart of the
  server forgets it. What becomes of a job that was bound before that is not drawn here (see tests/simulation).
* FREE: it is made again at once. A second task costs nothing, but a job never gets two.

`python -m tests.model.submit_protocol` prints what each broken rule leads to; with the name of a variant, also how.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum, auto
from typing import Any, NamedTuple

from core.domain.declaration import Evidence


class Stage(IntEnum):
    """As in core.domain.status; CANCELLED is a job that ended before anything was made."""

    QUEUED = auto()
    SUBMITTING = auto()
    UNCERTAIN = auto()
    ATTENTION = auto()
    GENERATING = auto()
    CANCELLED = auto()


OPEN = (Stage.SUBMITTING, Stage.UNCERTAIN)


class Place(IntEnum):
    """How far a POST has come."""

    TRAVELS = auto()
    LOST = auto()
    TASK = auto()  # the service made a task of it, and will bill it


class Doing(IntEnum):
    """What a worker does next. It forgets when it crashes."""

    NOTHING = auto()
    INTEND = auto()
    SEND = auto()
    AWAIT = auto()
    BIND = auto()  # the answer named the task
    GIVE_BACK = auto()  # the answer, or a failure to connect, says that nothing was made
    BIND_FOUND = auto()
    BIND_STRANGER = auto()  # it found a task of another job
    NOTE_ABSENCE = auto()


class Luck(IntEnum):
    """What happens only so often in one run."""

    CRASH = 0
    OVERLOOK = 1
    CANCEL = 2
    FORGET = 3


class Violation(StrEnum):
    """A promise that was broken. A test shows for each that it would be seen."""

    DOUBLE_BILL = "double bill"  # made twice, where nothing is billed
    POSTED_TWICE = "attempt posted twice"
    NO_INTENT = "POST without intent"
    SENT_LATE = "POST after send_by"
    WRONG_JOB = "task bound to the wrong job"
    BOUND_TWICE = "task bound twice"
    SECOND_TASK = "job bound twice"
    TASK_LOST = "task lost"
    JOB_STUCK = "job stuck"


WHAT_COSTS = frozenset({Violation.DOUBLE_BILL, Violation.TASK_LOST})
NOT_PROMISED = {Evidence.ECHO: frozenset(), Evidence.NAMED: frozenset(), Evidence.FREE: WHAT_COSTS}


class Event(StrEnum):
    """Everything that can happen, as a trace tells it."""

    CLAIM = "claims it"
    INTEND = "commits the intent"
    SEND = "sends the POST"
    SEND_AGAIN = "gets no answer and sends the same POST again"
    TOO_LATE = "finds the send window closed and gives it back"
    NO_CONNECTION = "gets no connection, so nothing was sent"
    ANSWERED = "gets the answer and keeps the task id in its journal"
    REFUSED = "gets a refusal, so nothing was made"
    TIMED_OUT = "gets no answer and says so"
    BIND = "binds the task"
    GIVE_BACK = "gives it back, as nothing was made"
    DROPPED = "writes too late or for a claim it lost, so nothing changes"
    ADOPT = "adopts the task from the journal"
    SEARCH_EARLY = "searches the usage list in vain, too early to count"
    SEARCH_IN_VAIN = "searches the usage list in vain"
    OVERLOOK = "searches the usage list and overlooks the task, as its pages moved"
    FIND = "finds a task in the usage list"
    ASK = "finds two tasks and asks a person"
    BIND_FOUND = "binds the task it found"
    ABSENT_ONCE = "notes the search in vain"
    ABSENT = "takes it as proven that nothing was made"
    CRASH = "crashes"
    LEASE_ENDS = "the sender's lease runs out"
    ARRIVE = "the service makes a task of the POST"
    LOSE = "the POST is lost"
    FORGET = "the service is started again and forgets the task"
    AGAIN = "gives it back, as it costs nothing"
    CANCEL = "a person cancels it"
    TICK = "time goes on"


class Post(NamedTuple):
    """One create request and what became of it.

    Attributes:
        age: ticks since it was sent, or since its task was made.
        is_noted: the task id is in the journal.
        is_bound, is_misbound: to the job it was sent for; to another.
    """

    attempt: int
    place: Place = Place.TRAVELS
    age: int = 0
    is_noted: bool = False
    is_late: bool = False
    is_bound: bool = False
    is_misbound: bool = False

    @property
    def is_free(self) -> bool:
        return self.place is Place.TASK and not self.is_bound and not self.is_misbound


class Job(NamedTuple):
    """One row of the job table, and every POST that was sent for it.

    Attributes:
        age: ticks since the newest intent.
        scans: how many searches in vain have counted.
        is_unwanted: a person cancelled it after its intent was written.
    """

    stage: Stage = Stage.QUEUED
    attempt: int = 0
    age: int = 0
    scans: int = 0
    is_unwanted: bool = False
    posts: tuple[Post, ...] = ()


class Worker(NamedTuple):
    """One process. `is_current`: the epoch of its claim is still the job's."""

    doing: Doing = Doing.NOTHING
    job: int = 0
    attempt: int = 0
    is_current: bool = False


class Step(NamedTuple):
    """What one event makes of a worker and a job.

    Attributes:
        takes_over: the epoch of the job grew.
        needs: the luck it spends.
        other: the other job, where that changed too.
    """

    event: Event
    worker: Worker
    job: Job
    takes_over: bool = False
    needs: Luck | None = None
    other: Job | None = None


IDLE = Worker()
ONLY_WRITES = (Doing.INTEND, Doing.GIVE_BACK, Doing.BIND_FOUND, Doing.BIND_STRANGER, Doing.NOTE_ABSENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How much there is of everything, how long things take in ticks, and how often what goes wrong in one run.

    Attributes:
        jobs: one or two.
        attempts: a job is not submitted more often.
        send_by: the last tick after its intent in which a request may leave.
        in_flight: how long a request travels at most.
        usage_lag: how long a new task is missing in the usage list.
    """

    jobs: int = 2
    workers: int = 2
    attempts: int = 2
    send_by: int = 0
    in_flight: int = 1
    usage_lag: int = 1
    crashes: int = 1
    overlooks: int = 1
    cancels: int = 1
    forgets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The protocol; the defaults are the recommended ones.

    Attributes:
        evidence: what the generator declares; the rules that follow are for all of them.
        after_timeout, after_lease: where a job goes whose sender got no answer, or lost its lease.
        reconcile: ticks after `send_by` from which on absence counts; None: just long enough.
        searches: how many in vain prove absence at one that is searched.
        dates_question: a look-up counts by the time at which it began, not by that of its answer.
        binds_open_only: an answer counts for the newest attempt, as long as that has no task.
    """

    evidence: Evidence = Evidence.ECHO
    after_timeout: Stage = Stage.UNCERTAIN
    after_lease: Stage = Stage.UNCERTAIN
    reconcile: int | None = None
    searches: int = 2
    has_guard: bool = True
    has_epochs: bool = True
    has_journal: bool = True
    intends_first: bool = True
    matches_nonce: bool = True
    has_unique_task_ids: bool = True
    posts_once: bool = True
    cancel_ends_at_once: bool = False
    dates_question: bool = True
    binds_open_only: bool = True


class Protocol:
    """What may happen to one worker with one job, and to a job alone."""

    def __init__(self, rules: Rules, world: World) -> None:
        self.rules, self.world = rules, world
        self.lag = world.usage_lag if rules.evidence is Evidence.ECHO else 0
        self.searches = rules.searches if rules.evidence is Evidence.ECHO else 1
        needed = world.in_flight + max(self.lag, 1)  # what may arrive in the last tick is not shown in it
        settle = needed if rules.reconcile is None else rules.reconcile
        self.proof_age = max(world.send_by + settle, 0)
        self.last_age = max(self.proof_age, world.send_by + 1)  # nothing depends on how much older an intent is

    def new_job(self) -> Job:
        return self._tidy(Job())

    def worker_steps(self, me: Worker, job: Job, other: Job | None) -> Iterator[Step]:
        """`other`: the job whose tasks this one could be given by mistake."""
        match me.doing:
            case Doing.NOTHING:
                yield from self._begin(me, job)
                yield from self._search(me, job, other)
            case Doing.INTEND:
                yield self._intend(me, job)
            case Doing.SEND:
                yield from self._send(me, job)
            case Doing.AWAIT:
                yield from self._await(me, job)
            case Doing.BIND | Doing.BIND_FOUND | Doing.BIND_STRANGER:
                yield self._bind(me, job, other)
            case Doing.GIVE_BACK:
                yield self._write(Event.GIVE_BACK, me, job, OPEN, self._returned(job))
            case Doing.NOTE_ABSENCE:
                yield self._note_absence(me, job)
        if me.doing is not Doing.NOTHING:
            yield Step(Event.CRASH, IDLE, job, needs=Luck.CRASH)

    def job_steps(self, job: Job) -> Iterator[Step]:
        for post in job.posts:
            if post.place is Place.TRAVELS:
                yield Step(Event.ARRIVE, IDLE, self._with(job, post, post._replace(place=Place.TASK, age=0)))
                yield Step(Event.LOSE, IDLE, self._with(job, post, post._replace(place=Place.LOST, age=0)))
            elif post.place is Place.TASK and self.rules.evidence is Evidence.NAMED:
                forgotten = post._replace(place=Place.LOST, age=0, is_noted=False)
                yield Step(Event.FORGET, IDLE, self._with(job, post, forgotten), needs=Luck.FORGET)
        if job.stage is Stage.SUBMITTING:
            yield Step(Event.LEASE_ENDS, IDLE, self._tidy(job._replace(stage=self.rules.after_lease)))
        if job.stage is Stage.QUEUED or (job.stage in OPEN and self.rules.cancel_ends_at_once):
            ended = self._tidy(job._replace(stage=Stage.CANCELLED))
            yield Step(Event.CANCEL, IDLE, ended, takes_over=True, needs=Luck.CANCEL)
        elif job.stage in OPEN and not job.is_unwanted:
            yield Step(Event.CANCEL, IDLE, job._replace(is_unwanted=True), needs=Luck.CANCEL)

    def a_tick_later(self, job: Job) -> Job | None:
        """None while a request that has travelled as long as it can neither arrived nor was lost."""
        if any(post.place is Place.TRAVELS and post.age == self.world.in_flight for post in job.posts):
            return None
        return self._tidy(job._replace(age=job.age + 1, posts=tuple(p._replace(age=p.age + 1) for p in job.posts)))

    def _begin(self, me: Worker, job: Job) -> Iterator[Step]:
        if job.stage is Stage.QUEUED and job.attempt < self.world.attempts:
            doing = Doing.INTEND if self.rules.intends_first else Doing.SEND
            yield Step(Event.CLAIM, Worker(doing, me.job, job.attempt + 1, is_current=True), job, takes_over=True)
        for post in job.posts:
            if post.is_noted and self._is_proof(job, post):
                yield Step(Event.ADOPT, IDLE, self._bound(job, post), takes_over=True)

    def _intend(self, me: Worker, job: Job) -> Step:
        # a stale claim that is let through still counts from the row it finds
        attempt = job.attempt + 1 if self.rules.intends_first else me.attempt
        intended = self._tidy(job._replace(stage=Stage.SUBMITTING, attempt=attempt, age=0))
        doing = Doing.SEND if self.rules.intends_first else Doing.AWAIT
        return self._write(Event.INTEND, me, job, (Stage.QUEUED,), intended, me._replace(doing=doing, attempt=attempt))

    def _send(self, me: Worker, job: Job) -> Iterator[Step]:
        # once a newer attempt began, the window of this one is closed
        is_late = self.rules.intends_first and (me.attempt < job.attempt or job.age > self.world.send_by)
        if is_late and self.rules.has_guard:
            yield self._write(Event.TOO_LATE, me, job, OPEN, self._returned(job))
            return
        doing = Doing.AWAIT if self.rules.intends_first else Doing.INTEND
        yield Step(Event.SEND, me._replace(doing=doing), self._with(job, None, Post(me.attempt, is_late=is_late)))
        yield Step(Event.NO_CONNECTION, me._replace(doing=Doing.GIVE_BACK), job)

    def _await(self, me: Worker, job: Job) -> Iterator[Step]:
        mine = [post for post in job.posts if post.attempt == me.attempt]
        for post in mine:
            if post.is_free:
                noted = self._with(job, post, post._replace(is_noted=self.rules.has_journal))
                yield Step(Event.ANSWERED, me._replace(doing=Doing.BIND), noted)
            elif post.place is Place.TRAVELS:
                refused = self._with(job, post, post._replace(place=Place.LOST, age=0))
                yield Step(Event.REFUSED, me._replace(doing=Doing.GIVE_BACK), refused)
        if not self.rules.posts_once:
            yield Step(Event.SEND_AGAIN, me, self._with(job, None, Post(me.attempt)))
        unanswered = self._tidy(job._replace(stage=self.rules.after_timeout))
        yield self._write(Event.TIMED_OUT, me, job, OPEN, unanswered)

    def _search(self, me: Worker, job: Job, other: Job | None) -> Iterator[Step]:
        """Claim an uncertain job and read the usage list; what it said is written down in a later step."""
        if job.stage is not Stage.UNCERTAIN:
            return
        if self.rules.evidence is Evidence.FREE:
            yield Step(Event.AGAIN, IDLE, self._returned(job), takes_over=True)
            return
        own = [post for post in job.posts if self._shows(post) and self._fits(post, job)]
        strange = [post for post in other.posts if self._shows(post)] if other else []
        counts = job.age >= self.proof_age
        in_vain = Worker(Doing.NOTE_ABSENCE, me.job, job.attempt, is_current=True)
        if len(own) + len(strange) > 1:
            yield Step(Event.ASK, IDLE, self._tidy(job._replace(stage=Stage.ATTENTION)), takes_over=True)
        elif own or strange:
            doing = Doing.BIND_FOUND if own else Doing.BIND_STRANGER
            yield Step(Event.FIND, in_vain._replace(doing=doing), job, takes_over=True)
        elif counts or not self.rules.dates_question:
            yield Step(Event.SEARCH_IN_VAIN, in_vain, job, takes_over=True)
        else:
            yield Step(Event.SEARCH_EARLY, IDLE, job, takes_over=True)
        if counts and (own or strange) and self.rules.evidence is Evidence.ECHO:
            yield Step(Event.OVERLOOK, in_vain, job, takes_over=True, needs=Luck.OVERLOOK)

    def _bind(self, me: Worker, job: Job, other: Job | None) -> Step:
        if me.doing is Doing.BIND:
            mine = [post for post in job.posts if post.attempt == me.attempt and self._is_proof(job, post)]
            if mine:  # the answer is proof enough: it needs no claim
                return Step(Event.BIND, IDLE, self._bound(job, mine[0]), takes_over=True)
        elif me.doing is Doing.BIND_FOUND:
            mine = [post for post in job.posts if self._fits(post, job) and self._may_bind(post)]
            if mine:
                return self._write(Event.BIND_FOUND, me, job, OPEN, self._bound(job, mine[0]))
        elif other:
            strange = [post for post in other.posts if self._may_bind(post)]
            bound = self._tidy(job._replace(stage=Stage.GENERATING))
            step = self._write(Event.BIND_FOUND, me, job, OPEN, bound)
            if strange and step.event is not Event.DROPPED:
                return step._replace(other=self._with(other, strange[0], strange[0]._replace(is_misbound=True)))
        return Step(Event.DROPPED, IDLE, job)

    def _note_absence(self, me: Worker, job: Job) -> Step:
        if job.age < self.proof_age and not self.rules.dates_question:
            return Step(Event.SEARCH_EARLY, IDLE, job)
        if job.scans + 1 < self.searches:
            searched = job._replace(scans=job.scans + 1)
            return self._write(Event.ABSENT_ONCE, me, job, (Stage.UNCERTAIN,), searched)
        return self._write(Event.ABSENT, me, job, (Stage.UNCERTAIN,), self._returned(job))

    def _write(
        self, event: Event, me: Worker, job: Job, stages: Sequence[Stage], after: Job, then: Worker = IDLE
    ) -> Step:
        """Conditional on the stage, and on the epoch of the claim."""
        if job.stage in stages and (me.is_current or not self.rules.has_epochs):
            return Step(event, then, after)
        return Step(Event.DROPPED, IDLE, job)

    def _is_proof(self, job: Job, post: Post) -> bool:
        is_open = post.attempt == job.attempt and job.stage in OPEN
        return self._may_bind(post) and (is_open or not self.rules.binds_open_only)

    def _may_bind(self, post: Post) -> bool:
        return post.is_free or (post.place is Place.TASK and not self.rules.has_unique_task_ids)

    def _shows(self, post: Post) -> bool:
        return post.is_free and post.age >= self.lag

    def _fits(self, post: Post, job: Job) -> bool:
        return post.attempt == job.attempt or not self.rules.matches_nonce

    def _bound(self, job: Job, post: Post) -> Job:
        bound = post._replace(is_bound=True, is_noted=False, age=self.lag)
        return self._with(job._replace(stage=Stage.GENERATING), post, bound)

    def _returned(self, job: Job) -> Job:
        return self._tidy(job._replace(stage=Stage.CANCELLED if job.is_unwanted else Stage.QUEUED))

    def _with(self, job: Job, old: Post | None, new: Post) -> Job:
        others = list(job.posts)
        if old is not None:
            others.remove(old)
        return self._tidy(job._replace(posts=(*others, new)))

    def _tidy(self, job: Job) -> Job:
        """Forget what makes no difference any more, so that states with the same future are one."""
        most = {Place.TRAVELS: self.world.in_flight, Place.LOST: 0, Place.TASK: self.lag}
        kept = [post for post in job.posts if post.place is not Place.LOST or post.attempt >= job.attempt]
        posts = tuple(sorted(post._replace(age=min(post.age, most[post.place])) for post in kept))
        if job.stage in OPEN:
            return job._replace(age=min(job.age, self.last_age), posts=posts)
        return job._replace(age=self.last_age, scans=0, is_unwanted=False, posts=posts)


def broken_promises(job: Job) -> set[Violation]:
    """Those that are broken whatever comes next."""
    attempts = [post.attempt for post in job.posts]
    is_broken = {
        Violation.DOUBLE_BILL: sum(post.place is Place.TASK for post in job.posts) > 1,
        Violation.POSTED_TWICE: len(set(attempts)) < len(attempts),
        Violation.NO_INTENT: any(attempt > job.attempt for attempt in attempts),
        Violation.SENT_LATE: any(post.is_late for post in job.posts),
        Violation.WRONG_JOB: any(post.is_misbound for post in job.posts),
        Violation.BOUND_TWICE: any(post.is_bound and post.is_misbound for post in job.posts),
        Violation.SECOND_TASK: sum(post.is_bound for post in job.posts) > 1,
    }
    return {violation for violation, broken in is_broken.items() if broken}


def is_beyond_help(job: Job, evidence: Evidence) -> bool:
    """Here a run ends: what it shows is shown, and without an end it could send POSTs for ever."""
    repeated = len(job.posts) - len({post.attempt for post in job.posts})
    is_made_twice = Violation.DOUBLE_BILL in broken_promises(job) - NOT_PROMISED[evidence]
    return repeated > 1 or is_made_twice


def is_settled(job: Job, world: World) -> bool:
    """Nothing more is to be done for it, or, in this small world, can be: its attempts are used up."""
    is_used_up = job.stage is Stage.QUEUED and job.attempt >= world.attempts
    return is_used_up or job.stage in (Stage.ATTENTION, Stage.GENERATING, Stage.CANCELLED)


def has_lost_task(job: Job) -> bool:
    """At rest: a task nobody has and nobody is shown."""
    return any(post.is_free for post in job.posts) and job.stage not in (Stage.UNCERTAIN, Stage.ATTENTION)


class Table(dict[Any, Any]):
    """Makes each entry when it is first asked for."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> Any:
        entry = self[key] = self._make(key)
        return entry


class Numbers(dict[Any, int]):
    """Gives each value a small number, so that states are short and quick to compare."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[Any] = []

    def __missing__(self, value: Any) -> int:
        number = self[value] = len(self.listed)
        self.listed.append(value)
        return number


Places = tuple[int, ...]
State = tuple[Places, Places, Places]  # the number of each job, the number of each worker, the luck left of each kind
Deed = tuple[int | None, int | None, Event]  # the places of the worker and of the job that have a part in it


class Transitions:
    """From one state of the whole to the next; everything is worked out once and then looked up by number.

    `merges_alike`: of states that differ only in the names of workers and jobs one is kept; and a worker that can do
    nothing but write for a claim it has lost, which changes nothing, is as good as idle.
    """

    def __init__(self, rules: Rules, world: World, *, merges_alike: bool) -> None:
        self.rules, self.world, self.merges_alike = rules, world, merges_alike
        self.protocol = Protocol(rules, world)
        self.jobs, self.workers = Numbers(), Numbers()
        self._idle = self.workers[IDLE]
        self._worker_moves = Table(self._list_worker_moves)
        self._job_moves = Table(self._list_job_moves)
        self._later = Table(self._a_tick_later)
        self._luck_left = Table(self._spend)
        self._seated = Table(self._seat)
        self._renamed = Table(self._rename)

    def start(self) -> State:
        luck = (self.world.crashes, self.world.overlooks, self.world.cancels, self.world.forgets)
        new = self.jobs[self.protocol.new_job()]
        return ((new,) * self.world.jobs, (self._idle,) * self.world.workers, luck)

    def after(self, state: State) -> Iterator[tuple[Deed, State]]:
        """What can happen next, and the state it leads to."""
        jobs, workers, luck = state
        for at, on, moves in self._moves(jobs, workers):
            for event, worker, job, takes_over, needs, other in moves:
                luck_left = luck if needs is None else self._luck_left[luck, needs]
                if luck_left is None:
                    continue
                rows = list(jobs)
                rows[on] = job
                if other is not None:
                    rows[1 - on] = other
                workers_after = self._seated[workers, at, worker, on, takes_over]
                yield (at, on, event), (*self._merged(tuple(rows), workers_after), luck_left)
        jobs_later = tuple([self._later[job] for job in jobs])
        if None not in jobs_later:
            yield (None, None, Event.TICK), (*self._merged(jobs_later, workers), luck)

    def _moves(self, jobs: Places, workers: Places) -> Iterator[tuple[int | None, int, Any]]:
        """The place of a worker (None: it goes without), the place of a job, and what can come of the two."""
        for at, worker in enumerate(workers):
            if at and worker == workers[at - 1] and self.merges_alike:
                continue
            for on in range(len(jobs)) if worker == self._idle else (self.workers.listed[worker].job,):
                other = None if self.rules.matches_nonce else jobs[1 - on]
                yield at, on, self._worker_moves[worker, on, jobs[on], other]
        for on, job in enumerate(jobs):
            yield None, on, self._job_moves[job]

    def _merged(self, jobs: Places, workers: Places) -> tuple[Places, Places]:
        if not self.merges_alike or len(jobs) == 1 or jobs[0] < jobs[1]:
            return jobs, workers
        if jobs[0] > jobs[1]:
            return jobs[::-1], self._renamed[workers]
        return jobs, min(workers, self._renamed[workers])

    def _list_worker_moves(self, key: tuple[int, int, int, int | None]) -> list[tuple[Any, ...]]:
        worker, on, job, other = key
        me = IDLE._replace(job=on) if worker == self._idle else self.workers.listed[worker]
        seen = None if other is None else self.jobs.listed[other]
        return [self._numbered(step) for step in self.protocol.worker_steps(me, self.jobs.listed[job], seen)]

    def _list_job_moves(self, job: int) -> list[tuple[Any, ...]]:
        return [self._numbered(step) for step in self.protocol.job_steps(self.jobs.listed[job])]

    def _numbered(self, step: Step) -> tuple[Any, ...]:
        other = None if step.other is None else self.jobs[step.other]
        return step.event, self.workers[step.worker], self.jobs[step.job], step.takes_over, step.needs, other

    def _a_tick_later(self, job: int) -> int | None:
        later = self.protocol.a_tick_later(self.jobs.listed[job])
        return None if later is None else self.jobs[later]

    def _spend(self, key: tuple[Places, Luck]) -> Places | None:
        luck, needs = key
        return (*luck[:needs], luck[needs] - 1, *luck[needs + 1 :]) if luck[needs] else None

    def _seat(self, key: tuple[Places, int | None, int, int, bool]) -> Places:
        workers, at, worker, on, takes_over = key
        seats = [self._overtaken(each, on) if takes_over else each for each in workers]
        if at is not None:
            seats[at] = worker
        return tuple(sorted(seats) if self.merges_alike else seats)

    def _overtaken(self, worker: int, on: int) -> int:
        overtaken = self.workers.listed[worker]
        if overtaken.job != on or not overtaken.is_current:
            return worker
        if self.merges_alike and self.rules.has_epochs and overtaken.doing in ONLY_WRITES:
            return self._idle
        return self.workers[overtaken._replace(is_current=False)]

    def _rename(self, workers: Places) -> Places:
        listed = [self.workers.listed[worker] for worker in workers]
        return tuple(sorted(self.workers[each if each == IDLE else each._replace(job=1 - each.job)] for each in listed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What was found. `violations`: the number of the first state, on a shortest way, at which each was seen."""

    transitions: Transitions
    states: list[State]
    came_from: list[int]
    events: frozenset[Event]
    violations: dict[Violation, int]
    seconds: float

    def reaches(self, predicate: Callable[[Sequence[Job], Sequence[Worker]], bool]) -> bool:
        """Whether some state is like that."""
        jobs, workers = self.transitions.jobs.listed, self.transitions.workers.listed
        return any(
            predicate([jobs[job] for job in state[0]], [workers[worker] for worker in state[1]])
            for state in self.states
        )

    def trace(self, violation: Violation) -> list[str]:
        """A shortest way to it, a line for each step."""
        number, lines = self.violations[violation], []
        while number:
            before = self.came_from[number]
            after = self.transitions.after(self.states[before])
            lines.append(next(tell(deed) for deed, state in after if state == self.states[number]))
            number = before
        return lines[::-1]


def explore(rules: Rules, world: World, *, merges_alike: bool = True) -> Exploration:
    """Breadth first, to the end. `merges_alike`: see Transitions; the names in a trace are right only without."""
    started_s = time.perf_counter()
    transitions = Transitions(rules, world, merges_alike=merges_alike)
    states = [transitions.start()]
    numbers = {states[0]: 0}
    came_from, unaided = [0], []
    events: set[Event] = set()
    is_over = Table(lambda job: is_beyond_help(transitions.jobs.listed[job], rules.evidence))
    for number, state in enumerate(states):  # grows meanwhile
        if any(is_over[job] for job in state[0]):
            unaided.append([number])
            continue
        following = []
        for (_, _, event), after in transitions.after(state):
            events.add(event)
            known = numbers.get(after)
            if known is None:
                known = numbers[after] = len(states)
                states.append(after)
                came_from.append(number)
            if known != number and after[2] == state[2]:
                following.append(known)
        unaided.append(following)
    return Exploration(
        transitions=transitions,
        states=states,
        came_from=came_from,
        events=frozenset(events),
        violations=find_violations(transitions, states, unaided),
        seconds=time.perf_counter() - started_s,
    )


def find_violations(transitions: Transitions, states: list[State], unaided: list[list[int]]) -> dict[Violation, int]:
    """`unaided`: where each state can go without a person and without bad luck."""
    listed, evidence = transitions.jobs.listed, transitions.rules.evidence
    broken = [broken_promises(job) - NOT_PROMISED[evidence] for job in listed]
    settled = [is_settled(job, transitions.world) for job in listed]
    over = [is_beyond_help(job, evidence) for job in listed]
    lost = [has_lost_task(job) and Violation.TASK_LOST not in NOT_PROMISED[evidence] for job in listed]
    found: dict[Violation, int] = {}
    for number, (jobs, _, _) in enumerate(states):
        for job in jobs:
            for violation in broken[job]:
                found.setdefault(violation, number)
            if lost[job] and not unaided[number]:
                found.setdefault(Violation.TASK_LOST, number)
    can_settle = bytearray(all(settled[job] for job in jobs) or any(over[job] for job in jobs) for jobs, _, _ in states)
    is_changed = True
    while is_changed:
        is_changed = False
        for number in range(len(states) - 1, -1, -1):
            if not can_settle[number] and any(can_settle[each] for each in unaided[number]):
                can_settle[number] = is_changed = True
    if not all(can_settle):
        found[Violation.JOB_STUCK] = can_settle.index(0)
    return found


def tell(deed: Deed) -> str:
    worker, job, event = deed
    if job is None:
        return str(event)
    return f"job {job + 1}: {event}" if worker is None else f"job {job + 1}: worker {worker + 1} {event}"


def counterexample(rules: Rules, world: World, violation: Violation) -> list[str]:
    """A shortest run that breaks the promise, a line for each step; workers and jobs keep their names."""
    return explore(rules, world, merges_alike=False).trace(violation)


ONE_JOB = World(jobs=1)
ONE_ATTEMPT = World(jobs=1, attempts=1)
NAMED, FREE = Evidence.NAMED, Evidence.FREE
FORGETFUL = World(jobs=1, attempts=3, crashes=2, overlooks=0, forgets=1)
TWO_JOBS = World(crashes=0, overlooks=0, cancels=0)
LUCKY = World(attempts=1, crashes=0, overlooks=0, cancels=0)  # with two jobs; what goes wrong needs no bad luck
VARIANTS: dict[str, tuple[Rules, World]] = {
    "recommended": (Rules(), World()),
    "recommended, more of everything, one job": (
        Rules(),
        World(jobs=1, attempts=3, crashes=3, send_by=1, in_flight=2, usage_lag=2),
    ),
    "no journal": (Rules(has_journal=False), ONE_JOB),
    "task ids not unique": (Rules(has_unique_task_ids=False), ONE_JOB),
    "one search proves absence, pages never move": (Rules(searches=1), World(jobs=1, overlooks=0)),
    "blind retry on time-out": (Rules(after_timeout=Stage.QUEUED), ONE_JOB),
    "expired lease back to queued": (Rules(after_lease=Stage.QUEUED), ONE_JOB),
    "expired lease ignored": (Rules(after_lease=Stage.SUBMITTING), ONE_JOB),
    "absence trusted at once": (Rules(reconcile=0, searches=1), ONE_JOB),
    "settle time shorter than usage lag": (Rules(reconcile=1), World(jobs=1, usage_lag=2)),
    "settle time one tick short": (Rules(reconcile=1), ONE_JOB),
    "one search proves absence": (Rules(searches=1), ONE_JOB),
    "no send_by guard": (Rules(has_guard=False), ONE_JOB),
    "no epochs": (Rules(has_epochs=False), World(jobs=1, attempts=3)),
    "intent after POST": (Rules(intends_first=False), ONE_ATTEMPT),
    "HTTP client repeats POST": (Rules(posts_once=False), ONE_ATTEMPT),
    "cancel ends a sent job": (Rules(cancel_ends_at_once=True), ONE_JOB),
    "match by time window": (Rules(matches_nonce=False), LUCKY),
    "match by time window, task ids not unique": (Rules(matches_nonce=False, has_unique_task_ids=False), LUCKY),
    "named": (Rules(evidence=NAMED), FORGETFUL),
    "named, two jobs": (Rules(evidence=NAMED), TWO_JOBS),
    "named, longer ways": (Rules(evidence=NAMED), World(jobs=1, crashes=3, overlooks=0, send_by=1, in_flight=2)),
    "named, look-up dated by its answer": (Rules(evidence=NAMED, dates_question=False), ONE_JOB),
    "named, absence trusted one tick early": (Rules(evidence=NAMED, reconcile=1), ONE_JOB),
    "named, blind retry on time-out": (Rules(evidence=NAMED, after_timeout=Stage.QUEUED), ONE_JOB),
    "named, expired lease back to queued": (Rules(evidence=NAMED, after_lease=Stage.QUEUED), ONE_JOB),
    "named, expired lease ignored": (Rules(evidence=NAMED, after_lease=Stage.SUBMITTING), ONE_JOB),
    "named, no send_by guard": (Rules(evidence=NAMED, has_guard=False), ONE_JOB),
    "named, no epochs": (Rules(evidence=NAMED, has_epochs=False), World(jobs=1, attempts=3)),
    "named, HTTP client repeats POST": (Rules(evidence=NAMED, posts_once=False), ONE_ATTEMPT),
    "named, cancel ends a sent job": (Rules(evidence=NAMED, cancel_ends_at_once=True), ONE_JOB),
    "free": (Rules(evidence=FREE), World(jobs=1, attempts=3, crashes=2, overlooks=0)),
    "free, two jobs": (Rules(evidence=FREE), LUCKY),
    "free, blind retry on time-out": (Rules(evidence=FREE, after_timeout=Stage.QUEUED), ONE_JOB),
    "free, expired lease ignored": (Rules(evidence=FREE, after_lease=Stage.SUBMITTING), ONE_JOB),
    "free, no send_by guard": (Rules(evidence=FREE, has_guard=False), ONE_JOB),
    "free, a late twin is bound": (Rules(evidence=FREE, binds_open_only=False), ONE_JOB),
    "free, intent after POST": (Rules(evidence=FREE, intends_first=False), ONE_ATTEMPT),
}


def main(shown: Sequence[str]) -> None:
    """A line for each variant; and for those named in `shown`, how it comes to each violation."""
    print(f"{'variant':45}{'states':>8}{'seconds':>9}  violations")
    for name, (rules, world) in VARIANTS.items():
        found = explore(rules, world)
        violations = ", ".join(sorted(found.violations)) or "none"
        print(f"{name:45}{len(found.states):8}{found.seconds:9.2f}  {violations}")
    for name in shown:
        rules, world = VARIANTS[name]
        for violation in sorted(explore(rules, world).violations):
            print(f"\n{name}: {violation}", *counterexample(rules, world, violation), sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
