"""Memory of a process that does not grow for ever: recently used values, and locks by name."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
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


class Locks:
    """One lock a name, there for as long as anybody holds it or waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        with self._lock:
            lock, users = self._locks.get(name, (threading.Lock(), 0))
            self._locks[name] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                users = self._locks[name][1] - 1
                if users:
                    self._locks[name] = lock, users
                else:
                    del self._locks[name]
