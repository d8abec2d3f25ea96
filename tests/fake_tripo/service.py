"""The fake's behaviour without a network: a request in, a reply out. Servers and transports only carry it."""

from __future__ import annotations

import functools
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import numpy as np
import trimesh
from PIL import Image

from tests.fake_tripo.faults import DONE_ALL_THE_SAME, Fault, Plan
from tests.fake_tripo.fbx import sample_fbx
from tests.fake_tripo.ledger import Ledger, Task
from tests.fake_tripo.pricing import FORMATS, LEAST, PATHS, category_of, refusal, type_of

KEY_START = "tsk_"
PIECES = 100
JSON = {"Content-Type": "application/json", "X-Tripo-Trace-ID": "trace-1"}


PREVIEW = b"\x89PNG\r\n\x1a\n a picture of the model"


@dataclass(frozen=True)
class Reply:
    """What the client gets.

    Attributes:
        hang_s: seconds without an answer; then the connection ends.
        trickle_s: seconds between two of the PIECES of the body.
        is_dropped: the connection ends, after `body` if there is one.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    hang_s: float = 0.0
    trickle_s: float = 0.0
    is_dropped: bool = False


DROPPED = Reply(is_dropped=True)


class Service:
    """`ledger` is its books, `plan` what goes wrong next."""

    def __init__(self, *, clock_s: Callable[[], float], task_s: float) -> None:
        self.ledger = Ledger(clock_s=clock_s, task_s=task_s)
        self.plan = Plan()

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes, base: str
    ) -> Reply:
        """Args: headers: with lower-case names; base: the address to be put into links."""
        with self.ledger.lock:
            self.ledger.settle_delayed()
            key = headers.get("authorization", "").removeprefix("Bearer ")
            if not path.startswith("/__fake__"):
                self.ledger.requests.append((method, path, bool(key)))
            if signed := re.fullmatch(r"/signed/(\w+)/model\.\w+", path):
                return self._download(signed[1], has_key=bool(key))
            if re.fullmatch(r"/signed/(\w+)/preview\.png", path):
                return Reply(400) if key else Reply(200, PREVIEW)
            if path.startswith("/put/"):
                return Reply(400 if key else 200)
            if not key.startswith(KEY_START):
                return _error(2, "invalid key", 401)
            reply = self._called(method, path, query, body, base)
            date = formatdate(self.ledger.clock_s(), usegmt=True)
            return replace(reply, headers=dict(reply.headers) | {"Date": date})

    def _called(self, method: str, path: str, query: Mapping[str, str], body: bytes, base: str) -> Reply:
        if (method, path) == ("POST", "/v3/files"):
            if b'name="file"' not in body:
                return _error(1003, "no file", 400)
            content = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
            return self._acted("files", lambda: {"file_token": self.ledger.add_file(content)})
        if (method, path) == ("POST", "/v3/files/presign"):
            token = self.ledger.add_file()
            return _ok({"presigned_url": f"{base}/put/{token}", "file_token": token, "expires_in": 600})
        if method == "POST" and path in PATHS:
            return self._create(json.loads(body), PATHS[path])
        if (method, path) == ("POST", "/v3/models/convert"):
            return self._convert(json.loads(body))
        if (method, path) == ("POST", "/v3/tasks/list"):
            return self._list(json.loads(body).get("task_ids"), base)
        if method == "GET" and (asked := re.fullmatch(r"/v3/tasks/([^/]+)", path)):
            task = self._known(asked[1])
            if task is None:
                return _error(2001, "task not found", 404)
            return self._acted("task", lambda: self.ledger.view(task, base))
        if (method, path) == ("GET", "/v3/account/balance"):
            return self._acted("balance", lambda: {"balance": self.ledger.balance, "frozen": self.ledger.frozen})
        if (method, path) == ("GET", "/v3/account/usage"):
            limit, offset = int(query.get("limit", 50)), int(query.get("offset", 0))
            if not 0 < limit <= 200:
                return _error(1004, "limit is at most 200", 400)
            return self._acted("usage", lambda: self.ledger.usage()[offset : offset + limit])
        return _error(4001, "no such route", 404)

    def _create(self, body: dict[str, Any], type: str) -> Reply:
        wrong = refusal(body, self.ledger.files, type)
        if wrong is not None:
            return _error(*wrong, 400)
        return self._paid(body)

    def _convert(self, body: dict[str, Any]) -> Reply:
        source = self.ledger.tasks.get(str(body.get("input")))
        if source is None or self.ledger.status(source) != "success":
            return _error(2001, "task not found", 404)
        if str(body.get("format")).upper() not in FORMATS:
            return _error(1004, f"format must be one of {FORMATS}", 400)
        return self._paid(body)

    def _paid(self, body: dict[str, Any]) -> Reply:
        category = category_of(body)
        if self.ledger.open_tasks(category) >= self.ledger.limits[category]:
            return _error(2000, "too many tasks", 429, {"Retry-After": "1"})
        if self.ledger.balance < LEAST[type_of(body)]:
            return _error(2010, "not enough credit", 403)

        def act() -> dict[str, Any]:
            task = self.ledger.create(body)
            return {"task_id": task.id, "type": task.type, "status": "queued"}

        return self._acted("create", act)

    def _list(self, ids: Any, base: str) -> Reply:
        if not isinstance(ids, list) or len(ids) > 100:
            return _error(1004, "up to 100 task_ids", 400)

        def act() -> dict[str, Any]:
            known = {each: task for each in ids if (task := self._known(each)) is not None}
            views = {each: self.ledger.view(task, base) for each, task in known.items()}
            return {"tasks": views, "missed": [each for each in ids if each not in known]}

        return self._acted("list", act, missed={"tasks": {}, "missed": ids})

    def _download(self, key: str, *, has_key: bool) -> Reply:
        fault = self.plan.take("download")
        task_id, until = self.ledger.urls.get(key, ("", 0.0))
        if not task_id or self.ledger.clock_s() > until or has_key:
            return Reply(403, b"expired", {"Content-Type": "text/plain"})
        is_conversion = self.ledger.tasks[task_id].category == "convert"
        whole = Reply(200, sample_model(), {"Content-Type": "model/gltf-binary"})
        if is_conversion:
            whole = Reply(200, sample_fbx(), {"Content-Type": "application/octet-stream"})
        kind = None if fault is None else fault.kind
        more = {} if fault is None else fault.more
        if kind == "not a model":
            return Reply(200, b"<html>not here</html>", {"Content-Type": "text/html"})
        if kind in ("error", "forbidden"):
            return Reply(more.get("status", 403), b"", {"Content-Type": "text/plain"})
        if kind == "drop before":
            return DROPPED
        if kind == "hang before":
            return Reply(hang_s=more["seconds"], is_dropped=True)
        if kind == "trickle":
            return replace(whole, trickle_s=more["seconds"])
        if kind == "cut":
            declared = {"Content-Length": str(len(whole.body))}
            return replace(whole, body=whole.body[: len(whole.body) // 2], headers=declared, is_dropped=True)
        return whole

    def _acted(self, route: str, act: Callable[[], Any], *, missed: Any = None) -> Reply:
        """Do it, unless a fault says otherwise."""
        fault = self.plan.take(route)
        if fault is None:
            return _ok(act())
        return self._faulty(fault, act, missed)

    def _faulty(self, fault: Fault, act: Callable[[], Any], missed: Any) -> Reply:
        kind, more = fault.kind, fault.more
        if kind == "foreign":
            self.ledger.create({"input": self.ledger.add_file(), "model": "v3.1-20260211"})
            return _ok(act())
        if kind == "missed":
            return _ok(missed)
        done = act() if kind in DONE_ALL_THE_SAME else None
        if kind == "late":
            self.ledger.delayed.append((self.ledger.clock_s() + more["seconds"], act))
        if kind in ("drop before", "drop after", "late"):
            return DROPPED
        if kind.startswith("hang"):
            return Reply(hang_s=more["seconds"], is_dropped=True)
        if kind.startswith("error"):
            return _error(more["code"], "the fake was told so", more["status"], more.get("headers"))
        if kind.startswith("html"):
            return Reply(502, b"<html>502 Bad Gateway</html>", {"Content-Type": "text/html"})
        if kind == "no id":
            return _ok({"type": "image_to_model"})
        whole = _ok(done)
        if kind == "trickle":
            return replace(whole, trickle_s=more["seconds"])
        return replace(whole, body=whole.body[: len(whole.body) // 2])

    def _known(self, task_id: str) -> Task | None:
        task = self.ledger.tasks.get(task_id)
        return None if task is None or task.is_hidden else task


def _ok(data: Any) -> Reply:
    return Reply(200, as_json({"code": 0, "status": "success", "data": data}))


def _error(code: int, message: str, status: int, headers: dict[str, str] | None = None) -> Reply:
    body = as_json({"code": code, "status": "error", "message": message, "suggestion": "", "request_id": "r"})
    return Reply(status, body, JSON | (headers or {}))


def as_json(value: Any) -> bytes:
    # Tripo writes credits as numbers with two places
    return json.dumps(value, default=lambda each: float(each) if isinstance(each, Decimal) else str(each)).encode()


@functools.cache
def sample_model() -> bytes:
    """A small real GLB: a textured box."""
    box = trimesh.creation.box((1, 0.6, 0.4))
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    uv = box.vertices[:, :2] + 0.5
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    box.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    out = io.BytesIO()
    box.export(out, file_type="glb")
    return out.getvalue()
