"""Whether a request under a known Idempotency-Key is the same request again: told by what was sent.

A picture that was sent as an address counts by its address. What the address gives may differ from call to call: hosts
encode pictures anew, and addresses expire. A repeat must not fail for that, nor cost a second time.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, replace
from typing import Any

from core.domain.job import Job, JobOptions
from core.domain.refusals import key_taken
from core.services.requests import SubmitRequest

MARK = "sent-"  # before the fingerprints of requests as they were sent
BY_CONTENT = re.compile("[0-9a-f]{64}")  # of jobs made before that: of the pictures themselves, fetched ones, too
ALWAYS_COUNTED = frozenset({"model", "face_limit", "texture", "pbr"})
LATER_DEFAULTS = ("standard", "auto", "default", False, None)  # of options that came later: left out, so that keys hold


def fingerprint(request: SubmitRequest) -> str:
    """Of the request as it was sent."""
    parts = _texts(request) | {"image": request.address or _sha256(request.image)}
    if request.back is not None or request.back_address is not None:
        parts["back"] = request.back_address or _sha256(request.back or b"")
    return MARK + _digest(parts)


def check_repeat(job: Job, request: SubmitRequest) -> None:
    """Raises: IdempotencyConflict when the job was not made by this request."""
    if not _is_repeat(job, request):
        raise key_taken(job)


def _is_repeat(job: Job, request: SubmitRequest) -> bool:
    if BY_CONTENT.fullmatch(job.request_hash) is None:
        return job.request_hash == fingerprint(request)
    if request.address is None and request.back_address is None:
        return job.request_hash == _content_fingerprint(request)
    # What its address gave then cannot be asked for any more. If all else is the same, the job is: when in doubt,
    # nobody pays twice.
    has_back = request.back is not None or request.back_address is not None
    return (
        (job.target_object, job.session_id, job.iteration)
        == (request.target_object, request.session_id, request.iteration)
        and replace(job.options, back=None) == request.options
        and (job.options.back is not None) == has_back
    )


def _content_fingerprint(request: SubmitRequest) -> str:
    parts = _texts(request) | {"image": _sha256(request.image)}
    if request.back is not None:
        parts["back"] = _sha256(request.back)
    return _digest(parts)


def _texts(request: SubmitRequest) -> dict[str, Any]:
    return {
        "target_object": request.target_object,
        "session_id": request.session_id,
        "iteration": request.iteration,
        "options": _counted(request.options),
    }


def _counted(options: JobOptions) -> dict[str, Any]:
    return {
        name: value for name, value in asdict(options).items() if name in ALWAYS_COUNTED or value not in LATER_DEFAULTS
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest(parts: dict[str, Any]) -> str:
    return _sha256(json.dumps(parts, sort_keys=True).encode())
