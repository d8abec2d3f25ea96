"""What a generator says of itself, as data: who it is, what it can make, with which choices, and how it is settled.

The create page's form, the checks of the REST API, its description and the prices beside the buttons come from here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.domain.errors import InputRefused
from core.domain.request import NO_CHOICES, Choices, JobRequest, Kind, Slot, TextInput, Value, with_choices

NEGATIVE = "negative_prompt"  # of a kind's texts: what the model should not have


class Evidence(StrEnum):
    """What a request whose answer was lost can be settled by.

    ECHO: the task repeats what identifies its request; only its absence, proven twice, sends again.
    NAMED: the attempt's name is ours, so its task can be looked up by it.
    FREE: nothing is paid and nothing is named: it is simply made again.
    """

    ECHO = "echo"
    NAMED = "named"
    FREE = "free"


class ChoiceType(StrEnum):
    ONE_OF = "one_of"
    YES_NO = "yes_no"
    WHOLE = "whole"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """How people type a number whose own unit is unhandy for them.

    Attributes:
        label: with the unit in which it is typed.
        factor: what is typed is the number times this.
    """

    label: str
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing that may be chosen.

    Attributes:
        name: in the field's word; what requests, tables and the API call it.
        label, help: what people read.
        values: of ONE_OF: each value with its label, in the order in which they are offered.
        default: None leaves it to the generator.
        least, most: bounds of a number, both included.
        needs: other choices and the values that each must have, or this one is not offered and must be left out.
        typed: where people type it in another unit than programs send it.
        is_of_object: says something of one object, so it is not kept for the next one.
    """

    name: str
    label: str
    type: ChoiceType
    help: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    default: Value | None = None
    least: float | None = None
    most: float | None = None
    needs: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    typed: Typed | None = None
    is_of_object: bool = False

    def shown(self, value: Value) -> tuple[str, str]:
        """The label and the value as people read them."""
        if self.type is ChoiceType.ONE_OF:
            return self.label, self.values.get(str(value), str(value))
        if self.type is ChoiceType.YES_NO:
            return self.label, "yes" if value else "no"
        if self.typed is not None:
            return self.typed.label, f"{float(value) * self.typed.factor:,g}"
        return self.label, f"{value:,}"

    def problem(self, value: Value) -> str | None:
        """Why it cannot be this value, as a sentence; None when it can."""
        if self.type is ChoiceType.ONE_OF:
            if not isinstance(value, str) or value not in self.values:
                return f"There is no {self.label.lower()} {str(value)[:40]!r}. Possible are {', '.join(self.values)}."
        elif self.type is ChoiceType.YES_NO:
            if not isinstance(value, bool):
                return f"{self.label} is true or false, not {str(value)[:40]!r}."
        elif not _is_number(value, is_whole=self.type is ChoiceType.WHOLE):
            what = "a whole number" if self.type is ChoiceType.WHOLE else "a number"
            return f"{self.label} is {what}, not {str(value)[:40]!r}."
        elif not _lies_between(value, self.least, self.most):
            return f"{self.label} must {_bounds(self.least, self.most)}."
        return None

    def is_offered(self, chosen: Choices) -> bool:
        """Whether it may be chosen beside these."""
        return all(chosen.get(name) in values for name, values in self.needs.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One kind of jobs that a generator can do.

    Attributes:
        uses: from which sides it takes pictures, of a kind that has pictures.
        takes_negative_prompt: of words: whether it can be told what is not wanted.
        note: what people should know before they choose it for this.
    """

    kind: Kind
    choices: tuple[Choice, ...] = ()
    uses: tuple[Slot, ...] = ()
    takes_negative_prompt: bool = True
    note: str = ""

    @property
    def has_negative_prompt(self) -> bool:
        """Whether jobs of this kind may say what is not wanted: only those of words ever do."""
        return any(each.name == NEGATIVE for each in self.texts)

    @property
    def all_choices(self) -> tuple[Choice, ...]:
        """Those of the kind itself, and those that only this generator knows."""
        return (*(CONVERSION.choices if self.kind is CONVERSION.kind else ()), *self.choices)

    @property
    def texts(self) -> tuple[TextInput, ...]:
        """The words of the kind that it can be given."""
        return tuple(each for each in self.kind.about.texts if self.takes_negative_prompt or each.name != NEGATIVE)

    def choice(self, name: str) -> Choice | None:
        return next((each for each in self.choices if each.name == name), None)

    def resolved(self, chosen: Choices) -> Choices:
        """With the defaults of what was not chosen and is offered."""
        found: dict[str, Value] = {}
        for choice in self.choices:
            value = chosen.get(choice.name, choice.default)
            if value is not None and choice.is_offered(found):
                found[choice.name] = value
        return found

    def check(self, chosen: Choices, *, label: str) -> None:
        """Raises: InputRefused, by name, for a choice that it does not know, cannot take, or not beside the others."""
        resolved = self.resolved(chosen)
        for name, value in chosen.items():
            choice = self.choice(name)
            if choice is None:
                known = ", ".join(each.name for each in self.choices) or "none"
                raise InputRefused(
                    f"{label} has no choice {name[:40]!r} for this; it knows {known}. Nothing was stored.",
                    code="choice_unknown",
                )
            problem = choice.problem(value)
            if problem is None and name not in resolved and value != choice.default:
                needed = " and ".join(
                    f"{key} {' or '.join(map(_told, values))}" for key, values in choice.needs.items()
                )
                problem = f"{choice.label} goes only with {needed}."
            if problem is not None:
                code = f"{name}_{'unknown' if choice.type is ChoiceType.ONE_OF else 'invalid'}"
                raise InputRefused(f"{problem} Nothing was stored.", code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTerms:
    """How a generator calls us when there is news of a task, at /api/webhooks/ and its name.

    Attributes:
        signature_header: what it signs its calls in.
        turned_on_by: the setting with its secret.
        news: the types of calls that are news to us; others are answered, and nothing is stored.
    """

    signature_header: str
    turned_on_by: str
    news: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A generator in its own words.

    Attributes:
        label: what people read.
        leaves: what leaves this machine, as a sentence.
        terms: a licence or terms that a person must know before choosing it; empty for none.
        connected_by: the setting with which an operator connects it; empty where it is always there.
        can_cancel: whether a task that runs can be stopped.
        can_begin_again: a task that is gone may be begun again under its number, because it costs nothing.
        lists_tasks: whether the account's tasks can be listed.
        knows_cost: whether it tells what a task did cost.
        credit_codes: with which it refuses a job for which there are too few credits.
        input_codes: final codes with which it refuses what was to be made a model of; the same would be refused again.
        webhook: how it calls us; None where it does not.
    """

    name: str
    label: str
    offers: tuple[Offer, ...]
    evidence: Evidence
    is_paid: bool
    leaves: str
    terms: str = ""
    connected_by: str = ""
    can_cancel: bool = False
    can_begin_again: bool = False
    lists_tasks: bool = False
    knows_cost: bool = False
    credit_codes: frozenset[str] = frozenset()
    input_codes: frozenset[str] = frozenset()
    webhook: WebhookTerms | None = None

    def offer(self, kind: Kind) -> Offer | None:
        """None: it cannot do this kind."""
        return next((each for each in self.offers if each.kind is kind), None)

    def check(self, request: JobRequest) -> None:
        """Raises: InputRefused for a kind that it cannot do, or a choice that it cannot take."""
        offer = self.offer(request.kind)
        if offer is None:
            raise InputRefused(
                f"{self.label} cannot do this: {request.about.words}. Nothing was stored.", code="kind_refused"
            )
        offer.check(request.choices, label=self.label)

    def resolved(self, request: JobRequest) -> JobRequest:
        """The request with the defaults of today, so that it means the same tomorrow."""
        offer = self.offer(request.kind)
        return request if offer is None else with_choices(request, offer.resolved(request.choices))

    def applicable(self, request: JobRequest) -> JobRequest:
        """The request without choices that are not offered beside its others; unknown ones stay, to be refused."""
        offer = self.offer(request.kind)
        if offer is None:
            return request
        resolved = offer.resolved(request.choices)
        said = {name: value for name, value in request.choices.items() if name in resolved or not offer.choice(name)}
        return with_choices(request, said)

    def fitted(self, request: JobRequest) -> JobRequest:
        """The request without choices of other generators, or of another time."""
        offer = self.offer(request.kind)
        choices = NO_CHOICES if offer is None else request.choices
        known = {
            name: value
            for name, value in choices.items()
            if offer is not None and (choice := offer.choice(name)) is not None and choice.problem(value) is None
        }
        return with_choices(request, known)


# What a file of a finished model is ordered with, whoever makes it: a part of the request, not of its choices.
CONVERSION = Offer(
    kind=Kind.CONVERT,
    choices=(
        Choice(name="format", label="Format", type=ChoiceType.ONE_OF, values={"fbx": "FBX"}, default="fbx"),
        Choice(
            name="quad",
            label="Four-sided faces",
            type=ChoiceType.YES_NO,
            default=False,
            help="The surface is laid anew.",
        ),
        Choice(
            name="face_limit",
            label="Most faces",
            type=ChoiceType.WHOLE,
            least=1,
            most=2**31 - 1,
            needs={"quad": (True,)},
            help="Only of four-sided ones: fewer triangles cost nothing here.",
        ),
    ),
)


def _is_number(value: Value, *, is_whole: bool) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (not is_whole and isinstance(value, float) and math.isfinite(value))


def _lies_between(value: Any, least: float | None, most: float | None) -> bool:
    """Compared as it is: a whole number may be larger than any float."""
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"lie between {_plain(least)} and {_plain(most)}"
    return f"be at least {_plain(least)}" if least is not None else f"be at most {_plain(most or 0)}"


def _plain(number: float) -> str:
    """2,000,000 and 0.5, never 2e+06."""
    return f"{int(number):,}" if number == int(number) else f"{number:,g}"


def _told(value: Value) -> str:
    """As it is written in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)
