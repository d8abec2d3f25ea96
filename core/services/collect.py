"""Bring a finished model home: ask for a fresh address, fetch, check, store, and only then call the job completed."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from core.domain.errors import (
    AccountBlocked,
    AccountBusy,
    ClaimLost,
    LookupFailed,
    ModelInvalid,
    ModelUnavailable,
    StorageFull,
    StoreUnavailable,
)
from core.domain.generation import TaskPhase, TaskState
from core.domain.job import Job, StoredModel
from core.domain.naming import slug
from core.mesh.glb import read_facts
from core.ports.generator import Generator
from core.ports.job_store import Claimed, Failure, JobStore
from core.ports.object_store import ObjectStore
from core.services.leases import kept
from core.services.waits import busy_wait_s, retry_wait_s

log = logging.getLogger(__name__)
MEDIA_TYPE = "model/gltf-binary"
KEEP_TRYING = timedelta(hours=24)  # a paid model is fetched again and again for a day before the job fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """The use case; one tick fetches the models that wait, one after the other."""

    jobs: JobStore
    objects: ObjectStore
    generator: Generator
    owner: str
    lease_s: float

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
            self.jobs.complete(claimed.claim, model)
            log.info("job %s: completed, %s bytes", job.id, model.size_bytes)
        except ClaimLost as exc:
            log.warning("job %s: %s", job.id, exc.message)
        except ModelInvalid as exc:
            message = f"{exc.message} The task number for {self.generator.label}'s support is {job.task_id}."
            self.jobs.fail(claimed.claim, Failure(code=exc.code, message=message))
        except AccountBusy as exc:
            wait_s = busy_wait_s(exc.retry_after_s)
            self.jobs.pause_account(generator=self.generator.name, wait_s=wait_s)
            self.jobs.postpone_saving(claimed.claim, wait_s=wait_s, note=exc.message)
        except (LookupFailed, AccountBlocked, ModelUnavailable, StorageFull, StoreUnavailable) as exc:
            self._try_again(claimed, exc.message)

    def _bring_home(self, job: Job) -> StoredModel:
        data = self.generator.fetch_model(self._fresh(job)).data
        facts = read_facts(data)
        key = f"models/{job.id}/{slug(job.target_object)}.glb"
        self.objects.put(key, data, media_type=MEDIA_TYPE)
        return StoredModel(
            key=key,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            face_count=facts.face_count,
            vertex_count=facts.vertex_count,
        )

    def _fresh(self, job: Job) -> TaskState:
        """The task as it is now: addresses of models live for minutes only."""
        task_id = job.task_id or ""
        state = self.generator.look_up([task_id]).found.get(task_id)
        if state is None or state.phase is not TaskPhase.SUCCEEDED:
            raise ModelUnavailable("The finished model is not offered at this moment; it is asked for again.")
        return state

    def _try_again(self, claimed: Claimed, reason: str) -> None:
        job = claimed.job
        log.warning("job %s: the model could not be stored: %s", job.id, reason)
        if job.started_at is not None and self.jobs.now() - job.started_at > KEEP_TRYING:
            message = f"The model was made, but could not be fetched for a day. The last reason: {reason}"
            self.jobs.fail(claimed.claim, Failure(code="model_not_fetched", message=message))
            return
        self.jobs.postpone_saving(claimed.claim, wait_s=retry_wait_s(job.epoch), note=reason)
