"""Socket.IO at /socket.io: every change of a job, whichever process made it, told to whoever listens here."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from urllib.parse import parse_qs

import socketio
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from core.bootstrap import Services
from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.domain.status import Status
from core.web.problems import problem

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
BATCH = 200
# Numbers of changes are given out before their transactions end, so a later one may be seen first.
OVERLAP = 100
SETTLE_S = 10.0  # no transaction of ours takes so long
TOLD_KEPT = 2000


class WithoutJsonp:
    """Refuses JSONP, which Engine.IO offers to anyone: answers as scripts, which pages of every web site may read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b""), keep_blank_values=True)
        if scope["type"] == "http" and b"j" in query:
            await problem(400, "JSONP is not offered; Socket.IO clients of today do without.")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class JobFeed:
    """Reads the job table's changes while anyone listens, and tells them.

    Events, as in the contract: `job_updated {record_id, status, stage, progress}`, `job_completed {record_id,
    result: {"3d_url"}}`, `job_failed {record_id, error}` (also for a cancelled or timed-out job). An end is told once,
    whatever is written down about the job afterwards.
    """

    def __init__(self) -> None:
        # None: only our own pages and programs without an Origin may connect
        self._server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=None)
        self.app = WithoutJsonp(socketio.ASGIApp(self._server, socketio_path="/socket.io"))
        self._listeners: set[str] = set()
        self._cursor: int | None = None
        self._settles_s = 0.0  # until then writes may appear whose numbers are lower than those seen
        self._sent: dict[tuple[object, ...], None] = {}
        self._ended: dict[int, None] = {}
        self._server.on("connect", self._connected)
        self._server.on("disconnect", self._disconnected)

    async def run(self, services: Services) -> None:
        """Until it is cancelled. A look that fails is made again; a fault that stays the same is logged once."""
        logged = ""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._listeners:
                self._cursor = None
                continue
            try:
                await self._look(services)
                logged = ""
            except MaquetteError:  # the table is away; the next look tells what happened meanwhile
                pass
            except Exception as exc:
                fault = repr(exc)
                if fault != logged:
                    log.exception("the Socket.IO feed could not look for news; it tries again")
                logged = fault

    async def _look(self, services: Services) -> None:
        is_first = self._cursor is None
        newest, now_s = await run_in_threadpool(services.reads.last_change), time.monotonic()
        if self._cursor is None or newest < self._cursor:  # or the table was put back from a backup
            self._cursor = newest
        if is_first or newest > self._cursor:
            self._settles_s = now_s + SETTLE_S
        elif now_s > self._settles_s:
            return
        since = max(0, self._cursor - OVERLAP)
        jobs, cursor = await run_in_threadpool(services.reads.changed_since, since, limit=BATCH)
        for job in jobs:
            key = (job.id, job.updated_at, job.stage, job.status, job.progress)
            if key not in self._sent:
                is_end = job.is_ended and not job.is_elsewhere and job.id not in self._ended
                self._sent[key] = None
                if is_end:
                    self._ended[job.id] = None
                if not is_first:  # what was there when the first listener came is no news
                    await self._tell(services, job, is_end=is_end)
        self._cursor = max(self._cursor, cursor)
        _forget_oldest(self._sent)
        _forget_oldest(self._ended)

    async def _tell(self, services: Services, job: Job, *, is_end: bool) -> None:
        message = {"record_id": job.id, "status": job.status.value, "stage": job.stage.value, "progress": job.progress}
        await self._server.emit("job_updated", message)
        if not is_end:
            return
        if job.status is Status.COMPLETED:
            address = services.overview.model_address(job, origin="")
            await self._server.emit("job_completed", {"record_id": job.id, "result": {"3d_url": address}})
        else:
            error = job.error_message or "The job was cancelled before anything was made."
            await self._server.emit("job_failed", {"record_id": job.id, "error": error})

    def _connected(self, session: str, environ: dict[str, Any], auth: object = None) -> None:
        self._listeners.add(session)

    def _disconnected(self, session: str, reason: object = None) -> None:
        self._listeners.discard(session)


def _forget_oldest(message: dict[Any, None]) -> None:
    for old in list(message)[:-TOLD_KEPT]:
        del message[old]
