"""Take a picture and a name, check both, keep the picture, and queue a job."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from core.domain.errors import InputRefused, MaquetteError, PictureRefused, StoreDamaged, StoreUnavailable
from core.domain.job import HEIGHTS_M, ORIENTATIONS, STYLES, Job, JobOptions, NewJob, StoredImage
from core.domain.naming import slug
from core.imaging.picture import Picture, prepare
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.services.decide import budget_of, category_of
from core.services.waits import MOVED, is_for_good

MAX_NAME = 200  # characters; longer ones do not fit a table or a file name
MAX_SESSION = 200
CHECKED_AT_ONCE = 2  # a picture of 64 megapixels takes 700 MB while it is checked
FACE_LIMITS = (100, 2_000_000)  # below, nothing is recognisable; above, no viewer keeps up
OLD = frozenset({"model", "face_limit", "texture", "pbr"})  # always hashed, so that a key stays good over an update
log = logging.getLogger(__name__)
USUAL = ("standard", "auto", "default", False, None)  # of options that came later
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """What a person or a program asks for.

    Attributes:
        image: the file as it came, any kind that is accepted.
        image_name: what it was called; shown, never used as a path.
        back: a second picture, of the object's back; only the built-in engine takes one.
        idempotency_key: the same key gives the same job.
    """

    image: bytes = field(repr=False)
    image_name: str
    target_object: str
    session_id: str
    iteration: int = 1
    options: JobOptions = field(default_factory=JobOptions)
    idempotency_key: str | None = None
    back: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job, and whether this call made it (False: a repeat)."""

    job: Job
    created: bool


class Maker(Protocol):
    """What is needed to know of a generator before a job is queued. See core.ports.generator."""

    @property
    def name(self) -> str: ...

    def check_options(self, options: JobOptions) -> None: ...

    def estimate(self, options: JobOptions) -> Decimal | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The use case.

    Attributes:
        generator: who will make the model; asked for its name, its prices and what it can do.
        max_credits_per_day: the budget; None for no limit.
        on_queued: called after a job was queued, to wake the scheduler.
    """

    jobs: JobStore
    objects: ObjectStore
    generator: Maker
    max_credits_per_day: Decimal | None
    max_image_bytes: int
    on_queued: Callable[[], None]
    _checking: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(CHECKED_AT_ONCE), init=False
    )

    def submit(self, request: SubmitRequest) -> Submitted:
        """Queue one job.

        Raises: InputRefused (PictureRefused for the picture, BudgetExceeded), IdempotencyConflict, StorageFull,
            StoreUnavailable.
        """
        request = _checked(request)
        damage = self.jobs.damage()
        if damage is not None:
            raise StoreDamaged(damage)
        if is_for_good(self.jobs.account_wait_s(generator=self.generator.name)):
            raise StoreUnavailable(MOVED)
        self.generator.check_options(_with_back(request))
        with self._checking:
            picture = prepare(request.image, max_bytes=self.max_image_bytes)
            back = None if request.back is None else self._prepared_back(request.back)
        stored: list[StoredImage] = []
        try:
            image = self._store(picture, request, stored)
            options = request.options
            if back is not None:
                options = replace(options, back=self._store(back, request, stored))
        except MaquetteError:
            self._forget(stored)
            raise
        new = NewJob(
            session_id=request.session_id,
            target_object=request.target_object,
            iteration=request.iteration,
            image=image,
            generator=self.generator.name,
            category=category_of(self.generator.name, request.options),
            options=options,
            credits_estimate=self.generator.estimate(request.options),
            idempotency_key=request.idempotency_key,
            request_hash=_hash(request),
        )
        try:
            added = self.jobs.add(new, budget=budget_of(self.jobs, self.max_credits_per_day))
        except StoreUnavailable:
            raise  # the job may have been written all the same: its pictures stay
        except MaquetteError:
            self._forget(stored)
            raise
        if not added.created:
            self._forget(stored)
        else:
            self.on_queued()
        return Submitted(job=added.job, created=added.created)

    def _prepared_back(self, data: bytes) -> Picture:
        try:
            return prepare(data, max_bytes=self.max_image_bytes)
        except PictureRefused as exc:
            raise PictureRefused(f"The picture of the back: {exc.message}", code=f"back_{exc.code}") from exc

    def _forget(self, images: list[StoredImage]) -> None:
        """Pictures of no job. A file that stays does no harm."""
        for image in images:
            try:
                self.objects.delete(image.key)
            except StoreUnavailable as exc:
                log.info("%s could not be removed: %s", image.key, exc.message)

    def _store(self, picture: Picture, request: SubmitRequest, stored: list[StoredImage]) -> StoredImage:
        key = f"images/{uuid.uuid4().hex}/{slug(request.target_object)}.{SUFFIXES[picture.media_type]}"
        self.objects.put(key, picture.data, media_type=picture.media_type)
        image = StoredImage(
            key=key,
            name=request.image_name,
            media_type=picture.media_type,
            width_px=picture.width_px,
            height_px=picture.height_px,
            size_bytes=len(picture.data),
            sha256=hashlib.sha256(picture.data).hexdigest(),
        )
        stored.append(image)
        return image


def _with_back(request: SubmitRequest) -> JobOptions:
    """The options as they will be, before anything is stored."""
    if request.back is None:
        return request.options
    told = StoredImage(key="", name="", media_type="", width_px=0, height_px=0, size_bytes=0, sha256="")
    return replace(request.options, back=told)


def _checked(request: SubmitRequest) -> SubmitRequest:
    """The request with its texts trimmed. Raises: InputRefused."""
    target = " ".join(request.target_object.split())
    if not target:
        raise InputRefused("Please name the object in the picture. Nothing was stored.", code="name_missing")
    if len(target) > MAX_NAME:
        raise InputRefused(
            f"The object's name has {len(target)} characters; at most {MAX_NAME} are possible. Please shorten it.",
            code="name_too_long",
        )
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in target):
        raise InputRefused(
            "The object's name has characters that cannot be shown. Please type it again.", code="name_unreadable"
        )
    if len(request.session_id) > MAX_SESSION:
        raise InputRefused(f"The session's name is longer than {MAX_SESSION} characters.", code="session_too_long")
    if not 0 <= request.iteration < 2**31:
        raise InputRefused("The iteration must be a whole number from 0.", code="iteration_invalid")
    least, most = FACE_LIMITS
    limit = request.options.face_limit
    if limit is not None and not least <= limit <= most:
        raise InputRefused(f"The most faces must lie between {least} and {most:,}.", code="face_limit_invalid")
    if request.options.orientation not in ORIENTATIONS:
        raise InputRefused(f"An orientation is one of {', '.join(ORIENTATIONS)}.", code="orientation_unknown")
    if request.options.style not in STYLES:
        raise InputRefused(f"A style is one of {', '.join(STYLES)}.", code="style_unknown")
    height = request.options.height_m
    if height is not None and not HEIGHTS_M[0] <= height <= HEIGHTS_M[1]:
        raise InputRefused(
            f"The real height must lie between {HEIGHTS_M[0] * 1000:g} mm and {HEIGHTS_M[1]:g} m.",
            code="height_invalid",
        )
    name = "".join(sign for sign in request.image_name if sign.isprintable())[:MAX_NAME]
    return replace(request, target_object=target, image_name=name or "picture")


def _hash(request: SubmitRequest) -> str:
    """Tells a repeat of a request from another request under the same key."""
    parts = {
        "image": hashlib.sha256(request.image).hexdigest(),
        "target_object": request.target_object,
        "session_id": request.session_id,
        "iteration": request.iteration,
        "options": {
            name: value for name, value in asdict(request.options).items() if name in OLD or value not in USUAL
        },
    }
    if request.back is not None:
        parts["back"] = hashlib.sha256(request.back).hexdigest()
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
