"""What each connected generator offers: its kinds, with what one of each costs and how long it usually takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.domain.declaration import Declaration, Offer
from core.domain.request import Kind
from core.ports.job_store import JobStore
from core.services.makers import Makers
from core.services.throttle import Throttle
from core.services.usual_time import RECENT, usual_s


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOffer:
    """One kind that a generator can do.

    Attributes:
        credits: of one job with the usual choices; None where the list of prices does not say.
        seconds: what jobs of its sort took lately, from their beginning to the model; None after too few of them.
    """

    offer: Offer
    credits: Decimal | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerOffers:
    """A connected generator, and what it can do.

    Attributes:
        problem: why no job can be given to it now, as a sentence; None when nothing is known against it.
    """

    declaration: Declaration
    is_default: bool
    problem: str | None
    kinds: tuple[KindOffer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A kind that nobody here can make.

    Attributes:
        message: that, and who could, as a sentence.
        could: the names of those who could, if they were connected.
    """

    kind: Kind
    message: str
    could: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The use case."""

    jobs: JobStore
    makers: Makers

    def connected(self) -> tuple[MakerOffers, ...]:
        """The default first. Raises: StoreUnavailable."""
        default = self.makers.default
        ordered = sorted(self.makers.connected.values(), key=lambda each: each is not default)
        return tuple(
            MakerOffers(
                declaration=maker.declaration,
                is_default=maker is default,
                problem=maker.problem,
                kinds=tuple(self._kinds_of(maker)),
            )
            for maker in ordered
        )

    def missing(self) -> tuple[Missing, ...]:
        """What nobody here can make."""
        return tuple(
            Missing(
                kind=kind,
                message=self.makers.nobody(kind),
                could=tuple(each.name for each in self.makers.others if each.offer(kind) is not None),
            )
            for kind in Kind.all()
            if not self.makers.able(kind)
        )

    def _kinds_of(self, maker: Throttle) -> Iterator[KindOffer]:
        for offer in maker.declaration.offers:
            request = maker.declaration.resolved(offer.kind.request.sketch())
            recent = self.jobs.recent_durations_s(maker.category(request), offer.kind, limit=RECENT)
            yield KindOffer(
                offer=offer,
                credits=maker.estimate(request),
                seconds=usual_s(recent),
            )
