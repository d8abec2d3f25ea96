"""What a process remembers without growing for ever."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """A dictionary for several threads that forgets what was not used for longest.

    Args:
        most: of all weights together. What is heavier than this alone is not kept.
        weight: of one value; without it each counts 1.
    """

    def __init__(self, most: int, *, weight: Callable[[Value], int] = lambda value: 1) -> None:
        self._most = most
        self._weight = weight
        self._total = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: Key, value: Value) -> None:
        with self._lock:
            if key in self._values:
                self._total -= self._weight(self._values.pop(key))
            self._values[key] = value
            self._total += self._weight(value)
            while self._total > self._most:
                _, forgotten = self._values.popitem(last=False)
                self._total -= self._weight(forgotten)
