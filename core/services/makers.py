"""The generators that are connected: who makes a job, and who would if nobody is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.declaration import Declaration
from core.domain.errors import InputRefused
from core.domain.job import Job
from core.domain.request import Kind
from core.services.throttle import Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Makers:
    """Every connected generator by its name.

    Attributes:
        default: who makes new jobs that name nobody.
        others: declarations of generators that could be connected, to say who could do what nobody here can.
    """

    connected: Mapping[str, Throttle]
    default: Throttle
    others: tuple[Declaration, ...] = ()

    def named(self, name: str | None) -> Throttle:
        """The default for None. Raises: InputRefused for one that is not connected."""
        if name is None:
            return self.default
        found = self.connected.get(name)
        if found is None:
            known = ", ".join(self.connected)
            raise InputRefused(
                f"No generator {name[:40]!r} is connected here; there is {known}. Nothing was stored.",
                code="generator_unknown",
            )
        return found

    def declaration(self, name: str) -> Declaration | None:
        """Of a generator that is connected or could be; None for one that nobody knows any more."""
        connected = [maker.declaration for maker in self.connected.values()]
        return next((each for each in (*connected, *self.others) if each.name == name), None)

    def absence(self, job: Job) -> str | None:
        """Why nobody here works on an open job: its generator is not connected; None when that is not so."""
        if job.is_ended or job.generator in self.connected:
            return None
        declared = self.declaration(job.generator)
        if declared is None:
            return f"No generator {job.generator!r} is known here any more, so nobody here works on this job."
        # what it has already may be made, and charged, all the same
        cost = " Meanwhile nothing more is sent to it." if declared.is_paid else ""
        how = f"sets {declared.connected_by}" if declared.connected_by else "connects it"
        return (
            f"{declared.label} is not connected at the moment, so nobody here works on this job.{cost} Once the "
            f"operator {how} and starts the server again, it goes on by itself."
        )

    def able(self, kind: Kind) -> tuple[Throttle, ...]:
        """Who can do it: the default first, and where that is free, what is free before what charges."""
        found = [each for each in self.connected.values() if each.declaration.offer(kind) is not None]
        return tuple(sorted(found, key=lambda each: (each is not self.default, self._charges_unasked(each))))

    def chosen(self, name: str | None, kind: Kind) -> Throttle:
        """Who makes a new job: the named one; else the default, or the first that can where the default cannot.

        Where the default is free, one that charges is never taken without being named.

        Raises: InputRefused, when it is not connected, nobody can do this, or only one that charges and was not named.
        """
        named = None if name is None else self.named(name)
        able = self.able(kind)
        if not able:
            raise InputRefused(f"{self.nobody(kind)} Nothing was stored.", code="kind_refused")
        if named is None and self._charges_unasked(able[0]):
            raise InputRefused(
                f"{able[0].label} can do this, and charges for it, so it has to be named as the generator. "
                "Nothing was stored or charged.",
                code="generator_needed",
            )
        if named is None:
            return able[0]
        if named not in able:
            raise InputRefused(
                f"{named.label} cannot do this: {kind.about.words}. Of those connected here, "
                f"{' and '.join(each.label for each in able)} can. Nothing was stored.",
                code="kind_refused",
            )
        return named

    def _charges_unasked(self, maker: Throttle) -> bool:
        return maker.is_paid and not self.default.is_paid

    def nobody(self, kind: Kind) -> str:
        """Who could do what nobody here can, as a sentence."""
        could = [each for each in self.others if each.offer(kind) is not None]
        hint = "".join(f" {each.label} could: {_connected(each)}" for each in could)
        return f"No generator that is connected here makes {kind.about.words}.{hint}"

    def again(self, name: str, kind: Kind) -> Throttle:
        """Who makes a job again that this generator made: the same, or where it cannot, another that is free.

        One that charges is never taken in another's place: a person chooses it, and sees what it costs and what leaves.

        Raises: InputRefused, with who could make it.
        """
        own = self.connected.get(name)
        able = self.able(kind)
        if own is not None and own in able:
            return own
        free = next((each for each in able if not each.is_paid), None)
        if free is not None:
            return free
        if not able:
            raise InputRefused(f"{self.nobody(kind)} Nothing was stored.", code="kind_refused")
        declared = self.declaration(name)
        label = "Its generator" if declared is None else declared.label
        why = "is not connected here any more" if own is None else f"no longer makes {kind.about.words}"
        raise InputRefused(
            f"{label} {why}. {' or '.join(each.label for each in able)} could make it, and charges for it: choose it "
            "on the create page. Nothing was stored or charged.",
            code="generator_needed",
        )


def _connected(declaration: Declaration) -> str:
    """What the operator does for it."""
    how = f"sets {declaration.connected_by} and starts the server again" if declaration.connected_by else "connects it"
    return f"the operator {how} (docs/configuration.md)."
