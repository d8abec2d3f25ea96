"""Who makes models in the crash sweep, one for each kind of evidence, as a process has it.

Tripo and ComfyUI are asked over real sockets. The built-in engine keeps its tasks in real files; its child process is
stood for by a tick that writes the model, so that a life passes the same points in each run.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.domain.request import Kind
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.offline.generator import OfflineGenerator
from core.generators.offline.tasks import TaskRequest, write_durably
from core.generators.tripo.client import TripoClient
from core.generators.tripo.generator import TripoGenerator
from core.ports.generator import Generator
from tests.fake_generator import glb
from tests.simulation.makers import graph_of_pictures, graph_of_words

if TYPE_CHECKING:
    from tests.crash.life import Life

KEY = "tsk_crash"
TRIPO, COMFYUI, ENGINE = "tripo", "comfyui", "offline"
NOTHING: Callable[[], object] = lambda: None  # noqa: E731


def maker_of(life: Life) -> tuple[Generator, Callable[[], object]]:
    """The generator of a life, and what it does by itself in each round."""
    if life.generator == ENGINE:
        return _engine(engine_folder(life))
    if life.generator == COMFYUI:
        return _comfyui(life), NOTHING
    return TripoGenerator(TripoClient(life.address, KEY)), NOTHING


def engine_folder(life: Life) -> Path:
    """Beside a SQLite file all processes share it; with Supabase each has its own."""
    return Path(life.folder, f"engine-{life.owner}" if life.supabase[0] else "engine")


def _comfyui(life: Life) -> ComfyGenerator:
    workflow = graph_of_words() if life.kind == Kind.TEXT else graph_of_pictures()
    generator = ComfyGenerator(life.address, headers={}, workflow=workflow)
    generator._has_socket = False  # what it hears is only a hint, and comes in a thread: no two lives would be alike
    return generator


def _engine(folder: Path) -> tuple[OfflineGenerator, Callable[[], object]]:
    engine = OfflineGenerator(folder, environment={})
    worker, waiting = engine._workers[0], list[str]()
    engine._queue = waiting.append  # type: ignore[method-assign]
    worker._order = lambda task_id, request, report: write_durably(  # type: ignore[method-assign]
        engine._folders.model_path(task_id), engine_model(request)
    )

    def work() -> None:
        while waiting:
            worker._work_on(waiting.pop())

    return engine, work


def engine_model(request: TaskRequest) -> bytes:
    """A model that tells what it was made of."""
    document = _document(glb())
    document["asset"]["generator"] = json.dumps(asdict(request))
    return glb(json.dumps(document).encode())


def told_by(model: bytes) -> str:
    """What the model says of who made it, and of what."""
    return str(_document(model)["asset"]["generator"])


def _document(model: bytes) -> dict[str, Any]:
    (size,) = struct.unpack_from("<I", model, 12)
    document: dict[str, Any] = json.loads(model[20 : 20 + size])
    return document
