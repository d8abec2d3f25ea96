"""A job: one picture that is to become one model, and everything known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.domain.status import Stage, Status

ORIENTATIONS = ("default", "align_image")
STYLES = ("auto", "solid", "relief", "lithophane", "coin")
HEIGHTS_M = (0.001, 1000.0)
MEDIA_TYPES = {"glb": "model/gltf-binary", "fbx": "application/octet-stream", "fbx.zip": "application/octet-stream"}
FREE_GENERATORS = frozenset({"offline"})  # the same as those adapters whose `is_paid` is False
# What people are shown of a job as it goes on. `updated_at` is when one of these last changed.
PUBLIC = frozenset(
    {
        *("status", "stage", "progress", "attempt", "task_id", "started_at", "finished_at", "cancelled_at"),
        *("model", "credits_used", "error_code", "error_message"),
    }
)
DEFAULT_MODEL = "v3.1-20260211"  # Tripo's high-fidelity model. Source: Tripo v3, image-to-model


class Category(StrEnum):
    """Jobs of one category share a limit of tasks open at once."""

    STANDARD = "standard"
    P_SERIES = "p"
    CONVERT = "convert"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """The picture of a job as it lies in the object store: upright, without metadata.

    Attributes:
        name: what the person's file was called, for people to read; never used as a path.
    """

    key: str
    name: str
    media_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Another file that Tripo makes of a model of its own, for credits, because nothing here can make it.

    Attributes:
        task_id: Tripo's task that made the model.
        format: in Tripo's word.
        quad: the surface is laid anew in four-sided faces.
        face_limit: at most this many faces; None leaves it to Tripo.
    """

    task_id: str
    format: str = "FBX"
    quad: bool = False
    face_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What a person may choose about the model.

    Attributes:
        model: Tripo's dated model name; the built-in engine ignores it.
        face_limit: at most this many triangles; None leaves it to the generator.
        texture_quality: "standard", "detailed" or "extreme".
        geometry_quality: "standard" or "detailed"; P models have only one.
        orientation: one of ORIENTATIONS: the front as Tripo understands it, or turned as in the picture; the built-in
            engine does the latter always.
        auto_size: for Tripo: the model gets the size in metres that Tripo guesses the object has.
        style: for the built-in engine: one of STYLES; "auto" makes a solid where an object stands out, else a relief.
        height_m: for the built-in engine: the real height of the object in metres; None leaves its size open.
        back: for the built-in engine: a second picture, of the object's back.
        conversion: the job makes another file of a finished model, and all else here counts for nothing.
    """

    model: str = DEFAULT_MODEL
    face_limit: int | None = None
    texture: bool = True
    pbr: bool = True
    texture_quality: str = "standard"
    geometry_quality: str = "standard"
    orientation: str = "default"
    auto_size: bool = False
    style: str = "auto"
    height_m: float | None = None
    back: StoredImage | None = None
    conversion: Conversion | None = None

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> JobOptions:
        """From what `asdict` made of them."""
        back, conversion = values.get("back"), values.get("conversion")
        parts = {
            "back": None if back is None else StoredImage(**back),
            "conversion": None if conversion is None else Conversion(**conversion),
        }
        return cls(**(dict(values) | parts))


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
        image: the stored picture; its key exists before the row does.
        generator: name of the generator that will make it ("tripo", "offline").
        idempotency_key: the caller's, or None; `request_hash` tells a repeat from another request.
        converted_from: the job whose model becomes another file.
    """

    session_id: str
    target_object: str
    iteration: int
    image: StoredImage
    generator: str
    category: Category
    options: JobOptions = field(default_factory=JobOptions)
    idempotency_key: str | None = None
    request_hash: str = ""
    retry_of: int | None = None
    converted_from: int | None = None
    credits_estimate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the job table, as it was when it was read. Times are aware UTC.

    Attributes:
        updated_at: when a value that people see (PUBLIC) last changed.
        epoch: counts the claims of this job; a write must name the epoch it was claimed with.
        lease_until, owner: who works on it now, and until when nobody else may.
        attempt: 0 before the first submission; grows only when the one before is proven not created.
        not_before: earliest time of the next submission, or None.
        next_poll_at: when the task is to be asked for next, or None.
        missed_count, missed_since: how often in a row, and since when, the generator did not know the task.
        started_at: when the task was bound; the time limit counts from here.
        intent_at: when the intent of the newest attempt was written; by the vendor's clock where that was behind ours.
        account: fingerprint of the account that attempt was meant for; never the key itself.
        settle_scans: complete searches for a lost task that found none, after the settle time.
        cancelled_at: when a person took the wish back; the status reads cancelled from then on.
        hint_at: since when there may be news of the task: a webhook said so, or a question was not answered.
        model_link, image_link: addresses that an older system wrote; only in rows that came from it.
        fetch_tries: how often the finished model could not be fetched or stored.
    """

    id: int
    session_id: str
    target_object: str
    iteration: int
    image: StoredImage | None
    generator: str
    category: Category
    options: JobOptions
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
    converted_from: int | None = None

    @property
    def is_free(self) -> bool:
        """Whether whoever makes its model never charges for anything."""
        return self.generator in FREE_GENERATORS

    @property
    def has_known_size(self) -> bool:
        """Whether the size in its model's file is meant as the object's own; otherwise it is just what came out."""
        return self.options.height_m is not None if self.is_free else self.options.auto_size

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
