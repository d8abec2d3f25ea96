"""Tripo's error codes in plain words: what happened, what it cost, what to do. The one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from core.domain.request import Kind


class Effect(StrEnum):
    """What an error of the create call means for the job."""

    REJECTED = "rejected"  # nothing was created; this request will never work
    BUSY = "busy"  # nothing was created; wait, then try again
    BLOCKED = "blocked"  # nothing was created; only the operator can help
    UNKNOWN = "unknown"  # a task may have been created


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One row; a code has several where what is to be said depends on what the model was to be made of.

    Attributes:
        http: the status codes it comes with, as the documentation writes them.
        happened, cost, next_step: whole sentences.
        kind: of which jobs they are said; None for all for which the code has no row of their own.
    """

    code: int
    http: str
    effect: Effect
    happened: str
    cost: str
    next_step: str
    kind: Kind | None = None

    @property
    def sentence(self) -> str:
        return f"{self.happened} {self.cost} {self.next_step}"


NOTHING = "Nothing was charged."
RELEASED = "Tripo gives the credits it held back."


def _row(
    code: int,
    http: str,
    effect: Effect,
    happened: str,
    next_step: str,
    cost: str = NOTHING,
    kind: Kind | None = None,
) -> Code:
    return Code(code=code, http=http, effect=effect, happened=happened, cost=cost, next_step=next_step, kind=kind)


def _input_row(code: int, http: str, cost: str, kind: Kind | None, happened: str, next_step: str) -> Code:
    """About what the model was to be made of: only who asked for it can help."""
    return _row(code, http, Effect.REJECTED, happened, next_step, cost, kind)


_BAD_KEY = "Tripo does not accept the API key."
_MEND_KEY = "The operator must check TRIPO_API_KEY, and that TRIPO_BASE_URL is of the region the key was made in."
_FAULT = "Tripo had a fault of its own."
_WATCHED = "We are checking that by ourselves; nothing is sent again before it is known, so nothing is charged twice."
_RETIRED = "Tripo no longer offers this kind of model."
_OTHER_MODEL = "Choose another model version and submit again."

CODES: tuple[Code, ...] = (
    _row(2, "401", Effect.BLOCKED, _BAD_KEY, _MEND_KEY),
    _row(1002, "401", Effect.BLOCKED, _BAD_KEY, _MEND_KEY),
    _row(1000, "5xx", Effect.UNKNOWN, _FAULT, _WATCHED, "It is not yet known whether anything was charged."),
    _row(1001, "5xx", Effect.UNKNOWN, _FAULT, _WATCHED, "It is not yet known whether anything was charged."),
    _row(
        1003,
        "400",
        Effect.REJECTED,
        "Tripo could not read our request.",
        "This is a fault of ours: please tell the operator the job's number.",
    ),
    _row(1004, "400", Effect.REJECTED, "Tripo refuses one of the options.", "Change the options and submit again."),
    _row(
        1005,
        "403",
        Effect.BLOCKED,
        "Tripo does not permit this account to make models.",
        "The operator must look at the account at Tripo.",
    ),
    _row(1007, "429", Effect.BUSY, "Tripo asks us to slow down.", "The job goes on by itself after the wait."),
    _row(
        2000,
        "429",
        Effect.BUSY,
        "Tripo is already working on as many models as this account may have at once.",
        "The job goes on by itself when one is done.",
    ),
    _row(
        2001,
        "404",
        Effect.REJECTED,
        "Tripo does not know this task; it may belong to another key.",
        "The operator can look it up at Tripo by its number.",
    ),
    *(
        _input_row(2008, "400, failed task", "Credits that were held are given back.", *said)
        for said in (
            (None, "Tripo refused the picture because of its content rules.", "Use another picture."),
            (Kind.MULTIVIEW, "Tripo refused a picture because of its content rules.", "Use other pictures."),
            (Kind.TEXT, "Tripo refused the words because of its content rules.", "Change the words and submit again."),
        )
    ),
    _row(
        2010,
        "403",
        Effect.BLOCKED,
        "The Tripo account has too little credit.",
        "The job goes on by itself when the operator has topped it up.",
    ),
    _row(2015, "400", Effect.REJECTED, _RETIRED, _OTHER_MODEL),
    _row(2016, "400", Effect.REJECTED, _RETIRED, _OTHER_MODEL),
    _row(2017, "400", Effect.REJECTED, _RETIRED, _OTHER_MODEL),
    *(
        _input_row(2018, "failed task", RELEASED, *said)
        for said in (
            (
                None,
                "Tripo gave up: the picture was too complex, or it waited too long.",
                "You can submit it again, or a simpler picture.",
            ),
            (
                Kind.MULTIVIEW,
                "Tripo gave up: the pictures were too complex, or it waited too long.",
                "You can submit it again, or simpler pictures.",
            ),
            (
                Kind.TEXT,
                "Tripo gave up: what the words ask for was too complex, or it waited too long.",
                "You can submit it again, or ask for something simpler.",
            ),
        )
    ),
    *(
        _input_row(code, "400", NOTHING, *said)
        for code in (2021, 2022)
        for said in (
            (None, "The picture is too large for Tripo.", "Use a smaller one."),
            (Kind.MULTIVIEW, "A picture is too large for Tripo.", "Use smaller ones."),
            (Kind.TEXT, "The text is too long for Tripo.", "Shorten it and submit again."),
        )
    ),
    _row(
        4001,
        "404",
        Effect.REJECTED,
        "Tripo does not have the address we called.",
        "This is a fault of ours, or TRIPO_BASE_URL is wrong: please tell the operator.",
    ),
)
_BY_CODE: Mapping[tuple[int, Kind | None], Code] = MappingProxyType({(row.code, row.kind): row for row in CODES})
_MADE_OF: Mapping[Kind, tuple[str, str]] = MappingProxyType(
    {
        Kind.IMAGE: ("this picture", "another picture"),
        Kind.MULTIVIEW: ("these pictures", "other pictures"),
        Kind.TEXT: ("these words", "other words"),
    }
)


def row_of(code: int, kind: Kind) -> Code | None:
    """What a code means for a job of a kind; None for one that is not in the table."""
    return _BY_CODE.get((code, kind)) or _BY_CODE.get((code, None))


def task_failure(kind: Kind, code: str | None, message: str | None) -> str:
    """The sentence for a task that Tripo took and then failed."""
    if kind not in _MADE_OF:
        return (
            f"Tripo could not convert this model.{_said(message)} {RELEASED} The model is safe; order the file again."
        )
    row = row_of(int(code), kind) if code is not None and code.isdecimal() else None
    if row is not None:
        return row.sentence
    this, another = _MADE_OF[kind]
    return f"Tripo could not make a model of {this}.{_said(message)} {RELEASED} Try {another}."


def _said(message: str | None) -> str:
    return f" It says: {message.strip().rstrip('.')[:300]}." if message and message.strip() else ""
