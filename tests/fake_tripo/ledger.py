"""The fake's billing: files, tasks, credits, requests."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.fake_tripo.pricing import category_of, price, type_of, views_of

LIMITS = {"standard": 10, "p": 5, "convert": 5}  # tasks open at once. Source: Tripo v3, limits
START_PART = 0.1  # of a task's time, for which it is queued


@dataclass
class Task:
    """One task of the account; `ends_s` is on the ledger's clock."""

    id: str
    input: dict[str, Any]
    created_s: float
    ends_s: float
    price: Decimal
    fail_code: int | None = None
    is_hidden: bool = False

    @property
    def category(self) -> str:
        return category_of(self.input)

    @property
    def type(self) -> str:
        return type_of(self.input)


@dataclass
class Ledger:
    """Everything the fake knows; safe between threads.

    Attributes:
        clock_s: seconds; a test may pass its own.
        task_s: how long a task takes; `times_s`, used up one by one, goes before it.
        usage_lag_s: how long a task is missing in usage after it was created.
        has_previews: tasks come with a picture of the model.
        url_life_s: how long a signed address holds.
        names_views: views are repeated by their names; else as four places, as they were sent.
        hides_seed_of: types of tasks that do not repeat the random number of their request.
    """

    clock_s: Callable[[], float]
    task_s: float = 0.3
    usage_lag_s: float = 0.0
    has_previews: bool = False
    url_life_s: float = 300.0
    names_views: bool = False
    hides_seed_of: set[str] = field(default_factory=set)
    credits: Decimal = Decimal("1000.00")
    lock: threading.RLock = field(default_factory=threading.RLock)
    files: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    urls: dict[str, tuple[str, float]] = field(default_factory=dict)
    requests: list[tuple[str, str, bool]] = field(default_factory=list)
    fail_next: list[int] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    times_s: list[float] = field(default_factory=list)
    delayed: list[tuple[float, Callable[[], Any]]] = field(default_factory=list)
    acting_s: float | None = None
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    def settle_delayed(self) -> None:
        """Do what was put off and is due: it happened when it was due, whenever somebody looks."""
        with self.lock:
            now = self.clock_s()
            due = [each for each in self.delayed if each[0] <= now]
            self.delayed = [each for each in self.delayed if each[0] > now]
            for at_s, act in due:
                self.acting_s = at_s
                act()
            self.acting_s = None

    def add_file(self, data: bytes = b"") -> str:
        """Its token; the SHA-256 of what was in it is remembered, so that tasks can be traced to pictures."""
        with self.lock:
            token = f"file_{self.new_id()}"
            self.files[token] = hashlib.sha256(data).hexdigest()
            return token

    def create(self, body: dict[str, Any]) -> Task:
        with self.lock:
            now = self.clock_s() if self.acting_s is None else self.acting_s
            task = Task(
                id=self.new_id(),
                input=body,
                created_s=now,
                ends_s=now + (self.times_s.pop() if self.times_s else self.task_s),
                price=price(body),
                fail_code=self.fail_next.pop(0) if self.fail_next else None,
            )
            self.tasks[task.id] = task
            return task

    def status(self, task: Task) -> str:
        now = self.clock_s()
        if now >= task.ends_s:
            return "failed" if task.fail_code else "success"
        return "queued" if now < task.created_s + START_PART * (task.ends_s - task.created_s) else "running"

    def is_open(self, task: Task) -> bool:
        return self.status(task) in ("queued", "running")

    def open_tasks(self, category: str) -> int:
        return sum(self.is_open(task) for task in self.tasks.values() if task.category == category)

    @property
    def frozen(self) -> Decimal:
        return sum((task.price for task in self.tasks.values() if self.is_open(task)), Decimal(0))

    @property
    def billed(self) -> Decimal:
        return sum((self.cost(task) for task in self.tasks.values()), Decimal(0))

    @property
    def balance(self) -> Decimal:
        return self.credits - self.billed - self.frozen

    def cost(self, task: Task) -> Decimal:
        return task.price if self.status(task) == "success" else Decimal(0)

    def view(self, task: Task, base: str) -> dict[str, Any]:
        """The task as Tripo tells it, with a fresh signed address."""
        status = self.status(task)
        span = max(task.ends_s - task.created_s, 1e-9)
        shown: dict[str, Any] = {
            "task_id": task.id,
            "type": task.type,
            "status": status,
            "progress": max(0, min(100, int(100 * (self.clock_s() - task.created_s) / span))),
            "input": self._echo(task),
            "output": {},
            "created_at": iso(task.created_s),
        }
        if status == "success":
            key = self.new_id().replace("-", "")
            self.urls[key] = (task.id, self.clock_s() + self.url_life_s)
            shown["output"] = {
                "model_url": f"{base}/signed/{key}/model.{'fbx' if task.category == 'convert' else 'glb'}"
            }
            if self.has_previews and task.category != "convert":
                shown["output"]["rendered_image_url"] = f"{base}/signed/{key}/preview.png"
            shown |= {"credits_consumed": task.price, "completed_at": iso(task.ends_s)}
        if status == "failed":
            shown |= {"error_code": task.fail_code, "error_message": "the fake was told to fail", "credits_consumed": 0}
        return shown

    def _echo(self, task: Task) -> dict[str, Any]:
        """What a task repeats of its request."""
        told = dict(task.input)
        if self.names_views and "inputs" in told:
            told["inputs"] = [{side: token} for side, token in views_of(told).items()]
        if task.type in self.hides_seed_of:
            told.pop("model_seed", None)
        return told

    def usage(self) -> list[dict[str, Any]]:
        """Newest first, without what is younger than the lag."""
        seen = [task for task in self.tasks.values() if self.clock_s() >= task.created_s + self.usage_lag_s]
        return [
            {
                "task_id": task.id,
                "type": task.type,
                "status": self.status(task),
                "created_at": iso(task.created_s),
                "credits_consumed": self.cost(task),
            }
            for task in sorted(seen, key=lambda task: task.created_s, reverse=True)
        ]


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
