"""How pages reach the services: reading, submitting, and what to show when the job table is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlencode

import streamlit as st

from core.bootstrap import get_services
from core.domain.errors import MaquetteError, StoreDamaged, StoreUnavailable
from core.domain.export import PRINTED, Compression, ExportOrder, Format
from core.domain.generation import OrphanedTask
from core.domain.job import Job, JobEvent
from core.domain.mesh_report import MeshReport
from core.domain.request import Choices, Kind, StoredImage
from core.domain.status import Status
from core.mesh import extras
from core.ports.job_store import JobPage, JobQuery
from core.services.candidates import Candidate
from core.services.collect import KEPT_CODE
from core.services.convert import ConversionOffer
from core.services.decide import RetryOffer
from core.services.drafts import Drafts
from core.services.overview import AccountView, Expected
from core.services.requests import SubmitRequest
from core.ui import labels

__all__ = [
    "JobPage",
    "engine_label",
    "events_of",
    "job_of",
    "page_of",
    "refusals_shown",
    "submit",
]
PAGE_SIZE = 50
LOOK_S = 3.0  # for how all is doing; a page does not wait longer to be drawn


def submit(request: SubmitRequest) -> Job:
    """Queue a job. Raises: InputRefused, SandboxFailed, StorageFull, IdempotencyConflict, StoreUnavailable."""
    return get_services().submit.submit(request).job


def candidates(kind: Kind, wanted: Choices) -> tuple[Candidate, ...]:
    """Who can make a job of this kind with what is wanted, the default first."""
    return get_services().candidates.of(kind, wanted)


def nobody(kind: Kind) -> str:
    """Who could make a job of a kind that nobody here can."""
    return get_services().candidates.nobody(kind)


def choices_of(job: Job) -> list[tuple[str, str]]:
    """What was chosen for a job, in the words of its generator."""
    declaration = get_services().candidates.declaration(job.generator)
    offer = None if declaration is None else declaration.offer(job.kind)
    known = {} if offer is None else {choice.name: choice for choice in offer.choices}
    return [known[name].shown(value) if name in known else (name, str(value)) for name, value in job.choices.items()]


def drafts() -> Drafts:
    """Where chosen pictures wait."""
    return get_services().drafts


def preview(image: bytes) -> bytes:
    """The picture as it will be used, for showing. Raises: PictureRefused, SandboxFailed."""
    return get_services().previews.of_choice(image)


def page_of(*, search: str, statuses: frozenset[Status], number: int) -> JobPage:
    """One page of jobs, newest first; `number` from 0. Raises: StoreUnavailable."""
    query = JobQuery(search=search.strip(), statuses=statuses, page=number, page_size=PAGE_SIZE)
    return get_services().overview.page(query)


def cancel(job_id: int) -> Job:
    """Raises: IllegalTransition, StoreUnavailable."""
    return get_services().decide.cancel(job_id)


def retry_offer(job: Job) -> RetryOffer | None:
    """What making it again would cost; None when that makes no sense."""
    return get_services().decide.retry_offer(job)


def retry(job_id: int) -> Job:
    """A new job. Raises: IllegalTransition, ObjectMissing, BudgetExceeded, StoreUnavailable."""
    return get_services().decide.retry(job_id)


def fetch_again(job_id: int) -> Job:
    """Raises: IllegalTransition, StoreUnavailable."""
    return get_services().decide.fetch_again(job_id)


def tasks_that_may_be(job_id: int) -> list[OrphanedTask]:
    """Tasks that may be this job's. Raises: StoreUnavailable."""
    return get_services().decide.candidates(job_id)


def take(job_id: int, task_id: str) -> Job:
    """Raises: IllegalTransition, StoreUnavailable."""
    return get_services().decide.take(job_id, task_id)


def send_again(job_id: int) -> Job:
    """Raises: IllegalTransition, StoreUnavailable."""
    return get_services().decide.send_again(job_id)


def expected(job: Job) -> Expected:
    """Place in line and an estimate of the time. Raises: StoreUnavailable."""
    return get_services().overview.expected(job)


def account() -> AccountView:
    """The same for all visitors for some seconds. Raises: StoreUnavailable."""
    return get_services().account_view.get()


def orphaned() -> tuple[OrphanedTask, ...]:
    """Tasks at the account that belong to no job; shared as `account`. Raises: StoreUnavailable."""
    return get_services().orphaned.get()


def conversion_offers(job: Job) -> tuple[ConversionOffer, ...]:
    """Files that its generator can make of this model, with their price; none where it cannot."""
    return get_services().convert.offers(job)


def conversions(job: Job) -> list[Job]:
    """The jobs that convert this one's model, newest first. Raises: StoreUnavailable."""
    return get_services().convert.ordered(job.id) if not job.is_free else []


def convert(job_id: int, *, quad: bool, face_limit: int | None) -> Job:
    """Order a file; the same order is the same job. Raises: IllegalTransition, InputRefused, StoreUnavailable."""
    return get_services().convert.order(job_id, quad=quad, face_limit=face_limit).job


def job_of(job_id: int) -> Job:
    """Raises: JobNotFound, StoreUnavailable."""
    return get_services().overview.job(job_id)


def events_of(job_id: int) -> list[JobEvent]:
    """Oldest first. Raises: JobNotFound, StoreUnavailable."""
    return get_services().overview.events(job_id)


def image_url(job: Job, *, side_px: int | None = None) -> str | None:
    """Path of the picture, or of a small one."""
    path = get_services().overview.image_url(job)
    return path if path is None or side_px is None else f"{path}?size={side_px}"


def thumbnail(job: Job, image: StoredImage, *, side_px: int) -> bytes | None:
    """One of a job's pictures, small; None when it cannot be read now."""
    try:
        return get_services().previews.of_job(job, side_px=side_px, image=image)
    except MaquetteError:
        return None


def rendered(job: Job) -> bytes | None:
    """The generator's own picture of the finished model; None where none came, or it cannot be read now."""
    if job.model is None or job.is_free:
        return None
    try:
        return get_services().previews.of_model(job)
    except MaquetteError:
        return None


def model_url(job: Job) -> str | None:
    """Path of the finished model."""
    return get_services().overview.model_url(job)


def engine_label(job: Job) -> str:
    """Who makes the job's model."""
    return get_services().overview.generator_label(job.generator)


def paid_label() -> str | None:
    """Whose account is shown; None where none that is connected is paid."""
    paid = get_services().overview.paid
    return None if paid is None else paid.label


def most_megabytes() -> int:
    return get_services().settings.max_image_mb


def damage() -> str | None:
    """Why nothing can be made until a person mended the job table; None when all is well."""
    return get_services().jobs.damage()


def scheduler_problem() -> str | None:
    """A sentence when no job moves on, or nothing can be stored; None when all is well."""
    health = get_services().health.look(patience_s=LOOK_S)
    return health.store_problem or health.scheduler_problem or health.files_problem or health.disk.problem


def now() -> datetime:
    return get_services().jobs.now()


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Show a sentence instead of the block when the job table is away or what was asked for is not there."""
    try:
        yield
    except StoreDamaged as exc:
        st.error(labels.literal(exc.message), icon=":material/report:")
    except StoreUnavailable as exc:
        st.error(
            f"{labels.literal(exc.message)}\n\nYour jobs and models are safe; nothing is lost or made twice. "
            "This page tries again by itself.",
            icon=":material/cloud_off:",
        )
    except MaquetteError as exc:
        st.warning(labels.literal(exc.message), icon=":material/info:")


def report_of(job: Job) -> MeshReport | None:
    """Figures of a model. Raises: ModelInvalid, ObjectMissing, StoreUnavailable."""
    return get_services().inspect.report(job)


def how_it_was_made(job: Job) -> str:
    """What the built-in engine says of it; empty for others' models, and while the file cannot be read."""
    if job.model is None or not job.is_free:
        return ""
    try:
        report = get_services().inspect.report(job)
    except MaquetteError:
        return ""
    return "" if report is None else report.header.note


def has_no_object(job: Job) -> bool:
    """Whether the built-in engine found no object in the picture, as far as is known without fetching the model."""
    if job.model is None or not job.is_free:
        return False
    header = get_services().inspect.header_at_hand(job)
    return header is not None and header.has_no_object


def export(job: Job, order: ExportOrder) -> str:
    """Make a file and return where it is given away. Raises: ModelInvalid, ExportFailed, StorageFull …"""
    get_services().inspect.export(job, order)
    asked = {"format": order.format.value, "compression": order.compression.value}
    if order.format in PRINTED:
        asked["heightMm"] = f"{order.height_mm:g}"
    if order.faces is not None:
        asked["faces"] = str(order.faces)
    return f"/api/jobs/{job.id}/export?{urlencode(asked)}"


def formats() -> tuple[Format, ...]:
    """Files that this server can make of a model."""
    return extras.formats()


def packings() -> tuple[Compression, ...]:
    """Ways to pack a GLB that this server knows."""
    return extras.packings()


def original_url(job: Job) -> str | None:
    """Where the file of a failed job is, when one came that could not be read."""
    return f"/api/jobs/{job.id}/original" if job.error_code == KEPT_CODE else None
