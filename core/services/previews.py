"""Small pictures for forms, tables and pages: each is made in the sandbox once, and kept in memory for a while."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from core.domain.errors import ObjectMissing, PictureRefused
from core.domain.job import Job
from core.domain.request import StoredImage
from core.ports.object_store import ObjectStore
from core.ports.picture_sandbox import PictureSandbox
from core.services.bounded import RecentlyUsed
from core.services.model_files import preview_key

SIDE_PX = 1024  # of a picture on a page of its own
KEPT_BYTES = 16 * 2**20  # some hundred pictures of a table, or a dozen large ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """The use case. All raise PictureRefused for what cannot be shown, and SandboxFailed."""

    objects: ObjectStore
    sandbox: PictureSandbox
    max_image_bytes: int
    _kept: RecentlyUsed[str, bytes] = field(default_factory=lambda: RecentlyUsed(KEPT_BYTES, weight=len))

    def of_choice(self, data: bytes) -> bytes:
        """A picture that somebody has just chosen, as it will be used."""
        return self._once(
            f"choice-{hashlib.sha256(data).hexdigest()}",
            lambda: self.sandbox.preview(data, max_bytes=self.max_image_bytes, side_px=SIDE_PX),
        )

    def of_job(self, job: Job, *, side_px: int, image: StoredImage | None = None) -> bytes | None:
        """A picture that a job is made of, or the first, as a JPEG or PNG of at most `side_px` pixels a side.

        Raises also: ObjectMissing, StoreUnavailable.
        """
        shown = image or job.image
        if shown is None:
            return None

        def made() -> bytes:
            try:
                return self.sandbox.thumbnail(self.objects.get(shown.key), side_px=side_px)
            except PictureRefused as exc:
                raise ObjectMissing(f"The stored picture of job {job.id} cannot be read any more.") from exc

        return self._once(f"job-{side_px}-{shown.sha256}", made)

    def of_model(self, job: Job) -> bytes:
        """The generator's own picture of a finished model. Raises also: ObjectMissing, StoreUnavailable."""
        return self.of_choice(self.objects.get(preview_key(job)))

    def _once(self, key: str, make: Callable[[], bytes]) -> bytes:
        kept = self._kept.get(key)
        if kept is None:
            kept = make()
            self._kept.put(key, kept)
        return kept
