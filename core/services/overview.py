"""The read side: jobs, their events, their files, and how the whole is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from core.domain.errors import MaquetteError
from core.domain.job import Job, JobEvent
from core.imaging.picture import thumbnail
from core.ports.job_store import JobPage, JobQuery, JobStore
from core.ports.object_store import ObjectStore

STALE_BEAT = timedelta(seconds=30)  # six missed heartbeats: the scheduler hangs or is gone
MODEL_PATH = "/api/jobs/{id}/model.glb"
IMAGE_PATH = "/api/jobs/{id}/image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether each part does its work.

    Attributes:
        store_problem, scheduler_problem: a sentence, or None when all is well.
        heartbeat_age_s: seconds since any scheduler last ticked; None when none ever did.
    """

    generator: str
    store_problem: str | None
    scheduler_problem: str | None
    heartbeat_age_s: float | None

    @property
    def is_well(self) -> bool:
        return self.store_problem is None and self.scheduler_problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The use case.

    Attributes:
        labels: what people read for each generator's name.
        generator_name: who makes new jobs' models.
    """

    jobs: JobStore
    objects: ObjectStore
    labels: Mapping[str, str]
    generator_name: str

    @property
    def generator(self) -> str:
        """The label of whoever makes new jobs' models."""
        return self.generator_label(self.generator_name)

    def generator_label(self, name: str) -> str:
        return self.labels.get(name, name)

    def job(self, job_id: int) -> Job:
        """Raises: JobNotFound, StoreUnavailable."""
        return self.jobs.get(job_id)

    def events(self, job_id: int) -> list[JobEvent]:
        """Oldest first. Raises: JobNotFound, StoreUnavailable."""
        return self.jobs.events(job_id)

    def page(self, query: JobQuery) -> JobPage:
        """Raises: StoreUnavailable."""
        return self.jobs.find(query)

    def queue_length_before(self, job_id: int) -> int:
        """How many waiting jobs are ahead of this one."""
        return self.jobs.queue_length_before(job_id)

    def image_url(self, job: Job) -> str | None:
        """Path of the picture on this server; holds for as long as the job exists."""
        return None if job.image is None else IMAGE_PATH.format(id=job.id)

    def model_url(self, job: Job) -> str | None:
        """Path of the finished model on this server; holds for as long as the job exists."""
        return None if job.model is None else MODEL_PATH.format(id=job.id)

    def image_bytes(self, job: Job) -> bytes | None:
        """The picture. Raises: ObjectMissing, StoreUnavailable."""
        return None if job.image is None else self.objects.get(job.image.key)

    def thumbnail(self, job: Job, *, side_px: int) -> bytes | None:
        """The picture as a JPEG or PNG of at most `side_px` pixels a side. Raises: ObjectMissing, StoreUnavailable."""
        data = self.image_bytes(job)
        return None if data is None else thumbnail(data, side_px=side_px)

    def health(self) -> Health:
        """How store and scheduler are doing; never raises."""
        try:
            beat = self.jobs.last_beat()
            age = None if beat is None else self.jobs.now() - beat.at
        except MaquetteError as exc:
            problem = "Nobody knows: the job table cannot be read."
            return Health(
                generator=self.generator, store_problem=exc.message, scheduler_problem=problem, heartbeat_age_s=None
            )
        scheduler_problem = None
        if age is None:
            scheduler_problem = "No scheduler has run yet, so no job moves on."
        elif age > STALE_BEAT:
            scheduler_problem = f"The scheduler was last seen {int(age.total_seconds())} s ago, so no job moves on."
        return Health(
            generator=self.generator,
            store_problem=None,
            scheduler_problem=scheduler_problem,
            heartbeat_age_s=None if age is None else age.total_seconds(),
        )
