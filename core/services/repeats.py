"""Whether a request under a known Idempotency-Key is the same request again: told by what was sent.

A picture that was sent as an address counts by its address. What the address gives may differ from call to call: hosts
encode pictures anew, and addresses expire. A repeat must not fail for that, nor cost a second time.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from core.domain.job import Job
from core.domain.refusals import key_taken
from core.domain.request import Choices, Slot
from core.domain.request_codec import OLD_CHOICES
from core.services.requests import SubmitRequest

MARK = "sent-"  # before the fingerprints of requests as they were sent
BY_CONTENT = re.compile("[0-9a-f]{64}")  # of jobs made before that: of the pictures themselves, fetched ones, too
# What requests of before kinds were counted with always; other choices of then only where they differed from these.
COUNTED = {"model": OLD_CHOICES["model"], "face_limit": None, "texture": True, "pbr": True}


def fingerprint(request: SubmitRequest) -> str:
    """Of the request as it was sent."""
    parts = _texts(request)
    for slot, sent in request.pictures.items():
        parts["image" if slot is Slot.FRONT else slot.value] = sent.address or _sha256(sent.data)
    return MARK + _digest(parts)


def check_repeat(job: Job, request: SubmitRequest) -> None:
    """Raises: IdempotencyConflict when the job was not made by this request."""
    if not _is_repeat(job, request):
        raise key_taken(job, request.idempotency_key)


def _is_repeat(job: Job, request: SubmitRequest) -> bool:
    if BY_CONTENT.fullmatch(job.request_hash) is None:
        return job.request_hash == fingerprint(request)
    if all(sent.address is None for sent in request.pictures.values()):
        return job.request_hash == _content_fingerprint(request)
    # What its address gave then cannot be asked for any more. If all else is the same, the job is: when in doubt,
    # nobody pays twice.
    return (
        (job.target_object, job.session_id, job.iteration)
        == (request.target_object, request.session_id, request.iteration)
        and _counted(job.choices) == _counted(request.choices)
        and job.request is not None
        and set(job.request.inputs()) == set(request.pictures)
    )


def _content_fingerprint(request: SubmitRequest) -> str:
    names = {Slot.FRONT: "image"}
    return _digest(
        _texts(request) | {names.get(slot, slot.value): _sha256(sent.data) for slot, sent in request.pictures.items()}
    )


def _texts(request: SubmitRequest) -> dict[str, Any]:
    parts = {
        "target_object": request.target_object,
        "session_id": request.session_id,
        "iteration": request.iteration,
        "options": _counted(request.choices),
    }
    texts = dict(request.texts) | {"generator": request.generator or ""}
    return parts | {name: text for name, text in texts.items() if text}


def _counted(choices: Choices) -> dict[str, Any]:
    chosen = {name: value for name, value in choices.items() if OLD_CHOICES.get(name) != value}
    return COUNTED | chosen


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(parts: dict[str, Any]) -> str:
    return _sha256(json.dumps(parts, sort_keys=True).encode())
