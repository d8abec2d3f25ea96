"""Tripo's error codes in plain words: what happened, what it cost, what to do. The one table of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Effect(StrEnum):
    """What an error of the create call means for the job."""

    REJECTED = "rejected"  # nothing was created; this request will never work
    BUSY = "busy"  # nothing was created; wait, then try again
    BLOCKED = "blocked"  # nothing was created; only the operator can help
    UNKNOWN = "unknown"  # a task may have been created


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One row.

    Attributes:
        http: the status codes it comes with, as the documentation writes them.
        happened, cost, next_step: whole sentences.
    """

    code: int
    http: str
    effect: Effect
    happened: str
    cost: str
    next_step: str

    @property
    def sentence(self) -> str:
        return f"{self.happened} {self.cost} {self.next_step}"


NOTHING = "Nothing was charged."
RELEASED = "Tripo gives the credits it held back."


def _row(code: int, http: str, effect: Effect, happened: str, next_step: str, cost: str = NOTHING) -> Code:
    return Code(code=code, http=http, effect=effect, happened=happened, cost=cost, next_step=next_step)


_BAD_KEY = "Tripo does not accept the API key."
_MEND_KEY = "The operator must check TRIPO_API_KEY, and that TRIPO_BASE_URL is of the region the key was made in."
_FAULT = "Tripo had a fault of its own."
_WATCHED = "We are checking that by ourselves; nothing is sent again before it is known, so nothing is charged twice."
_RETIRED = "Tripo no longer offers this kind of model."
_OTHER_MODEL = "Choose another model version and submit again."
_TOO_BIG = "The picture is too large for Tripo."

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
    _row(
        2008,
        "400, failed task",
        Effect.REJECTED,
        "Tripo refused the picture because of its content rules.",
        "Use another picture.",
        "Credits that were held are given back.",
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
    _row(
        2018,
        "failed task",
        Effect.REJECTED,
        "Tripo gave up: the picture was too complex, or it waited too long.",
        "You can submit it again, or a simpler picture.",
        RELEASED,
    ),
    _row(2021, "400", Effect.REJECTED, _TOO_BIG, "Use a smaller one."),
    _row(2022, "400", Effect.REJECTED, _TOO_BIG, "Use a smaller one."),
    _row(
        4001,
        "404",
        Effect.REJECTED,
        "Tripo does not have the address we called.",
        "This is a fault of ours, or TRIPO_BASE_URL is wrong: please tell the operator.",
    ),
)
BY_CODE: Mapping[int, Code] = MappingProxyType({row.code: row for row in CODES})


def conversion_failure(message: str | None) -> str:
    """The sentence for a conversion that Tripo took and then failed."""
    return f"Tripo could not convert this model.{_said(message)} {RELEASED} The model is safe; order the file again."


def task_failure(code: str | None, message: str | None) -> str:
    """The sentence for a task that Tripo took and then failed."""
    row = BY_CODE.get(int(code)) if code is not None and code.isdecimal() else None
    if row is not None:
        return row.sentence
    return f"Tripo could not make a model of this picture.{_said(message)} {RELEASED} Try another picture."


def _said(message: str | None) -> str:
    return f" It says: {message.strip().rstrip('.')[:300]}." if message and message.strip() else ""
