"""What a page shows of a job's files as far as they can be read now, and leaves out where they cannot."""

from __future__ import annotations

from core.bootstrap import get_services
from core.domain.errors import MaquetteError
from core.domain.job import Job
from core.domain.request import StoredImage


def thumbnail(job: Job, image: StoredImage, *, side_px: int) -> bytes | None:
    """One of a job's pictures, small."""
    try:
        return get_services().previews.of_job(job, side_px=side_px, image=image)
    except MaquetteError:
        return None


def rendered(job: Job) -> bytes | None:
    """The generator's own picture of the finished model; None where none came, too."""
    if job.model is None or job.is_free:
        return None
    try:
        return get_services().previews.of_model(job)
    except MaquetteError:
        return None


def how_it_was_made(job: Job) -> str:
    """What the generator wrote into the model about how it made it; empty where it wrote nothing."""
    if job.model is None or not job.is_free:
        return ""
    try:
        report = get_services().inspect.report(job)
    except MaquetteError:
        return ""
    return "" if report is None else report.header.note


def has_no_object(job: Job) -> bool:
    """Whether no object was found in the picture, as far as is known without fetching the model."""
    if job.model is None or not job.is_free:
        return False
    header = get_services().inspect.header_at_hand(job)
    return header is not None and header.has_no_object
