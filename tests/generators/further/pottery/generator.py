"""The Generator port on the wheel. A task is a small file on disk, so that it outlives the process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from core.generators.pottery.declaration import DECLARATION, NAME
from core.generators.pottery.wheel import pot

from core.domain.errors import ModelUnavailable, NotSent
from core.domain.generation import FetchedModel, GenerationRequest, TaskLookup, TaskPhase, TaskState
from core.domain.job import Category
from core.domain.request import JobRequest, StoredImage


class Pottery:
    """Throws a pot when the model is fetched: that takes no time."""

    declaration = DECLARATION
    account = NAME

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def estimate(self, request: JobRequest) -> Decimal:
        return Decimal(0)

    def category(self, request: JobRequest) -> Category:
        return NAME

    def check(self, request: JobRequest) -> None:
        """The declaration says all."""

    def upload(self, image: StoredImage, data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()  # it is looked at by nobody

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        self.begin_again(request.attempt_id, request, check_send_window=check_send_window)
        return request.attempt_id

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        check_send_window()
        choices, texts = request.request.choices, request.request.texts()
        wanted = {"sides": choices["sides"], "glaze": choices.get("glaze", "red"), "said": texts.get("maker_mark", "")}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{task_id}.json").write_text(json.dumps(wanted), encoding="utf-8")
        except OSError as exc:
            raise NotSent(f"The pottery has no room: {exc.strerror}. The job is tried again.") from exc

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        found = {
            each: TaskState(task_id=each, phase=TaskPhase.SUCCEEDED, progress=100, credits_used=Decimal(0))
            for each in task_ids
            if (self._folder / f"{each}.json").is_file()
        }
        return TaskLookup(found=found, missed=frozenset(task_ids) - found.keys())

    def fetch_model(self, task: TaskState) -> FetchedModel:
        try:
            wanted = json.loads((self._folder / f"{task.task_id}.json").read_text(encoding="utf-8"))
        except OSError as exc:
            raise ModelUnavailable("The pottery has lost this task; it is begun again.") from exc
        return FetchedModel(data=pot(wanted["sides"], wanted["glaze"], wanted["said"]))

    def stop_task(self, task_id: str) -> None:
        (self._folder / f"{task_id}.json").unlink(missing_ok=True)

    def check_account(self) -> None:
        """It is always open."""

    def close(self) -> None:
        """It holds nothing open."""
