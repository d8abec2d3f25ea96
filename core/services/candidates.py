"""Who could make a job of a kind, and what a person compares before choosing: price, usual time, what is left."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from decimal import Decimal

from core.domain.declaration import Declaration, Offer
from core.domain.errors import StoreUnavailable
from core.domain.generation import Balance
from core.domain.job import Category, Job
from core.domain.request import Choices, Kind, with_choices
from core.ports.job_store import JobStore
from core.services.makers import Makers
from core.services.shared import Shared
from core.services.throttle import Throttle
from core.services.usual_time import RECENT, usual_s

FRESH_S = 10.0  # a form is drawn again at each key that is pressed; the table is not asked each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A connected generator that can do what is wanted.

    Attributes:
        choices: those of the wanted ones that it knows and that count beside each other.
        credits: what it would cost with them; None when the list of prices does not say.
        usual_s: how long it took of late; None when too few models were made to say.
        problem: why no job can be given to it now, as a sentence; None when nothing is known against it.
        balance: what is left on its account; None where nothing is paid, or it has not been read yet.
    """

    declaration: Declaration
    offer: Offer
    choices: Choices
    credits: Decimal | None
    usual_s: float | None
    balance: Balance | None
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.declaration.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The use case."""

    jobs: JobStore
    makers: Makers
    _usual: dict[tuple[Category, Kind], Shared[float | None]] = field(default_factory=dict)
    _balances: dict[str, Shared[Balance | None]] = field(default_factory=dict)

    def of(self, kind: Kind, wanted: Choices) -> tuple[Candidate, ...]:
        """Who can do it with what is wanted, the default first; none where nobody can, and `nobody` says who could."""
        return tuple(self._candidate(maker, kind, wanted) for maker in self.makers.able(kind))

    def nobody(self, kind: Kind) -> str:
        """Who could do what nobody here can, as a sentence."""
        return self.makers.nobody(kind)

    def shown(self, job: Job) -> list[tuple[str, str]]:
        """What was chosen for a job, in the words of its generator."""
        declaration = self.makers.declaration(job.generator)
        offer = None if declaration is None else declaration.offer(job.kind)
        known = {} if offer is None else {choice.name: choice for choice in offer.choices}
        return [
            known[name].shown(value) if name in known else (name, str(value)) for name, value in job.choices.items()
        ]

    def _candidate(self, maker: Throttle, kind: Kind, wanted: Choices) -> Candidate:
        declaration = maker.declaration
        asked = declaration.applicable(declaration.fitted(with_choices(kind.request.sketch(), wanted)))
        resolved = declaration.resolved(asked)
        offer = declaration.offer(kind)
        assert offer is not None  # noqa: S101 - only those that can are asked
        category = maker.category(resolved)
        lately = functools.partial(self._usual_s, category, kind)
        usual = self._usual.setdefault((category, kind), Shared(lately, fresh_s=FRESH_S))
        left = self._balances.setdefault(maker.name, Shared(functools.partial(self._balance, maker), fresh_s=FRESH_S))
        return Candidate(
            declaration=declaration,
            offer=offer,
            choices=asked.choices,
            credits=maker.estimate(resolved),
            usual_s=usual.get(),
            balance=left.get(),
            problem=maker.problem,
        )

    def _usual_s(self, category: Category, kind: Kind) -> float | None:
        try:
            return usual_s(self.jobs.recent_durations_s(category, kind, limit=RECENT))
        except StoreUnavailable:
            return None  # whoever looks for the rest of the page says that it is away

    def _balance(self, maker: Throttle) -> Balance | None:
        if not maker.is_paid:
            return None
        try:
            return self.jobs.accounts.account_facts(maker.account).balance
        except StoreUnavailable:
            return None
