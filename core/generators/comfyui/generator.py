"""The Generator port on a ComfyUI server: free of charge, and settled by the name that we give each attempt."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import httpx

from core.domain.errors import (
    AccountBlocked,
    GenerationError,
    InputRefused,
    LookupFailed,
    ModelUnavailable,
    RequestRejected,
)
from core.domain.generation import FetchedModel, GenerationRequest, TaskLookup, TaskState
from core.domain.job import Category
from core.domain.request import JobRequest, StoredImage
from core.generators.comfyui import states
from core.generators.comfyui.capabilities import missing
from core.generators.comfyui.client import ComfyClient, ComfyFile
from core.generators.comfyui.declaration import NAME, declared
from core.generators.comfyui.memory import free_memory
from core.generators.comfyui.order import ComfyOrder, order_of
from core.generators.comfyui.places import check_places
from core.generators.comfyui.progress import Progress
from core.generators.comfyui.results import find, kept_model, listed_names
from core.generators.comfyui.workflow import Workflow, subfolder

log = logging.getLogger(__name__)
MOST_REMEMBERED = 1000
MOST_CANCELS = 3  # a job that was queued twice is cancelled one at a time
MOST_SENTENCES = 5
MOST_UNREADABLE = 3  # in one look-up: more are the server's fault rather than the tasks'


class ComfyGenerator:
    """Makes models with a workflow of the operator's on a ComfyUI server.

    Args:
        url: of the server, such as http://127.0.0.1:8188.
        headers: for a proxy before it; secret.
        on_ended: hears of a task that ended before it is asked for; must return at once.
        transport: a test's own; then no web socket is opened.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        workflow: Workflow,
        on_ended: Callable[[str], None] = lambda task_id: None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        client_id = uuid.uuid4().hex  # of this process alone: the newest socket of a name takes its messages over
        self.workflow = workflow
        self.declaration = declared(workflow)
        self._client = ComfyClient(url, headers=headers, client_id=client_id, transport=transport)
        self._progress = Progress(
            url, headers=headers, client_id=client_id, weights=workflow.weights, on_ended=on_ended
        )
        self._has_socket = transport is None
        self._stopped: dict[str, None] = {}  # a job that is cancelled while it waits leaves no trace at ComfyUI
        self._unreadable: frozenset[str] = frozenset()  # tasks that are asked about after all others

    @property
    def account(self) -> str:
        return self._client.account

    def estimate(self, request: JobRequest) -> Decimal:
        return Decimal(0)

    def category(self, request: JobRequest) -> Category:
        return NAME

    def check(self, request: JobRequest) -> None:
        """Its workflow may lack a place for what is given."""
        try:
            check_places(self.workflow, request)
        except InputRefused as exc:
            raise InputRefused(f"{exc.message} Nothing was stored.", code=exc.code) from exc

    def upload(self, image: StoredImage, data: bytes) -> str:
        # by its content: the picture is read when the job runs, and must not change under a job that waits
        suffix = "png" if image.media_type == "image/png" else "jpg"
        return self._client.upload(f"{hashlib.sha256(data).hexdigest()}.{suffix}", data, image.media_type)

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        order = self._order(request)
        self._send(order, check_send_window)
        return order.attempt_id

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        """Send a task again that ComfyUI lost, or that its graphics card had no memory for: only once it is asked.

        Raises: LookupFailed: nothing was sent. NotSent, OutcomeUnknown, RequestRejected, AccountBlocked: as `create`.
        """
        # ComfyUI takes the same id twice and runs it twice. While a second run waits, it tells of the end of the first.
        if any(job.get("id") == task_id for job in self._client.open_jobs()):
            return
        known = self._settled(task_id)
        if known is not None and not known.may_go_again:
            return
        if known is not None:
            free_memory(self._client)
        order = replace(self._order(request), attempt_id=task_id)
        self._send(order, check_send_window, is_second_run=known is not None)

    def _order(self, request: GenerationRequest) -> ComfyOrder:
        """Raises: RequestRejected, for a job that waited while the operator put in a workflow without its places."""
        try:
            check_places(self.workflow, request.request)
        except InputRefused as exc:
            raise RequestRejected(f"{exc.message} It cost nothing.") from exc
        return order_of(request)

    def _send(self, order: ComfyOrder, check_send_window: Callable[[], None], *, is_second_run: bool = False) -> None:
        graph = self.workflow.filled(order)
        if self._has_socket:
            self._progress.watch(order.attempt_id)
        self._client.create(
            order.attempt_id,
            graph,
            mark=order.mark,
            workflow=self.workflow,
            check_send_window=check_send_window,
            is_second_run=is_second_run,
        )

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        jobs = {job.get("id"): job for job in self._client.open_jobs()}
        found: dict[str, TaskState] = {}
        missed: set[str] = set()
        unreadable: dict[str, GenerationError] = {}
        for task_id in sorted(task_ids, key=self._unreadable.__contains__):
            job = jobs.get(task_id)
            try:
                state = self._settled(task_id) if job is None else self._open(task_id, job)
            except (LookupFailed, AccountBlocked) as exc:
                log.warning("task %s: %s", task_id, exc.message)
                unreadable[task_id] = exc
                if len(unreadable) == MOST_UNREADABLE:
                    break
                continue
            if state is None:
                missed.add(task_id)
            else:
                found[task_id] = state
        self._unreadable = frozenset(unreadable) | (self._unreadable - found.keys() - missed)
        if unreadable and not found and not missed:
            raise next(iter(unreadable.values()))
        return TaskLookup(found=found, missed=frozenset(missed))

    def _open(self, task_id: str, job: Mapping[str, object]) -> TaskState:
        return states.open_state(task_id, job, self._progress.percent(task_id))

    def _settled(self, task_id: str) -> TaskState | None:
        """A job by itself; None when ComfyUI does not know it and no file of it is there.

        The file counts before the words: it outlives a restart, and a job that failed later made it all the same.
        """
        job = self._client.job(task_id)
        if job is not None and str(job.get("status")) in states.OPEN:
            return self._open(task_id, job)
        listed = [] if job is None else listed_names(job, self.workflow.save_nodes)
        file, is_half = find(self._client, task_id, listed)
        if file is not None:
            return states.made(task_id, file)
        if job is None:
            return states.stopped(task_id) if task_id in self._stopped else None
        ended = states.not_made(task_id, job, is_half=is_half, was_listed=bool(listed))
        return replace(ended, may_go_again=False) if task_id in self._stopped else ended

    def fetch_model(self, task: TaskState) -> FetchedModel:
        folder, _, name = (task.model_url or "").rpartition("/")
        if folder != subfolder(task.task_id):
            raise ModelUnavailable("ComfyUI says the model is made but names no file yet; it is asked again.")
        return FetchedModel(data=kept_model(self._client.download(ComfyFile(subfolder=folder, filename=name))))

    def stop_task(self, task_id: str) -> None:
        """Ask ComfyUI to end a task, waiting or running. One that runs may still come to its end."""
        for _ in range(MOST_CANCELS):
            if not self._client.cancel(task_id):
                return
            self._stopped[task_id] = None
            for old in list(self._stopped)[:-MOST_REMEMBERED]:
                self._stopped.pop(old, None)

    def missing(self) -> list[str]:
        """What the server lacks for the workflow. Raises: AccountBlocked, LookupFailed."""
        return missing(self._client, self.workflow)

    def check_account(self) -> None:
        lacking = self.missing()
        if lacking:
            raise AccountBlocked(" ".join(lacking[:MOST_SENTENCES]), code="comfyui_lacks")

    def close(self) -> None:
        self._progress.close()
        self._client.close()
