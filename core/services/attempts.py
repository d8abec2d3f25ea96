"""One attempt at a job as its generator gets it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from core.domain.errors import NotSent, ObjectMissing
from core.domain.generation import GenerationRequest
from core.domain.job import Job
from core.domain.request import Slot
from core.ports.journal import Installation
from core.ports.object_store import ObjectStore
from core.services.throttle import Throttle

NO_PICTURE = "The job has no picture."
NO_TOKENS: Mapping[Slot, str] = MappingProxyType({})


def attempt_id(job: Job, home: Installation) -> str:
    """A UUID that is the same whoever asks: of the table, the job, the attempt, and its random number."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{home.id}/{job.id}/{job.attempt}/{job.nonce}"))


def handed_over(job: Job, generator: Throttle, objects: ObjectStore) -> dict[Slot, str]:
    """Give the generator the pictures of the job that it uses, which is free; their tokens. Others do not leave.

    Raises: ObjectMissing, StoreUnavailable, and what `upload` raises.
    """
    if job.request is None:
        raise ObjectMissing(NO_PICTURE)
    offer = generator.declaration.offer(job.kind)
    inputs = job.request.inputs()
    used = [slot for slot in inputs if offer is None or not offer.uses or slot in offer.uses]
    return {slot: generator.upload(inputs[slot], objects.get(inputs[slot].key)) for slot in used}


def main_token(job: Job, tokens: Mapping[Slot, str]) -> str:
    """What a task is known by beside its nonce: the front's token, or the task whose model is converted.

    Empty for a request without a picture.
    """
    return "" if job.request is None else job.request.main_token(tokens)


def order_of(job: Job, home: Installation, tokens: Mapping[Slot, str] = NO_TOKENS) -> GenerationRequest:
    """The newest attempt, ready to be sent. Raises: NotSent when none was ever written down, ObjectMissing."""
    if job.nonce is None:
        raise NotSent(f"Job {job.id} was never sent, so there is nothing to begin again.")
    if job.request is None:
        raise ObjectMissing(NO_PICTURE)
    return GenerationRequest(
        job_id=job.id,
        attempt=job.attempt,
        attempt_id=attempt_id(job, home),
        target_object=job.target_object,
        request=job.request,
        tokens=MappingProxyType(dict(tokens)),
        nonce=job.nonce,
    )
