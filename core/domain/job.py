"""A job: one model that is asked for, and everything known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.domain.request import (
    NO_CHOICES,
    NO_TEXTS,
    About,
    Choices,
    Conversion,
    ConvertModel,
    JobRequest,
    Kind,
    Product,
    StoredImage,
)
from core.domain.status import Stage, Status

MEDIA_TYPES = {"glb": "model/gltf-binary", "fbx": "application/octet-stream", "fbx.zip": "application/octet-stream"}
# What people are shown of a job as it goes on. `updated_at` is when one of these last changed.
PUBLIC = frozenset(
    {
        *("status", "stage", "progress", "attempt", "task_id", "started_at", "finished_at", "cancelled_at"),
        *("model", "credits_used", "error_code", "error_message"),
    }
)


Category = str  # jobs of one category share a limit of tasks open at once; its generator names it


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """The finished model as it lies in the object store.

    Attributes:
        face_count, vertex_count: None where the file is not read here.
        kind: ending of the file that is downloaded.
    """

    key: str
    size_bytes: int
    sha256: str
    face_count: int | None
    vertex_count: int | None
    kind: str = "glb"

    @property
    def is_glb(self) -> bool:
        """Only a GLB is shown, measured and exported here."""
        return self.kind == "glb"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job that is about to be queued.

    Attributes:
        request: its pictures are stored before the row exists.
        generator: name of the generator that will make it.
        idempotency_key: the caller's, or one that says what is ordered, or None; `request_hash` tells a repeat from
            another request.
        caller_key, caller_hash: the same of the caller, where `idempotency_key` says what is ordered.
    """

    session_id: str
    target_object: str
    iteration: int
    request: JobRequest
    generator: str
    category: Category
    idempotency_key: str | None = None
    request_hash: str = ""
    caller_key: str | None = None
    caller_hash: str = ""
    retry_of: int | None = None
    credits_estimate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the job table, as it was when it was read. Times are aware UTC.

    Attributes:
        request: what is asked for; None in rows of an older system that left no picture.
        updated_at: when a value that people see (PUBLIC) last changed.
        epoch: counts the claims of this job; a write must name the epoch it was claimed with.
        lease_until, owner: who works on it now, and until when nobody else may.
        attempt: 0 before the first submission; grows only when the one before is proven not created.
        not_before: earliest time of the next submission, or None. While its task is under way: when it was last heard
            to be only waiting in the line of a generator that costs nothing; None when it never was.
        next_poll_at: when the task is to be asked for next, or None.
        missed_count, missed_since: how often in a row, and since when, the generator did not know the task; while it is
            searched for, since when that goes on without a standstill.
        started_at: when the task was bound; see `made_since` for the time limit.
        intent_at: when the intent of the newest attempt was written; by the vendor's clock where that was behind ours.
        account: fingerprint of the account that attempt was meant for; never the key itself.
        settle_scans: complete searches for a lost task that found none, after the settle time. Of a task that costs
            nothing: how often it was looked for in vain for a whole lease, and begun again.
        scanned_at: when a lost task was last searched for; once it is known, since when it is asked for in vain.
        cancelled_at: when a person took the wish back; the status reads cancelled from then on.
        hint_at: since when there may be news of the task: a webhook said so, or a question was not answered.
        model_link, image_link: addresses that an older system wrote; only in rows that came from it.
        fetch_tries: how often the finished model could not be fetched or stored.
    """

    id: int
    session_id: str
    target_object: str
    iteration: int
    request: JobRequest | None
    generator: str
    category: Category
    status: Status
    stage: Stage
    created_at: datetime
    updated_at: datetime
    progress: int = 0
    attempt: int = 0
    nonce: int | None = None
    image_token: str | None = field(default=None, repr=False)
    send_by: datetime | None = None
    task_id: str | None = None
    owner: str | None = None
    epoch: int = 0
    lease_until: datetime | None = None
    not_before: datetime | None = None
    next_poll_at: datetime | None = None
    missed_count: int = 0
    missed_since: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    intent_at: datetime | None = None
    account: str | None = None
    settle_scans: int = 0
    scanned_at: datetime | None = None
    cancelled_at: datetime | None = None
    hint_at: datetime | None = None
    fetch_tries: int = 0
    model: StoredModel | None = None
    model_link: str | None = None
    image_link: str | None = None
    credits_estimate: Decimal | None = None
    credits_used: Decimal | None = None
    error_code: str | None = None
    error_message: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    retry_of: int | None = None

    @property
    def kind(self) -> Kind:
        return Kind.IMAGE if self.request is None else self.request.kind

    @property
    def image(self) -> StoredImage | None:
        """The picture by which people know it; None where there is none."""
        return next(iter(self.request.pictures), None) if self.request is not None else None

    @property
    def about(self) -> About:
        """What is asked and said of its kind."""
        return self.kind.about

    @property
    def texts(self) -> Mapping[str, str]:
        """The words that were given for it, by name."""
        return NO_TEXTS if self.request is None else self.request.texts()

    @property
    def makes_model(self) -> bool:
        """Whether a model comes of it, rather than another file of one."""
        return self.about.product is Product.MODEL

    @property
    def choices(self) -> Choices:
        return NO_CHOICES if self.request is None else self.request.choices

    @property
    def conversion(self) -> Conversion | None:
        """Which file it makes of another job's model; None when it makes a model."""
        return self.request.conversion if isinstance(self.request, ConvertModel) else None

    @property
    def source(self) -> int | None:
        """The job whose finished model this one rests on."""
        return None if self.request is None else self.request.source_job

    @property
    def is_free(self) -> bool:
        """Whether whoever makes its model never charges for anything."""
        return self.credits_estimate == 0

    @property
    def made_since(self) -> datetime | None:
        """Since when its task can have been at work, as far as was heard; the time limit counts from here."""
        if self.started_at is None or self.not_before is None:
            return self.started_at
        return max(self.started_at, self.not_before)

    @property
    def only_waits(self) -> bool:
        """Whether all that was heard of its task is that it waits in its generator's own line."""
        return self.task_id is not None and self.not_before is not None and self.progress == 0

    @property
    def has_known_size(self) -> bool:
        """Whether the size in its model's file is meant as the object's own; otherwise it is just what came out."""
        return "height_m" in self.choices or self.choices.get("auto_size") is True

    @property
    def is_elsewhere(self) -> bool:
        """Whether another program, which writes into the same table, is at work on it; nothing of ours touches it."""
        return self.stage is Stage.DONE and self.status is Status.RUNNING

    @property
    def is_ended(self) -> bool:
        """True when nothing about this job will change again."""
        return self.stage is Stage.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One change of stage. A job's events, replayed, give its stage, status and error.

    Attributes:
        before: None for the event that created the job.
        note: a sentence for people.
    """

    id: int
    job_id: int
    at: datetime
    before: Stage | None
    after: Stage
    status: Status
    attempt: int
    task_id: str | None
    error_code: str | None
    note: str
