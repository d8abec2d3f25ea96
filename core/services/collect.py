"""Bring a finished model home: ask for a fresh address, fetch, check, store, and only then call the job completed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from core.domain.claims import Claimed, Failure
from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    LookupFailed,
    ModelInvalid,
    ModelUnavailable,
    NotSent,
    ObjectMissing,
    OutcomeUnknown,
    RequestRejected,
    StorageFull,
    StoreUnavailable,
)
from core.domain.generation import TaskPhase, TaskState
from core.domain.job import MEDIA_TYPES, Job, StoredModel
from core.domain.naming import slug
from core.domain.transitions import IN_VAIN, tried_since
from core.mesh import fbx
from core.mesh.glb import read_facts
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services import unreadable
from core.services.backoff import POLL_STEPS, retry_wait_s, spread
from core.services.elsewhere import AGAIN, GONE, STOPPED, Elsewhere
from core.services.leases import renewing
from core.services.model_files import KEPT_CODE, model_key, preview_key
from core.services.throttle import Throttle

log = logging.getLogger(__name__)
SLOW_AFTER, SLOW_S = timedelta(hours=24), 3600.0  # a paid model is not given up, but after a day tried once an hour
GIVE_UP_AFTER = timedelta(days=7)
PICTURES = (b"\x89PNG", b"\xff\xd8", b"RIFF")


class _Unreadable(ModelInvalid):
    """A whole download that cannot be read as a model."""

    def __init__(self, message: str, data: bytes) -> None:
        super().__init__(message)
        self.data = data


def spool_key(task_id: str) -> str:
    """By task, which is one for ever; job numbers begin again in an emptied table."""
    return f"models/{slug(task_id)}.glb"


def _stored(job: Job, data: bytes) -> StoredModel:
    """What is written down of a file. Raises: _Unreadable."""
    try:
        if job.makes_model:
            facts = read_facts(data)
            kind, faces, vertices = "glb", facts.face_count, facts.vertex_count
        else:
            kind, faces, vertices = fbx.kind_of(data), None, None
    except ModelInvalid as exc:
        raise _Unreadable(exc.message, data) from exc
    return StoredModel(
        key=model_key(job, kind),
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        face_count=faces,
        vertex_count=vertices,
        kind=kind,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """The use case; one tick fetches the models that wait, one after the other.

    Attributes:
        spool: a place on this machine's own disk for models on their way to a store that may be away; None when the
            store is on this disk itself.
        elsewhere: for a generator that costs nothing and keeps its tasks on one machine.
        on_completed: is told of each completed job; must return at once.
    """

    jobs: JobStore
    objects: ObjectStore
    generator: Throttle
    owner: str
    lease_s: float
    spool: ObjectStore | None = None
    elsewhere: Elsewhere | None = None
    on_completed: Callable[[Job], None] = lambda job: None

    def tick(self) -> int:
        """Fetch until nothing waits; returns how many models were tried."""
        tried = 0
        while claimed := self.jobs.claim_saving(
            owner=self.owner, lease_s=self.lease_s, generator=self.generator.name, limit=1
        ):
            tried += 1
            with renewing(self.jobs, claimed[0].claim, lease_s=self.lease_s):
                self._collect(claimed[0])
        return tried

    def _collect(self, claimed: Claimed) -> None:
        job = claimed.job
        try:
            if self.elsewhere is not None and not self._is_here(claimed, self.elsewhere):
                return
            model = self._bring_home(job)
            done = self.jobs.complete(claimed.claim, model)
            if self.spool is not None:
                self.spool.delete(spool_key(job.task_id or ""))
            log.info("job %s: completed, %s bytes", job.id, model.size_bytes)
            self.on_completed(done)
        except ClaimLost as exc:
            log.warning("job %s: %s", job.id, exc.message)
        except ModelInvalid as exc:
            self._cannot_be_read(claimed, exc)
        except AccountBusy as exc:
            self.jobs.postpone_saving(claimed.claim, wait_s=exc.retry_after_s or 0.0, note=exc.message)
        except (LookupFailed, AccountBlocked, RequestRejected, ModelUnavailable, StorageFull, StoreUnavailable) as exc:
            self._try_again(claimed, exc.message)

    def _is_here(self, claimed: Claimed, elsewhere: Elsewhere) -> bool:
        """Whether this process has the model of a task that costs nothing; if not, what follows was written down."""
        job = claimed.job
        if job.cancelled_at is not None:
            self.jobs.fail(claimed.claim, STOPPED)
            return False
        if self.spool is not None and self.spool.exists(spool_key(job.task_id or "")):
            return True
        answer = self.generator.look_up([job.task_id or ""])
        state, is_missed = answer.found.get(job.task_id or ""), bool(answer.missed)
        if state is not None and state.phase is TaskPhase.SUCCEEDED:
            return True
        failed = state is not None and state.phase is TaskPhase.FAILED
        if state is not None and failed and not state.may_go_again:
            why = state.error_message or "The model could not be made again. It cost nothing."
            self.jobs.fail(claimed.claim, Failure(code=state.error_code or "task_failed", message=why))
            return False
        is_missed = is_missed or failed
        if is_missed and elsewhere.is_silent(job, self.jobs.now()):
            refusal = elsewhere.refusal(job)
            if refusal is not None:
                self.jobs.fail(claimed.claim, refusal)
                return False
            try:
                elsewhere.begin_here(claimed, self.jobs)
                is_missed = False
            except OutcomeUnknown as exc:
                log.warning("job %s: it may have been begun again here: %s", job.id, exc.message)
                is_missed = False
            except ObjectMissing:
                self.jobs.fail(claimed.claim, GONE)
                return False
            except RequestRejected as exc:
                self.jobs.fail(claimed.claim, Failure(code=exc.code, message=exc.message))
                return False
            except (NotSent, AccountBlocked) as exc:
                log.warning("job %s: it could not be begun again here: %s", job.id, exc.message)
        wait_s = POLL_STEPS[0][1] * spread()
        note = elsewhere.left if is_missed else AGAIN
        self.jobs.postpone_saving(claimed.claim, wait_s=wait_s, note=note, is_missed=is_missed)
        return False

    def _cannot_be_read(self, claimed: Claimed, exc: ModelInvalid) -> None:
        """Counted apart: faults of the network never add up to this."""
        job, now = claimed.job, self.jobs.now()
        data = exc.data if isinstance(exc, _Unreadable) else None
        try:
            seen = unreadable.note(self.objects, job, now, data=data, refusal=exc.message)
        except (StorageFull, StoreUnavailable) as away:
            self._try_again(claimed, away.message)
            return
        if not unreadable.is_proven(seen, now, data=data):
            self._try_again(claimed, exc.message, wait_s=unreadable.wait_s(seen))
            return
        kept_file = "" if data is None else " The file that came is kept: download it on the job's page."
        message = f"{exc.message}{kept_file} The task number for {self.generator.label}'s support is {job.task_id}."
        self.jobs.fail(claimed.claim, Failure(code=exc.code if data is None else KEPT_CODE, message=message))

    def _bring_home(self, job: Job) -> StoredModel:
        data = self._on_this_machine(job)
        model = _stored(job, data)
        self.objects.put(model.key, data, media_type=MEDIA_TYPES[model.kind])
        return model

    def _on_this_machine(self, job: Job) -> bytes:
        """The model from the spool, or fetched and spooled: from then on Tripo may forget it."""
        key = spool_key(job.task_id or "")
        if self.spool is not None:
            with suppress(ObjectMissing):  # not there yet, or removed since another process completed the job
                return self.spool.get(key)
        fetched = self.generator.fetch_model(self._fresh(job))
        self._keep_preview(job, fetched.preview)
        if self.spool is not None:
            _stored(job, fetched.data)  # what is no model is not kept
            self.spool.put(key, fetched.data, media_type="application/octet-stream")
        return fetched.data

    def _keep_preview(self, job: Job, preview: bytes | None) -> None:
        """The generator's own picture; nothing waits for it, and nothing fails without it."""
        if preview is None or not preview.startswith(PICTURES):
            return
        try:
            self.objects.put(preview_key(job), preview, media_type="image/png")
        except (StorageFull, StoreUnavailable) as exc:
            log.info("job %s: the generator's own picture could not be stored: %s", job.id, exc.message)

    def _fresh(self, job: Job) -> TaskState:
        """The task with an address that holds: they live for minutes only."""
        task_id = job.task_id or ""
        heard = self.generator.take_finished(task_id)
        if heard is not None:
            return heard
        state = self.generator.look_up([task_id]).found.get(task_id)
        if state is None or state.phase is not TaskPhase.SUCCEEDED:
            raise ModelUnavailable("The finished model is not offered at this moment; it is asked for again.")
        return state

    def _try_again(self, claimed: Claimed, reason: str, *, wait_s: float = 0.0) -> None:
        job = claimed.job
        log.warning("job %s: the model could not be stored: %s", job.id, reason)
        now = self.jobs.now()
        age = now - (job.made_since or job.created_at)
        if age > GIVE_UP_AFTER and now - tried_since(job, now) > IN_VAIN:
            message = (
                f"The model was made, but could not be fetched for {GIVE_UP_AFTER.days} days. Last reason: {reason}"
            )
            self.jobs.fail(claimed.claim, Failure(code="model_not_fetched", message=message))
            return
        wait_s = max(wait_s, SLOW_S if age > SLOW_AFTER else retry_wait_s(job.fetch_tries + 1))
        self.jobs.postpone_saving(claimed.claim, wait_s=wait_s, note=reason)
