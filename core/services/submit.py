"""Take pictures or words and a name, check all, keep the pictures, and queue a job."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from core.domain.errors import InputRefused, MaquetteError, PictureRefused, StoreDamaged, StoreUnavailable
from core.domain.job import Job, NewJob
from core.domain.naming import slug
from core.domain.picture import Picture
from core.domain.request import (
    NOT_STORED,
    Choices,
    Inputs,
    JobRequest,
    Slot,
    StoredImage,
)
from core.ports.job_store import JobStore
from core.ports.object_store import ObjectStore
from core.ports.picture_sandbox import PictureSandbox
from core.services.backoff import MOVED, is_for_good
from core.services.decide import budget_of
from core.services.makers import Makers
from core.services.repeats import check_repeat, fingerprint
from core.services.requests import SubmitRequest, check_texts, check_views_differ, checked, trimmed

log = logging.getLogger(__name__)
SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job, and whether this call made it (False: a repeat)."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The use case.

    Attributes:
        makers: who may make it; each knows its prices and what it can do.
        max_credits_per_day: the budget; None for no limit.
        on_queued: called after a job was queued, to wake the scheduler.
    """

    jobs: JobStore
    objects: ObjectStore
    pictures: PictureSandbox
    makers: Makers
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
        maker = self.makers.chosen(request.generator, request.asked)
        if is_for_good(self.jobs.accounts.account_wait_s(generator=maker.name)):
            raise StoreUnavailable(MOVED)
        planned = _request(request, dict.fromkeys(request.pictures, NOT_STORED), request.choices)
        if request.drops_unknown:
            if maker.is_paid and len(request.pictures) > 1:
                # it was refused before there were several views: nobody pays now for what cost nothing then
                raise InputRefused(
                    f"{maker.label} takes no picture of the back at this address. Send several views to /api/jobs. "
                    "Nothing was stored.",
                    code="option_refused",
                )
            planned = maker.understood(planned)
        maker.check(planned)
        choices = maker.declaration.resolved(planned).choices
        if fetch is not None:
            request = trimmed(fetch(request))
        pictures = {slot: self._prepared(slot, sent.data) for slot, sent in request.pictures.items()}
        if not request.drops_unknown:
            check_views_differ({slot: hashlib.sha256(picture.data).hexdigest() for slot, picture in pictures.items()})
        stored: list[StoredImage] = []
        try:
            inputs = {slot: self._store(picture, request, slot, stored) for slot, picture in pictures.items()}
        except MaquetteError:
            self._forget(stored)
            raise
        asked = _request(request, inputs, choices)
        new = NewJob(
            session_id=request.session_id,
            target_object=request.target_object,
            iteration=request.iteration,
            request=asked,
            generator=maker.name,
            category=maker.category(asked),
            credits_estimate=maker.estimate(asked),
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

    def _prepared(self, slot: Slot, data: bytes) -> Picture:
        try:
            return self.pictures.prepare(data, max_bytes=self.max_image_bytes)
        except PictureRefused as exc:
            if slot is Slot.FRONT:
                raise
            raise PictureRefused(
                f"The picture of the {slot.value}: {exc.message}", code=f"{slot.value}_{exc.code}"
            ) from exc

    def _forget(self, images: list[StoredImage]) -> None:
        """Pictures of no job. A file that stays does no harm."""
        for image in images:
            try:
                self.objects.delete(image.key)
            except StoreUnavailable as exc:
                log.info("%s could not be removed: %s", image.key, exc.message)

    def _store(self, picture: Picture, request: SubmitRequest, slot: Slot, stored: list[StoredImage]) -> StoredImage:
        key = f"images/{uuid.uuid4().hex}/{slug(request.target_object)}.{SUFFIXES[picture.media_type]}"
        self.objects.put(key, picture.data, media_type=picture.media_type)
        image = StoredImage(
            key=key,
            name=request.pictures[slot].name,
            media_type=picture.media_type,
            width_px=picture.width_px,
            height_px=picture.height_px,
            size_bytes=len(picture.data),
            sha256=hashlib.sha256(picture.data).hexdigest(),
        )
        stored.append(image)
        return image


def _request(request: SubmitRequest, inputs: Inputs, choices: Choices) -> JobRequest:
    """What the job asks for, with pictures as they are stored, or before any is."""
    texts = {text.name: request.texts.get(text.name, "") for text in request.asked.about.texts}
    return request.asked.request.made_of(inputs, texts, choices)
