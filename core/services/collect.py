"""Bring a finished model home: ask for a fresh address, fetch, check, store, and only then call the job completed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    LookupFailed,
    ModelInvalid,
    ModelUnavailable,
    RequestRejected,
    StorageFull,
    StoreUnavailable,
)
from core.domain.generation import TaskPhase, TaskState
from core.domain.job import Job, StoredModel
from core.domain.naming import slug
from core.mesh.glb import read_facts
from core.ports.job_store import Claimed, Failure, JobStore
from core.ports.object_store import ObjectStore
from core.services.gate import Gate
from core.services.leases import kept
from core.services.waits import retry_wait_s

log = logging.getLogger(__name__)
MEDIA_TYPE = "model/gltf-binary"
INVALID_TRIES = 5  # a page of a gateway in the model's place passes; what is no model five times never will be one
SLOW_AFTER, SLOW_S = timedelta(hours=24), 3600.0  # a paid model is not given up, but after a day tried once an hour
GIVE_UP_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """The use case; one tick fetches the models that wait, one after the other.

    Attributes:
        spool: a place on this machine's own disk for models on their way to a store that may be away; None when the
            store is on this disk itself.
        on_completed: is told of each completed job; must return at once.
    """

    jobs: JobStore
    objects: ObjectStore
    generator: Gate
    owner: str
    lease_s: float
    spool: ObjectStore | None = None
    on_completed: Callable[[Job], None] = lambda job: None

    def tick(self) -> int:
        """Fetch until nothing waits; returns how many models were tried."""
        tried = 0
        while claimed := self.jobs.claim_saving(
            owner=self.owner, lease_s=self.lease_s, generator=self.generator.name, limit=1
        ):
            tried += 1
            with kept(self.jobs, claimed[0].claim, lease_s=self.lease_s):
                self._collect(claimed[0])
        return tried

    def _collect(self, claimed: Claimed) -> None:
        job = claimed.job
        try:
            model = self._bring_home(job)
            done = self.jobs.complete(claimed.claim, model)
            if self.spool is not None:
                self.spool.delete(model.key)
            log.info("job %s: completed, %s bytes", job.id, model.size_bytes)
            self.on_completed(done)
        except ClaimLost as exc:
            log.warning("job %s: %s", job.id, exc.message)
        except ModelInvalid as exc:
            if job.fetch_tries + 1 < INVALID_TRIES:
                self._try_again(claimed, exc.message)
                return
            message = f"{exc.message} The task number for {self.generator.label}'s support is {job.task_id}."
            self.jobs.fail(claimed.claim, Failure(code=exc.code, message=message))
        except AccountBusy as exc:
            self.jobs.postpone_saving(claimed.claim, wait_s=exc.retry_after_s or 0.0, note=exc.message)
        except (LookupFailed, AccountBlocked, RequestRejected, ModelUnavailable, StorageFull, StoreUnavailable) as exc:
            self._try_again(claimed, exc.message)

    def _bring_home(self, job: Job) -> StoredModel:
        key = f"models/{job.id}/{slug(job.target_object)}.glb"
        data = self._on_this_machine(key, job)
        facts = read_facts(data)
        self.objects.put(key, data, media_type=MEDIA_TYPE)
        return StoredModel(
            key=key,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            face_count=facts.face_count,
            vertex_count=facts.vertex_count,
        )

    def _on_this_machine(self, key: str, job: Job) -> bytes:
        """The model from the spool, or fetched and spooled: from then on Tripo may forget it."""
        if self.spool is None:
            return self.generator.fetch_model(self._fresh(job)).data
        if self.spool.exists(key):
            return self.spool.get(key)
        data = self.generator.fetch_model(self._fresh(job)).data
        read_facts(data)  # what is no model is not kept
        self.spool.put(key, data, media_type=MEDIA_TYPE)
        return data

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

    def _try_again(self, claimed: Claimed, reason: str) -> None:
        job = claimed.job
        log.warning("job %s: the model could not be stored: %s", job.id, reason)
        age = self.jobs.now() - (job.started_at or job.created_at)
        if age > GIVE_UP_AFTER:
            message = (
                f"The model was made, but could not be fetched for {GIVE_UP_AFTER.days} days. Last reason: {reason}"
            )
            self.jobs.fail(claimed.claim, Failure(code="model_not_fetched", message=message))
            return
        wait_s = SLOW_S if age > SLOW_AFTER else retry_wait_s(job.fetch_tries + 1)
        self.jobs.postpone_saving(claimed.claim, wait_s=wait_s, note=reason)
