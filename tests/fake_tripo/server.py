"""The fake as an ASGI application, and how tests run it."""

from __future__ import annotations

import asyncio
import functools
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import numpy as np
import trimesh
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.fake_tripo.faults import Fault, Plan
from tests.fake_tripo.ledger import LIMITS, Ledger, Task
from tests.fake_tripo.pricing import refusal

KEY_START = "tsk_"


class FakeTripo:
    """The service; `ledger` is its books, `plan` what goes wrong next."""

    def __init__(self, *, clock_s: Callable[[], float] = time.time, task_s: float = 0.3) -> None:
        self.ledger = Ledger(clock_s=clock_s, task_s=task_s)
        self.plan = Plan()
        self._late: set[asyncio.Task[None]] = set()
        self._app = Starlette(
            routes=[
                Route("/v3/files", self._files, methods=["POST"]),
                Route("/v3/files/presign", self._presign, methods=["POST"]),
                Route("/put/{token}", self._put, methods=["PUT"]),
                Route("/v3/generation/image-to-model", self._create, methods=["POST"]),
                Route("/v3/tasks/list", self._list, methods=["POST"]),
                Route("/v3/tasks/{task_id}", self._task),
                Route("/v3/account/balance", self._balance),
                Route("/v3/account/usage", self._usage),
                Route("/signed/{key}/model.glb", self._download),
                Route("/__fake__/arm", self._arm, methods=["POST"]),
                Route("/__fake__/ledger", self._books),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["raw_send"] = send  # a handler that drops the connection needs the server's own
        with suppress(ConnectionAbortedError):
            await self._app(scope, receive, send)

    # -- the calls

    async def _files(self, request: Request) -> Response:
        async with request.form() as form:
            has_file = hasattr(form.get("file"), "read")
        if not has_file:
            return self._error(1003, "no file", 400)
        return await self._acted(request, "files", lambda: {"file_token": self.ledger.add_file()})

    async def _presign(self, request: Request) -> Response:
        token = self.ledger.add_file()
        base = str(request.base_url).rstrip("/")
        return self._ok(request, {"presigned_url": f"{base}/put/{token}", "file_token": token, "expires_in": 600})

    async def _put(self, request: Request) -> Response:
        refused = "authorization" in request.headers
        return Response(status_code=400 if refused else 200)

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        with self.ledger.lock:
            wrong = refusal(body, self.ledger.files)
            if wrong is not None:
                return self._error(*wrong, 400)
            category = "p" if body["model"].startswith("P") else "standard"
            if self.ledger.open_tasks(category) >= LIMITS[category]:
                return self._error(2000, "too many tasks", 429, {"Retry-After": "1"})
            if self.ledger.balance < 20:
                return self._error(2010, "not enough credit", 403)

        def act() -> dict[str, Any]:
            task = self.ledger.create(body)
            return {"task_id": task.id, "type": "image_to_model", "status": "queued"}

        return await self._acted(request, "create", act)

    async def _task(self, request: Request) -> Response:
        task = self._known(request.path_params["task_id"])
        if task is None:
            return self._error(2001, "task not found", 404)
        return await self._acted(request, "task", lambda: self.ledger.view(task, self._base(request)))

    async def _list(self, request: Request) -> Response:
        ids = (await request.json()).get("task_ids")
        if not isinstance(ids, list) or len(ids) > 100:
            return self._error(1004, "up to 100 task_ids", 400)

        def act() -> dict[str, Any]:
            known = {each: task for each in ids if (task := self._known(each)) is not None}
            views = {each: self.ledger.view(task, self._base(request)) for each, task in known.items()}
            return {"tasks": views, "missed": [each for each in ids if each not in known]}

        return await self._acted(request, "list", act)

    async def _balance(self, request: Request) -> Response:
        return await self._acted(
            request, "balance", lambda: {"balance": self.ledger.balance, "frozen": self.ledger.frozen}
        )

    async def _usage(self, request: Request) -> Response:
        limit, offset = int(request.query_params.get("limit", 50)), int(request.query_params.get("offset", 0))
        if not 0 < limit <= 200:
            return self._error(1004, "limit is at most 200", 400)
        return await self._acted(request, "usage", lambda: self.ledger.usage()[offset : offset + limit])

    async def _download(self, request: Request) -> Response:
        self._note(request)
        fault = self.plan.take("download")
        task_id, until = self.ledger.urls.get(request.path_params["key"], ("", 0.0))
        if not task_id or self.ledger.clock_s() > until or "authorization" in request.headers:
            return Response("expired", status_code=403)
        model = sample_model()
        if fault is None:
            return Response(model, media_type="model/gltf-binary")
        if fault.kind == "not a model":
            return Response(b"<html>not here</html>", media_type="text/html")
        if fault.kind == "error":
            return Response(status_code=fault.more.get("status", 403))
        send = request.scope["raw_send"]
        headers = [(b"content-length", str(len(model)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": model[: len(model) // 2], "more_body": True})
        self._drop(request)
        raise ConnectionAbortedError

    # -- for other processes

    async def _arm(self, request: Request) -> Response:
        body = await request.json()
        self.plan.arm(body["route"], body["kind"], times=body.get("times", 1), **body.get("more", {}))
        return Response(status_code=204)

    async def _books(self, request: Request) -> Response:
        tasks = [
            {"id": task.id, "input": task.input, "status": self.ledger.status(task), "cost": self.ledger.cost(task)}
            for task in self.ledger.tasks.values()
        ]
        return Response(_json({"tasks": tasks, "requests": self.ledger.requests, "billed": self.ledger.billed}))

    # -- how a call is answered

    async def _acted(self, request: Request, route: str, act: Callable[[], Any]) -> Response:
        """Do it, unless the key is wrong or a fault says otherwise."""
        is_known = self._note(request)
        if not is_known:
            return self._error(2, "invalid key", 401)
        fault = self.plan.take(route)
        if fault is None:
            with self.ledger.lock:
                return self._ok(request, act())
        return await self._faulty(request, fault, act)

    async def _faulty(self, request: Request, fault: Fault, act: Callable[[], Any]) -> Response:
        more = fault.more
        if fault.kind == "late":
            waiting = asyncio.create_task(self._later(more["seconds"], act))
            self._late.add(waiting)
            waiting.add_done_callback(self._late.discard)
        if fault.kind in ("drop after", "error after", "truncated", "no id"):
            done = act()
        if fault.kind in ("drop before", "drop after", "late"):
            self._drop(request)
            raise ConnectionAbortedError
        if fault.kind in ("error", "error after"):
            return self._error(more["code"], "the fake was told so", more["status"], more.get("headers"))
        if fault.kind == "html":
            return Response("<html>502 Bad Gateway</html>", status_code=502, media_type="text/html")
        if fault.kind == "no id":
            return self._ok(request, {"type": "image_to_model"})
        whole = _json({"code": 0, "status": "success", "data": done})
        return Response(whole[: len(whole) // 2], media_type="application/json")

    async def _later(self, seconds: float, act: Callable[[], Any]) -> None:
        await asyncio.sleep(seconds)
        act()

    def _ok(self, request: Request, data: Any) -> Response:
        body = _json({"code": 0, "status": "success", "data": data})
        return Response(body, media_type="application/json", headers={"X-Tripo-Trace-ID": "trace-1"})

    def _error(self, code: int, message: str, status: int, headers: dict[str, str] | None = None) -> Response:
        body = _json({"code": code, "status": "error", "message": message, "suggestion": "", "request_id": "r"})
        headers = {"X-Tripo-Trace-ID": "trace-1"} | (headers or {})
        return Response(body, status_code=status, media_type="application/json", headers=headers)

    def _note(self, request: Request) -> bool:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.ledger.requests.append((request.method, request.url.path, bool(key)))
        return key.startswith(KEY_START)

    def _known(self, task_id: str) -> Task | None:
        task = self.ledger.tasks.get(task_id)
        return None if task is None or task.is_hidden else task

    def _base(self, request: Request) -> str:
        return str(request.base_url).rstrip("/")

    def _drop(self, request: Request) -> None:
        """End the TCP connection at once; uvicorn's send belongs to the object that has the transport."""
        request.scope["raw_send"].__self__.transport.abort()


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


@contextmanager
def running(fake: FakeTripo, *, port: int = 0) -> Iterator[str]:
    """Serve on loopback in a thread; gives the address."""
    server = uvicorn.Server(
        uvicorn.Config(fake, host="127.0.0.1", port=port, log_level="critical", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    pause = threading.Event()
    while not server.started:
        pause.wait(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)


def _json(value: Any) -> bytes:
    # Tripo writes credits as numbers with two places
    return json.dumps(value, default=lambda each: float(each) if isinstance(each, Decimal) else str(each)).encode()
