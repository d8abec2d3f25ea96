"""How the fake misbehaves: a queue of faults for each call, used up one by one."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

ROUTES = {"files", "create", "task", "list", "balance", "usage", "download"}
KINDS = {
    "drop before",  # the connection ends, nothing was done
    "drop after",  # it was done, then the connection ends without an answer
    "late",  # the connection ends, and it is done after `seconds`
    "error",  # an envelope with `code` and `status`; nothing was done
    "error after",  # the same, but it was done
    "html",  # a gateway's 502
    "truncated",  # done, and half the JSON is sent
    "no id",  # done, code 0, without the task's id
    "cut",  # half the body, with the whole length declared
    "not a model",  # a web page instead of the model
    "trickle",  # one byte every `seconds`
}


@dataclass(frozen=True)
class Fault:
    """One fault; `more` are its figures: code, status, headers, seconds."""

    kind: str
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {sorted(KINDS)}")


class Plan:
    """What goes wrong next, by route."""

    def __init__(self) -> None:
        self._armed: dict[str, deque[Fault]] = defaultdict(deque)

    def arm(self, route: str, kind: str, *, times: int = 1, **more: Any) -> None:
        if route not in ROUTES:
            raise ValueError(f"no such route: {route}; there are {sorted(ROUTES)}")
        self._armed[route].extend([Fault(kind, more)] * times)

    def take(self, route: str) -> Fault | None:
        return self._armed[route].popleft() if self._armed[route] else None

    def clear(self) -> None:
        self._armed.clear()
