"""The Generator port on the built-in engine: a durable little task service, free of charge."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.domain.errors import LookupFailed, ModelUnavailable, NotSent
from core.domain.generation import FetchedModel, GenerationRequest, TaskLookup, TaskPhase, TaskState
from core.domain.job import Category
from core.domain.request import JobRequest, Slot, StoredImage
from core.generators.offline.declaration import DECLARATION, FAILED, NAME
from core.generators.offline.tasks import TaskFolders, TaskRequest, new_task_id
from core.generators.offline.worker import Worker

log = logging.getLogger(__name__)
KEEP_WARM_S = 60.0


class OfflineGenerator:
    """Makes models on this machine. A task that a restart interrupted is started again when it is asked for.

    Args:
        folder: where its tasks are kept; several processes may share it.
        environment: all that the child processes get to see of it; they read pictures from anywhere.
        workers: how many tasks are worked on at once, each by a child process that needs two cores and 500 MB.
        keep_warm_s: how long a child process waits for the next task before it gives its memory back.
    """

    declaration = DECLARATION
    account = NAME

    def __init__(
        self, folder: Path, *, environment: Mapping[str, str], workers: int = 1, keep_warm_s: float = KEEP_WARM_S
    ) -> None:
        self._folders = TaskFolders(folder)
        self._workers = [
            Worker(self._folders, environment=environment, keep_warm_s=keep_warm_s) for _ in range(workers)
        ]

    def estimate(self, request: JobRequest) -> Decimal:
        return Decimal(0)

    def category(self, request: JobRequest) -> Category:
        return NAME

    def check(self, request: JobRequest) -> None:
        """Its declaration says all."""

    def upload(self, image: StoredImage, data: bytes) -> str:
        token = hashlib.sha256(data).hexdigest()  # so that a picture's token is known from its job
        try:
            self._folders.keep_image(token, data)
        except OSError as exc:
            raise LookupFailed(_not_written(exc)) from exc
        return token

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        check_send_window()
        return self._begin(new_task_id(), request)

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        check_send_window()
        self._begin(task_id, request)

    def stop_task(self, task_id: str) -> None:
        try:
            self._folders.stop(task_id)
        except OSError as exc:
            raise LookupFailed(_not_written(exc)) from exc

    def _begin(self, task_id: str, request: GenerationRequest) -> str:
        chosen: Mapping[str, Any] = request.request.choices
        task = TaskRequest(
            image=request.tokens[Slot.FRONT],
            name=request.target_object,
            face_limit=chosen.get("face_limit"),
            texture=chosen.get("texture", True),
            style=chosen.get("style", "auto"),
            height_m=chosen.get("height_m"),
            back=request.tokens.get(Slot.BACK),
        )
        try:
            self._folders.sweep()
            self._folders.create(task_id, task)
        except OSError as exc:
            raise NotSent(_not_written(exc)) from exc
        self._queue(task_id)
        return task_id

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        found = {task_id: state for task_id in task_ids if (state := self._state(task_id)) is not None}
        return TaskLookup(found=found, missed=frozenset(task_ids) - found.keys())

    def fetch_model(self, task: TaskState) -> FetchedModel:
        try:
            return FetchedModel(data=self._folders.model_path(task.task_id).read_bytes())
        except OSError as exc:
            raise ModelUnavailable("The engine's model cannot be read at this moment.") from exc

    def check_account(self) -> None:
        """There is no account."""

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    def _queue(self, task_id: str) -> None:
        min(self._workers, key=Worker.load).add(task_id)

    def _state(self, task_id: str) -> TaskState | None:
        if self._folders.model_path(task_id).is_file():
            return TaskState(task_id=task_id, phase=TaskPhase.SUCCEEDED, progress=100)
        failure = self._folders.failure(task_id)
        if failure is not None:
            return TaskState(task_id=task_id, phase=TaskPhase.FAILED, error_code=FAILED, error_message=failure)
        progress = next((known for worker in self._workers if (known := worker.progress(task_id)) is not None), None)
        if progress is None:
            if self._folders.request(task_id) is None:
                return None
            self._queue(task_id)  # a restart, or another process, left it
            return TaskState(task_id=task_id, phase=TaskPhase.WAITING)
        phase = TaskPhase.WORKING if progress else TaskPhase.WAITING
        return TaskState(task_id=task_id, phase=phase, progress=progress)


def _not_written(exc: OSError) -> str:
    log.error("the engine's folder cannot be written: %s", exc)
    return f"The engine's folder cannot be written ({exc.strerror}). Free some space."
