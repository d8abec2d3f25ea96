"""Take a picture and a name, check both, keep the picture, and queue a job."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from core.domain.errors import MaquetteError, PictureRefused, StoreDamaged, StoreUnavailable
from core.domain.job import Job, JobOptions, NewJob, StoredImage
from core.domain.naming import slug
from core.domain.picture import Picture
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.ports.picture_sandbox import PictureSandbox
from core.services.backoff import MOVED, is_for_good
from core.services.decide import budget_of, category_of
from core.services.repeats import check_repeat, fingerprint
from core.services.requests import SubmitRequest, check_texts, checked, trimmed

log = logging.getLogger(__name__)
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


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
    pictures: PictureSandbox
    generator: Maker
    max_credits_per_day: Decimal | None
    max_image_bytes: int
    on_queued: Callable[[], None]

    def submit(
        self, request: SubmitRequest, *, fetch: Callable[[SubmitRequest], SubmitRequest] | None = None
    ) -> Submitted:
        """Queue one job, or give the one that this request made before: a repeat fetches, checks and stores nothing.

        Args:
            fetch: gets the pictures that were sent as addresses.

        Raises: InputRefused (PictureRefused for the picture, AddressRefused, BudgetExceeded), SandboxFailed,
            IdempotencyConflict, StorageFull, StoreUnavailable.
        """
        request = trimmed(request)
        check_texts(request)
        known = None if request.idempotency_key is None else self.jobs.job_of_key(request.idempotency_key)
        if known is not None:
            check_repeat(known, request)
            return Submitted(job=known, created=False)
        return self._queue(checked(request), fetch)

    def _queue(self, request: SubmitRequest, fetch: Callable[[SubmitRequest], SubmitRequest] | None) -> Submitted:
        damage = self.jobs.damage()
        if damage is not None:
            raise StoreDamaged(damage)
        if is_for_good(self.jobs.account_wait_s(generator=self.generator.name)):
            raise StoreUnavailable(MOVED)
        self.generator.check_options(_with_back(request))
        if fetch is not None:
            request = trimmed(fetch(request))
        picture = self.pictures.prepare(request.image, max_bytes=self.max_image_bytes)
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
            request_hash=fingerprint(request),
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
            return self.pictures.prepare(data, max_bytes=self.max_image_bytes)
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
    if request.back is None and request.back_address is None:
        return request.options
    told = StoredImage(key="", name="", media_type="", width_px=0, height_px=0, size_bytes=0, sha256="")
    return replace(request.options, back=told)
