"""Files that came in a model's place and could not be read: kept, and counted apart from all other failures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from core.domain.errors import ObjectMissing
from core.domain.job import Job
from core.mesh import fbx
from core.ports.object_store import ObjectStore
from core.services.model_files import original_key, unreadable_key

MODEL_MAGIC = (b"glTF", *fbx.MAGIC)
PROOF_TRIES = 3  # complete downloads of the same bytes
PROOF_AFTER = timedelta(minutes=10)  # the time that they span at least
PAGE_AFTER = timedelta(hours=24)  # what does not begin as a model may be a gateway's page, which passes
FIRST_WAIT_S, WAIT_S = 10.0, 300.0  # the same large file is not fetched every few seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The same thing, downloaded again and again.

    Attributes:
        digest: of the bytes, or of the refusal where there are none.
        count: complete downloads in a row that gave it.
        first_at: of the first of them, ISO 8601.
    """

    task_id: str
    digest: str
    count: int
    first_at: str


def note(objects: ObjectStore, job: Job, now: datetime, *, data: bytes | None, refusal: str) -> Seen:
    """Keep `data` and count this download. Raises: StorageFull, StoreUnavailable."""
    digest = hashlib.sha256(refusal.encode() if data is None else data).hexdigest()
    before = _before(objects, job)
    if before is not None and before.digest == digest and before.task_id == job.task_id:
        seen = Seen(task_id=before.task_id, digest=digest, count=before.count + 1, first_at=before.first_at)
    else:
        seen = Seen(task_id=job.task_id or "", digest=digest, count=1, first_at=now.isoformat())
        if data is not None:
            objects.put(original_key(job), data, media_type="application/octet-stream")
    objects.put(unreadable_key(job), json.dumps(asdict(seen)).encode(), media_type="application/octet-stream")
    return seen


def is_proven(seen: Seen, now: datetime, *, data: bytes | None) -> bool:
    """Whether this is what the generator made, and not something in its place on the way."""
    may_pass = data is not None and not data.startswith(MODEL_MAGIC)
    span = now - datetime.fromisoformat(seen.first_at)
    return seen.count >= PROOF_TRIES and span >= (PAGE_AFTER if may_pass else PROOF_AFTER)


def wait_s(seen: Seen) -> float:
    """Seconds until the file is fetched again."""
    return FIRST_WAIT_S if seen.count == 1 else WAIT_S


def _before(objects: ObjectStore, job: Job) -> Seen | None:
    try:
        return Seen(**json.loads(objects.get(unreadable_key(job))))
    except (ObjectMissing, ValueError, TypeError):
        return None
