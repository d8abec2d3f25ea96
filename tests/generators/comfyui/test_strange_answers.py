"""Any part of any answer may be anything: what comes of it is an answer or an error of ours, never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from core.domain.errors import GenerationError, ModelInvalid, RequestRejected
from core.domain.generation import TaskPhase
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.progress import Progress
from tests.fake_tripo.transport import FakeTransport
from tests.generators.comfyui.conftest import Lab, create, request, upload

JUNK: tuple[Any, ...] = (None, -1, 10**400, float("nan"), "../x", [[]], {"a": None})
MOST_ITEMS = 2  # of a list; the others are like them


def spoiled(value: Any) -> Iterator[Any]:
    """The value with each of its parts, and itself, replaced by each piece of junk."""
    yield from JUNK
    parts = (
        value.items() if isinstance(value, dict) else enumerate(value[:MOST_ITEMS]) if isinstance(value, list) else ()
    )
    for key, part in parts:
        for junk in spoiled(part):
            changed = copy.copy(value)
            changed[key] = junk
            yield changed


class Spoiling(httpx.BaseTransport):
    """Carries requests to the fake, and gives `answer` instead of its own on one path."""

    def __init__(self, lab: Lab, path: str) -> None:
        self._inner = FakeTransport(lab.service, wait=lambda seconds: None)  # type: ignore[arg-type]
        self._path = path
        self.true: Any = None
        self.answer: Any = None
        self.is_spoiling = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        if not request.url.path.startswith(self._path):
            return response
        if not self.is_spoiling:
            self.true = json.loads(response.read())
            if isinstance(self.true, dict):
                self.true.pop("workflow", None)  # our own graph, which is long and not read
            return response
        return httpx.Response(response.status_code, content=json.dumps(self.answer), request=request)


def look_up(comfy: ComfyGenerator, task_id: str) -> None:
    found = comfy.look_up([task_id]).found.get(task_id)
    if found is not None and found.phase is TaskPhase.SUCCEEDED:
        comfy.fetch_model(found)


@pytest.mark.parametrize(
    ("path", "ask", "is_broken"),
    [
        ("/api/jobs/", look_up, False),
        ("/api/jobs/", look_up, True),
        ("/api/jobs", look_up, False),
        ("/api/upload", lambda comfy, _: upload(comfy), False),
        ("/api/prompt", lambda comfy, _: comfy.create(request("maquette/x"), check_send_window=lambda: None), False),
        ("/api/system_stats", lambda comfy, _: comfy.missing(), False),
        ("/api/object_info/KSampler", lambda comfy, _: comfy.missing(), False),
    ],
)
def test_no_answer_is_strange_enough_for_a_crash(
    lab: Lab, path: str, ask: Callable[[ComfyGenerator, str], Any], is_broken: bool
) -> None:
    transport = Spoiling(lab, path)
    comfy = lab.generator(transport=transport)
    if is_broken:
        lab.machine.breaks["KSampler"] = ("RuntimeError", "no")
    task_id = create(comfy)
    if path != "/api/jobs":
        lab.clock.advance(60)
    with suppress(RequestRejected):  # by /prompt: the picture is not there, and the refusal is spoiled too
        ask(comfy, task_id)
    transport.is_spoiling = True
    tried = 0
    for answer in spoiled(transport.true):
        transport.answer = answer
        tried += 1
        with suppress(GenerationError, ModelInvalid):
            ask(comfy, task_id)

    assert tried > 20


def test_no_message_of_the_socket_is_strange_enough_for_a_crash() -> None:
    progress = Progress("http://127.0.0.1:9", headers={}, client_id="c", weights={"a": 1.0})
    progress._closed.set()
    progress.watch("t")
    state = {"value": 1, "max": 3, "state": "running"}
    for kind in ("progress_state", "progress", "executed", "execution_cached", "execution_error"):
        data = {"prompt_id": "t", "nodes": {"a": state}, "node": "a", "value": 1, "max": 3}
        for message in spoiled({"type": kind, "data": data}):
            if isinstance(message, dict):
                progress.hear(message)

    assert 0 <= progress.percent("t") <= 99
