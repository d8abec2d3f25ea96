"""How large one zip of models may be, told before it is made where that can be known, and else as soon as it is met."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.errors import InputRefused
from core.domain.export import ExportOrder, Format
from core.domain.job import Job

MOST_BYTES = 2 * 2**30  # beyond, some unpackers give up; two are made at once, on the disk of DATA_DIR


def known_size(job: Job, order: ExportOrder) -> int:
    """Bytes of a job's file where it is given away as it is; 0 where it has yet to be made, or there is none."""
    if job.model is None:
        return 0
    as_it_is = not job.model.is_glb or order == ExportOrder(format=Format.GLB, height_mm=order.height_mm)
    return job.model.size_bytes if as_it_is else 0


def check_before(jobs: Sequence[Job], order: ExportOrder, *, most: int) -> None:
    """Raises: InputRefused (too_large), with how many of them fit."""
    total = 0
    for fitting, job in enumerate(jobs):
        total += known_size(job, order)
        if total > most:
            whole = sum(known_size(each, order) for each in jobs)
            raise too_large(f"These models are {megabytes(whole)} together", jobs[:fitting], most=most)


def too_large(what: str, fitting: Sequence[Job], *, most: int) -> InputRefused:
    """`fitting`: the first of those asked for, up to the limit."""
    part = f", such as {fitting[0].id} to {fitting[-1].id}" if len(fitting) > 1 else ""
    return InputRefused(
        f"{what}; one zip holds at most {megabytes(most)}. Ask for fewer jobs at a time{part}. What was made is kept.",
        code="too_large",
    )


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MB"
