"""How the fake misbehaves: by command, one by one, or at random from a seed."""

from __future__ import annotations

import collections
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

ROUTES = {"upload", "prompt", "job", "jobs", "view", "cancel", "stats", "node", "free"}
KINDS = {
    "drop before",  # the connection ends, nothing was done
    "drop after",  # it was done, then the connection ends without an answer
    "hang before",  # no answer for `seconds`, nothing was done; then the connection ends
    "hang after",  # it was done, but no answer comes for `seconds`; then the connection ends
    "late",  # the connection ends, and it is done after `seconds`
    "html",  # a proxy's page with `status` (502); nothing was done
    "html after",  # the same, but it was done
    "error",  # 500 as aiohttp writes it; nothing was done
    "error after",  # the same, but it was done: ComfyUI does so when two jobs have one number
    "other id",  # done, and another id is named
    "truncated",  # done, and half the JSON is sent
    "empty 404",  # no such route: something else answers on this port
    "cut",  # half a file, with the whole length declared
    "not a model",  # a web page with 200 instead of the file
}
DONE_ALL_THE_SAME = {"drop after", "hang after", "html after", "error after", "other id", "truncated"}


@dataclass(frozen=True)
class Fault:
    kind: str
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {sorted(KINDS)}")


ANY = (Fault("drop before"), Fault("hang before", {"seconds": 90.0}), Fault("html"), Fault("error"), Fault("truncated"))
AT_RANDOM: dict[str, tuple[Fault, ...]] = {
    "upload": (*ANY, Fault("drop after")),
    "prompt": (
        *ANY,
        Fault("drop after"),
        Fault("hang after", {"seconds": 90.0}),
        Fault("late", {"seconds": 3.0}),
        Fault("late", {"seconds": 25.0}),
        Fault("html after"),
        Fault("error after"),
        Fault("other id"),
    ),
    "job": (*ANY, Fault("empty 404")),
    "jobs": (*ANY, Fault("empty 404")),
    "view": (Fault("drop before"), Fault("html"), Fault("cut"), Fault("not a model")),
    "cancel": (*ANY, Fault("drop after")),
    "stats": ANY,
    "free": (*ANY, Fault("drop after")),
    "node": ANY,
}


class Plan:
    """What goes wrong next, by route: first what was armed, then, with a chance, anything."""

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
        fault = None
        if self._armed[route]:
            fault = self._armed[route].popleft()
        elif self._chance and self._luck.random() < self._chance:
            fault = self._luck.choice(AT_RANDOM[route])
        if fault is not None:
            self.taken[route, fault.kind] += 1
        return fault

    def clear(self) -> None:
        self._armed.clear()
        self._chance = 0.0
