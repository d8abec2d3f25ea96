"""The read side: jobs, their events, their files, and how the whole is doing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from core.domain.generation import Balance, OrphanedTask
from core.domain.job import Category, Job, JobEvent
from core.domain.naming import is_storable
from core.domain.status import Stage
from core.ports.account_store import AccountFacts
from core.ports.job_store import JobPage, JobQuery, JobStore
from core.ports.object_store import ObjectStore
from core.services.backoff import is_for_good
from core.services.leftovers import Leftover, Leftovers
from core.services.read_cache import Known, ReadCache
from core.services.throttle import Throttle
from core.services.usual_time import RECENT, usual_s

DAY = timedelta(days=1)
ACCOUNT_S = 10.0  # what is known of the account changes without a change of a job
MODEL_PATH = "/api/jobs/{id}/model.{kind}"
IMAGE_PATH = "/api/jobs/{id}/image"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """When a queued job will be ready.

    Attributes:
        ahead: jobs before it.
        seconds: until its model is there; None when too few models were made to say.
        based_on: how many recent models that rests on.
    """

    ahead: int
    seconds: float | None
    based_on: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """The paid account as an operator sees it.

    Attributes:
        label: whose account it is.
        spent: credits of the jobs of the last 24 hours, used or still expected.
        most: the budget; None for no limit.
        orphaned: tasks at the account that belong to no job.
        problems: sentences.
        leftovers: notes and models on this machine that belong to no job of this table.
    """

    is_paid: bool
    spent: Decimal
    label: str = ""
    most: Decimal | None = None
    balance: Balance | None = None
    balance_at: datetime | None = None
    orphaned: tuple[OrphanedTask, ...] = ()
    problems: tuple[str, ...] = ()
    leftovers: tuple[Leftover, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The use case.

    Attributes:
        labels: what people read for each generator's name.
        generator: who makes new jobs' models where nobody else is named.
        paid: the generator whose account is shown; None where none that is connected is paid.
        slots: how many tasks of each category may be open at once.
        settle_s, max_credits_per_day: the settings.
        leftovers: looks at what lies on this machine.
        cache: what was read a moment ago, for all viewers; None where reading costs next to nothing.
    """

    jobs: JobStore
    objects: ObjectStore
    labels: Mapping[str, str]
    generator: Throttle
    paid: Throttle | None
    slots: Mapping[Category, int]
    settle_s: float
    max_credits_per_day: Decimal | None = None
    leftovers: Leftovers | None = None
    cache: ReadCache | None = None

    def _shared(self, key: Hashable, read: Callable[[], Value], *, most_s: float | None = None) -> Value:
        return read() if self.cache is None else self.cache.get(key, read, most_s=most_s)

    @property
    def engine(self) -> str:
        """The label of whoever makes new jobs' models."""
        return self.generator.label

    def maker_of(self, job: Job) -> str:
        """Who makes its model, as people read it."""
        return self.labels.get(job.generator, job.generator)

    def job(self, job_id: int) -> Job:
        """Raises: JobNotFound, StoreUnavailable."""
        return self._shared(("job", job_id), lambda: self.jobs.get(job_id))

    def events(self, job_id: int) -> list[JobEvent]:
        """Oldest first. Raises: JobNotFound, StoreUnavailable."""
        return self._shared(("events", job_id), lambda: self.jobs.events(job_id))

    def page(self, query: JobQuery) -> JobPage:
        """What no table can hold is left out of the search. Raises: StoreUnavailable."""
        asked = _storable(query)
        return self._shared(("page", asked), lambda: self.jobs.find(asked))

    def last_page(self, query: JobQuery) -> Known[JobPage] | None:
        """As it was shown last, for while the job table is away; None where it was not, or lies on this machine."""
        return None if self.cache is None else self.cache.last(("page", _storable(query)))

    def queue_length_before(self, job_id: int) -> int:
        """How many waiting jobs are ahead of this one."""
        return self._shared(("ahead", job_id), lambda: self.jobs.queue_length_before(job_id))

    def expected(self, job: Job) -> Expected:
        """How long a queued job will take, from recent ones. Raises: StoreUnavailable."""
        ahead = self.queue_length_before(job.id)
        durations = self._shared(
            ("durations", job.category, job.kind),
            lambda: self.jobs.recent_durations_s(job.category, job.kind, limit=RECENT),
        )
        each_s = usual_s(durations)
        if each_s is None or job.stage is not Stage.QUEUED:
            return Expected(ahead=ahead, seconds=None, based_on=len(durations))
        slots = max(1, self.slots.get(job.category, 1))
        # those ahead go in rounds of `slots`; the round under way is half over on average
        waiting_s = 0.0 if ahead < slots else (ahead // slots - 0.5) * each_s
        return Expected(ahead=ahead, seconds=waiting_s + each_s, based_on=len(durations))

    def account(self) -> AccountView:
        """The paid account. Raises: StoreUnavailable."""
        return self._shared("account", self._account, most_s=ACCOUNT_S)

    def _account(self) -> AccountView:
        spent = self.jobs.accounts.credits_since(self.jobs.now() - DAY)
        kept = () if self.leftovers is None else self.leftovers.find()
        if self.paid is None:
            return AccountView(is_paid=False, spent=spent, most=self.max_credits_per_day, leftovers=kept)
        facts = self.jobs.accounts.account_facts(self.paid.account)
        return AccountView(
            is_paid=True,
            label=self.paid.label,
            balance=facts.balance,
            balance_at=facts.balance_at,
            spent=spent,
            most=self.max_credits_per_day,
            orphaned=self.orphaned(),
            problems=tuple(self._problems(self.paid, facts)),
            leftovers=kept,
        )

    def orphaned(self) -> tuple[OrphanedTask, ...]:
        """Tasks at the account that belong to no job. Raises: StoreUnavailable."""
        return self._shared("orphaned", self._orphaned, most_s=ACCOUNT_S)

    def _orphaned(self) -> tuple[OrphanedTask, ...]:
        if self.paid is None:
            return ()
        # a table of before may hold ends of free tasks, kept under the name of their generator
        return tuple(task for task in self.jobs.accounts.orphaned_tasks() if task.account not in self.labels)

    def _problems(self, paid: Throttle, facts: AccountFacts) -> Iterator[str]:
        wait_s = self.jobs.accounts.account_wait_s(generator=paid.name)
        if wait_s > 1 and not is_for_good(wait_s):
            yield f"{paid.label} asked us to wait: no call for {wait_s:.0f} s. Jobs go on by themselves."
        if (facts.usage_lag_s or 0.0) > self.settle_s / 3:
            yield (
                f"{paid.label}'s list of tasks is up to {facts.usage_lag_s:.0f} s late. Lost answers are settled more "
                "slowly for that; raise SETTLE_S if it stays so."
            )

    def image_url(self, job: Job) -> str | None:
        """Path of the picture on this server; holds for as long as the job exists."""
        return None if job.image is None else IMAGE_PATH.format(id=job.id)

    def model_url(self, job: Job) -> str | None:
        """Path of the finished model on this server; holds for as long as the job exists."""
        return None if job.model is None else MODEL_PATH.format(id=job.id, kind=job.model.kind)

    def model_address(self, job: Job, *, origin: str) -> str | None:
        """For programs: a whole address; for a row of an older system the one that it wrote."""
        path = self.model_url(job)
        return job.model_link if path is None else f"{origin}{path}"

    def image_address(self, job: Job, *, origin: str) -> str | None:
        """As `model_address`, of the picture."""
        path = self.image_url(job)
        return job.image_link if path is None else f"{origin}{path}"

    def image_bytes(self, job: Job) -> bytes | None:
        """The picture. Raises: ObjectMissing, StoreUnavailable."""
        return None if job.image is None else self.objects.get(job.image.key)


def _storable(query: JobQuery) -> JobQuery:
    return replace(query, search="".join(sign for sign in query.search if is_storable(sign)))
