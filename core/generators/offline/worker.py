"""One thread and its child process, which work on tasks one after the other."""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from core.generators.offline.tasks import TaskFolders, TaskRequest

log = logging.getLogger(__name__)
TASK_LIMIT_S = 120.0  # a picture takes seconds; more means that something hangs
LOOK_EVERY_S = 0.5  # for a stop, which may come from another process on the same folder
MOST_DEATHS = 2  # a picture that kills the child twice will do so again
ROOT = Path(__file__).resolve().parents[3]


class Stopped(Exception):
    """A person took the task back while it was worked on."""


class ChildDied(Exception):
    """The child ended, or had to be ended, in the middle of a task."""


class Worker:
    """Works off a queue of task ids.

    Args:
        environment: all that the child process gets to see of it.
    """

    def __init__(self, folders: TaskFolders, *, environment: Mapping[str, str], keep_warm_s: float) -> None:
        self._folders = folders
        self._environment = dict(environment)
        self._keep_warm_s = keep_warm_s
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._child: subprocess.Popen[bytes] | None = None
        self._heard = b""  # what the child said after its last whole line
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._progress: dict[str, int] = {}  # percent, of tasks that wait (0) or are under way
        self._thread: threading.Thread | None = None

    def add(self, task_id: str) -> None:
        """Queue a task, once."""
        with self._lock:
            if self._closing.is_set() or task_id in self._progress:
                return
            self._progress[task_id] = 0
            self._queue.put(task_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="offline-engine", daemon=True)
                self._thread.start()

    def progress(self, task_id: str) -> int | None:
        """Percent; None when the task is not here."""
        return self._progress.get(task_id)

    def load(self) -> int:
        """How many tasks are here."""
        return len(self._progress)

    def close(self) -> None:
        """End the child and the thread; unfinished tasks stay on disk."""
        self._closing.set()
        self._queue.put(None)
        self._end_child()
        if self._thread is not None:
            self._thread.join(2)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                task_id = self._queue.get(timeout=self._keep_warm_s)
            except queue.Empty:
                self._end_child()  # gives its memory back
                continue
            if task_id is None:
                return
            try:
                self._work_on(task_id)
            except Exception:
                if self._closing.is_set():  # what it worked with was taken away; the task stays for the next engine
                    return
                log.exception("task %s: a fault of ours", task_id)
                self._fail(task_id, "The built-in engine failed on this picture. It cost nothing.")
            finally:
                self._progress.pop(task_id, None)

    def _work_on(self, task_id: str) -> None:
        request = self._folders.request(task_id)
        if request is None:
            return
        with self._folders.locked(task_id) as is_mine:
            done = self._folders.model_path(task_id).is_file() or self._folders.failure(task_id) is not None
            if not is_mine or done:
                return
            for _ in range(MOST_DEATHS):
                try:
                    self._order(task_id, request, lambda percent: self._progress.update({task_id: percent}))
                    return
                except Stopped:
                    log.info("task %s was stopped", task_id)
                    return
                except ChildDied as exc:
                    if self._closing.is_set():
                        return
                    log.warning("task %s: %s", task_id, exc)
            self._fail(
                task_id,
                "The built-in engine could not work with this picture: it took too long or too much memory. "
                "It cost nothing. Try a smaller picture.",
            )

    def _order(self, task_id: str, request: TaskRequest, report: Callable[[int], None]) -> None:
        """Let the child make the model. Raises: ChildDied."""
        child = self._running_child()
        order = {
            "image": str(self._folders.image_path(request.image).resolve()),
            "out": str(self._folders.model_path(task_id).resolve()),
            "name": request.name,
            "face_limit": request.face_limit,
            "texture": request.texture,
            "style": request.style,
            "height_m": request.height_m,
            "back": None if request.back is None else str(self._folders.image_path(request.back).resolve()),
        }
        if child.stdin is None or child.stdout is None:
            raise ChildDied("the engine's process has no pipes")
        try:
            child.stdin.write(json.dumps(order).encode() + b"\n")
        except (OSError, ValueError) as exc:  # ValueError: its pipe was closed
            self._end_child()
            raise ChildDied("the engine's process had ended") from exc
        ends_s = time.monotonic() + TASK_LIMIT_S
        while True:
            answer = json.loads(self._line(task_id, child.stdout, ends_s))
            if "progress" in answer:
                report(int(answer["progress"]))
            elif answer.get("done"):
                return
            else:
                log.error("task %s: %s", task_id, answer["failed"])
                self._fail(task_id, "The built-in engine failed on this picture. It cost nothing. Try another picture.")
                return

    def _fail(self, task_id: str, sentence: str) -> None:
        try:
            self._folders.fail(task_id, sentence)
        except OSError as exc:  # a full disk, or the folder is gone: the task is started again when it is asked for
            log.error("task %s: its failure could not be written down: %s", task_id, exc)

    def _line(self, task_id: str, stdout: IO[bytes], ends_s: float) -> bytes:
        """The child's next whole line. Raises: ChildDied, Stopped."""
        while b"\n" not in self._heard:
            left_s = ends_s - time.monotonic()
            readable = _has_more(stdout, max(0.0, min(left_s, LOOK_EVERY_S)))
            if self._folders.failure(task_id) is not None:
                self._end_child()
                raise Stopped
            if not readable and left_s > LOOK_EVERY_S:
                continue
            more = _read(stdout) if readable else b""
            if not more:
                self._end_child()
                raise ChildDied("the engine's process " + ("ended" if readable else f"took over {TASK_LIMIT_S:.0f} s"))
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _running_child(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closing.is_set():
                raise ChildDied("the engine is closing")
            if self._child is None or self._child.poll() is not None:
                self._heard = b""
                try:
                    self._child = subprocess.Popen(
                        [sys.executable, "-m", "core.generators.offline.child"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        bufsize=0,
                        cwd=ROOT,
                        env=self._environment,
                    )
                except OSError as exc:
                    raise ChildDied(f"the engine's process could not be started: {exc}") from exc
            return self._child

    def _end_child(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # the child left a line half read
                    log.debug("the engine's pipe was broken when it was closed")


def _has_more(pipe: IO[bytes], wait_s: float) -> bool:
    """Whether there is something to read, or nothing ever more. A pipe that was closed meanwhile has ended."""
    try:
        return bool(select.select([pipe], [], [], wait_s)[0])
    except (OSError, ValueError):
        return True


def _read(pipe: IO[bytes]) -> bytes:
    """What there is; nothing at its end."""
    try:
        return os.read(pipe.fileno(), 65536)
    except (OSError, ValueError):
        return b""
