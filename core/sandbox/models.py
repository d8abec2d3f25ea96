"""The ModelSandbox port: each order in a fresh child process, so that what a hostile model breaks is gone with it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.domain.errors import ExportFailed, ModelInvalid, SandboxFailed
from core.domain.export import ExportFacts, ExportOrder
from core.domain.mesh_report import ShapeFacts
from core.ports.model_sandbox import Inspection

log = logging.getLogger(__name__)
LIMIT_S = 60.0
AT_ONCE = 1  # two cores: one is left for the pages
MOST_WAITING = 12  # each holds a thread of the server; more are told to come again
ROOT = Path(__file__).resolve().parents[2]


class ModelChildren:
    """See core.ports.model_sandbox.

    Args:
        environment: all that a child gets to see of it.
        most_waiting: files that may be here at once; the next is refused.
    """

    def __init__(
        self, *, environment: Mapping[str, str], limit_s: float = LIMIT_S, most_waiting: int = MOST_WAITING
    ) -> None:
        self._environment = dict(environment)
        self._limit_s = limit_s
        self._places = threading.Semaphore(AT_ONCE)
        self._waiting = threading.BoundedSemaphore(most_waiting)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_closed = False

    def look(self, model: bytes) -> Inspection:
        answer, out = self._ask(model, {"do": "look"})
        shape = answer["shape"]
        for name in ("centre_m", "extents_m"):
            shape[name] = tuple(shape[name])
        return Inspection(thumbnail=out, shape=ShapeFacts(**shape))

    def turntable(self, model: bytes) -> bytes:
        return self._ask(model, {"do": "turntable"})[1]

    def export(self, model: bytes, order: ExportOrder, *, name: str) -> tuple[bytes, ExportFacts]:
        answer, out = self._ask(model, {"do": "export", "export": asdict(order), "name": name})
        facts = answer["facts"] | {"extents": tuple(answer["facts"]["extents"])}
        return out, ExportFacts(**facts)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for child in self._running:
                child.kill()

    def _ask(self, model: bytes, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if not self._waiting.acquire(blocking=False):
            raise SandboxFailed("Many models are being worked on at this moment. Try again in a minute.")
        try:
            return self._worked(model, order)
        finally:
            self._waiting.release()

    def _worked(self, model: bytes, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self._places, tempfile.TemporaryDirectory(prefix="maquette-") as name:
            folder = Path(name)
            (folder / "model.glb").write_bytes(model)
            (folder / "order.json").write_text(json.dumps(order))
            said = self._run(folder)
            answer_file = folder / "answer.json"
            if not answer_file.is_file():
                log.warning("a child of the sandbox ended without an answer: %s", said[-400:])
                raise SandboxFailed("The model took more time or memory than is allowed here.")
            answer = json.loads(answer_file.read_text())
            if "invalid" in answer:
                raise ModelInvalid(answer["invalid"])
            if "failed" in answer:
                raise ExportFailed(answer["failed"])
            out = folder / "out"
            return answer, out.read_bytes() if out.is_file() else b""

    def _run(self, folder: Path) -> str:
        """What the child said; it may have been ended."""
        command = [sys.executable, "-m", "core.sandbox.model_child", str(folder)]
        with self._lock:
            if self._is_closed:
                raise SandboxFailed("The server is being stopped. Try again in a moment.")
            child = subprocess.Popen(  # noqa: S603  (our own module; a model is never part of the command)
                command,
                cwd=ROOT,
                env=self._environment | {"HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(child)
        try:
            return child.communicate(timeout=self._limit_s)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return f"it took over {self._limit_s:.0f} s"
        finally:
            with self._lock:
                self._running.discard(child)
