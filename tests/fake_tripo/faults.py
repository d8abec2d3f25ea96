"""How the fake misbehaves: by command, one by one, or at random from a seed."""

from __future__ import annotations

import collections
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

ROUTES = {"files", "create", "task", "list", "balance", "usage", "download"}
KINDS = {
    "drop before",  # the connection ends, nothing was done
    "drop after",  # it was done, then the connection ends without an answer
    "hang before",  # no answer for `seconds`, nothing was done; then the connection ends
    "hang after",  # it was done, but no answer comes for `seconds`; then the connection ends
    "late",  # the connection ends, and it is done after `seconds`
    "error",  # an envelope with `code` and `status`; nothing was done
    "error after",  # the same, but it was done
    "html",  # a gateway's 502
    "html after",  # the same, but it was done
    "truncated",  # done, and half the JSON is sent
    "no id",  # done, code 0, without the task's id
    "trickle",  # done, and the answer comes in a hundred pieces, one every `seconds`
    "missed",  # tasks are not found, though they exist
    "foreign",  # somebody else makes a task with the same account, so that usage pages shift
    "cut",  # half the body, with the whole length declared
    "not a model",  # a web page instead of the model
    "forbidden",  # 403, though the address still holds
}
DONE_ALL_THE_SAME = {"drop after", "hang after", "error after", "html after", "truncated", "no id", "trickle"}


@dataclass(frozen=True)
class Fault:
    """One fault; `more` are its figures: code, status, headers, seconds."""

    kind: str
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {sorted(KINDS)}")


BUSY = {"code": 1007, "status": 429}
FULL = {"code": 2000, "status": 429}
SERVER = {"code": 1000, "status": 500}
ANY: tuple[Fault, ...] = (
    Fault("drop before"),
    Fault("hang before", {"seconds": 60.0}),
    Fault("html"),
    Fault("truncated"),
    Fault("error", BUSY | {"headers": {"Retry-After": "7"}}),
    Fault("error", BUSY),
    Fault("error", SERVER),
    Fault("trickle", {"seconds": 0.5}),
)
AT_RANDOM: dict[str, tuple[Fault, ...]] = {
    "files": (*ANY, Fault("error", {"code": 2, "status": 401})),
    "create": (
        *ANY,
        Fault("drop after"),
        Fault("drop after"),
        Fault("hang after", {"seconds": 60.0}),
        Fault("hang after", {"seconds": 60.0}),
        Fault("late", {"seconds": 3.0}),
        Fault("late", {"seconds": 25.0}),
        Fault("error after", SERVER),
        Fault("html after"),
        Fault("no id"),
        Fault("error", FULL | {"headers": {"Retry-After": "5"}}),
        Fault("error", FULL),
        Fault("error", {"code": 2, "status": 401}),
        Fault("error", {"code": 2010, "status": 403}),
        Fault("error", {"code": 2008, "status": 400}),
    ),
    "list": (*ANY, Fault("missed")),
    "balance": ANY,
    "usage": (*ANY, Fault("foreign"), Fault("foreign")),
    "download": (
        Fault("drop before"),
        Fault("hang before", {"seconds": 60.0}),
        Fault("cut"),
        Fault("not a model"),
        Fault("forbidden"),
        Fault("trickle", {"seconds": 0.01}),
    ),
}


class Plan:
    """What goes wrong next, by route: first what was armed, then, with a chance, anything.

    Attributes:
        taken: how often each fault of each route happened.
    """

    def __init__(self) -> None:
        self._armed: dict[str, deque[Fault]] = defaultdict(deque)
        self._luck = random.Random(0)
        self._chance = 0.0
        self.taken: collections.Counter[tuple[str, str]] = collections.Counter()

    def arm(self, route: str, kind: str, *, times: int = 1, **more: Any) -> None:
        if route not in ROUTES:
            raise ValueError(f"no such route: {route}; there are {sorted(ROUTES)}")
        self._armed[route].extend([Fault(kind, more)] * times)

    def at_random(self, luck: random.Random, chance: float) -> None:
        """From now on each call goes wrong with this chance, 0 to 1."""
        self._luck, self._chance = luck, chance

    def take(self, route: str) -> Fault | None:
        fault = self._next(route)
        if fault is not None:
            self.taken[route, fault.kind] += 1
        return fault

    def _next(self, route: str) -> Fault | None:
        if self._armed[route]:
            return self._armed[route].popleft()
        if self._chance and route in AT_RANDOM and self._luck.random() < self._chance:
            return self._luck.choice(AT_RANDOM[route])
        return None

    def clear(self) -> None:
        self._armed.clear()
        self._chance = 0.0
