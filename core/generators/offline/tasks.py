"""Tasks of the built-in engine as folders on disk: they survive a restart, as a vendor's tasks would."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

KEEP_S = 48 * 3600.0  # a finished task is kept this long; its model lies in the object store long before
PREFIX = "offline-"
STOPPED = "It was cancelled, and the work on it was stopped. It cost nothing."
WORK_LOCK = "work.lock"  # in the task's folder, held by the child process that makes the model


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRequest:
    """What a task is to make. `image` and `back` are tokens of pictures that were handed over."""

    image: str
    name: str
    face_limit: int | None
    texture: bool
    style: str = "auto"
    height_m: float | None = None
    back: str | None = None


class TaskFolders:
    """`<root>/images/<token>` and `<root>/tasks/<task id>/{request.json, model.glb, failed.txt, *lock}`."""

    def __init__(self, root: Path) -> None:
        self._images = root / "images"
        self._tasks = root / "tasks"
        self._images.mkdir(parents=True, exist_ok=True)
        self._tasks.mkdir(parents=True, exist_ok=True)

    def keep_image(self, token: str, data: bytes) -> None:
        write_durably(self._images / token, data)

    def image_path(self, token: str) -> Path:
        return self._images / Path(token).name

    def create(self, task_id: str, request: TaskRequest) -> None:
        """Write a new task down; when this returns, it survives a power cut. Raises: OSError, and there is no task."""
        folder = self._folder(task_id)
        if self.request(task_id) is not None:
            return
        try:
            folder.mkdir(exist_ok=True)
            write_durably(folder / "request.json", json.dumps(asdict(request)).encode())
            _settle(self._tasks)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def request(self, task_id: str) -> TaskRequest | None:
        """None when there is no such task."""
        try:
            return TaskRequest(**json.loads((self._folder(task_id) / "request.json").read_bytes()))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    def model_path(self, task_id: str) -> Path:
        return self._folder(task_id) / "model.glb"

    def failure(self, task_id: str) -> str | None:
        """Why the task failed, or None."""
        path = self._folder(task_id) / "failed.txt"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def fail(self, task_id: str, sentence: str) -> None:
        write_durably(self._folder(task_id) / "failed.txt", sentence.encode())

    def stop(self, task_id: str) -> None:
        """Whoever works on it ends within a second; nothing happens to one that has ended or is not here."""
        if self._folder(task_id).is_dir() and not self.model_path(task_id).is_file():
            self.fail(task_id, STOPPED)

    @contextmanager
    def locked(self, task_id: str) -> Iterator[bool]:
        """Whether this process alone may work on the task now; the lock ends with the process that holds it."""
        with (self._folder(task_id) / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def sweep(self) -> None:
        """Remove what is older than KEEP_S; another process may do so at the same time."""
        oldest = time.time() - KEEP_S
        for path in (*self._images.iterdir(), *self._tasks.iterdir()):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime >= oldest:
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

    def _folder(self, task_id: str) -> Path:
        return self._tasks / Path(task_id).name


def new_task_id() -> str:
    return PREFIX + uuid.uuid4().hex


def write_durably(path: Path, data: bytes) -> None:
    """The whole file or none of it, on disk when this returns."""
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """The names in a folder survive a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
