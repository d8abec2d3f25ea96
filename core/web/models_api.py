"""What is known of a finished model, and other files made from it."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask

from core.bootstrap import Services
from core.domain.errors import InputRefused, ObjectMissing
from core.domain.export import (
    FORMATS,
    LEAST_FACES,
    LEAST_HEIGHT_MM,
    MOST_HEIGHT_MM,
    Compression,
    ExportOrder,
    Format,
)
from core.domain.job import Job
from core.mesh import extras, fbx
from core.mesh.verdicts import verdicts
from core.services.inspect import Exported
from core.services.model_files import original_of, preview_key
from core.web.answers import ReportBody
from core.web.described import JobNumber, errors, file_of, json_of
from core.web.files_api import HEADERS
from core.web.jobs_api import ServicesNeeded, job_number
from core.web.parts import PartedFile
from core.web.waiting import FILES, PATIENCE_S, ZIPS, result_of, wait_for

router = APIRouter()
EXPORT = errors(404, 410, 507) | file_of(
    *sorted({each.media_type for each in FORMATS.values()}), words="The file", ranges=True
)
NUMBERS = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")


def _offered(made: Callable[[], tuple[StrEnum, ...]]) -> Callable[[dict[str, Any]], None]:
    """The description lists only what this server can make."""
    return lambda body: body.update(enum=[each.value for each in made()])


Kind = Annotated[Format, Query(json_schema_extra=_offered(lambda: extras.formats()))]
Packing = Annotated[Compression, Query(json_schema_extra=_offered(lambda: extras.packings()))]
Faces = Annotated[int | None, Query(ge=LEAST_FACES, description="At most this many; empty keeps all.")]
Height = Annotated[
    float, Query(ge=LEAST_HEIGHT_MM, le=MOST_HEIGHT_MM, alias="heightMm", description="For STL and 3MF, millimetres.")
]


@router.get(
    "/jobs/{record_id}/report",
    responses=errors(404) | json_of(ReportBody),
    summary="Figures of a model, and its technical fit",
)
async def report(
    record_id: JobNumber,
    services: ServicesNeeded,
    wait: Annotated[bool, Query(description="Until the shape is measured, at most a minute.")] = False,
) -> JSONResponse:
    """`shape` is null while it is being measured, or when `problem` says why it cannot be.

    Lengths are the file's. Where `is_size_known` is false they are not the object's: only their proportions count.
    """
    job = await FILES.run(lambda: _with_model(services, record_id))
    if wait:
        await wait_for(services.inspect.begin_look(job), patience_s=PATIENCE_S)
    found = await FILES.run(lambda: services.inspect.report(job))
    if found is None:
        raise ObjectMissing(f"Job {job.id} has no model yet.")
    body: dict[str, Any] = asdict(found)
    body["is_complete"] = found.shape is not None or bool(found.problem)
    body["verdicts"] = [asdict(each) for each in verdicts(found)]
    return JSONResponse(body)


@router.get(
    "/jobs/{record_id}/thumbnail.png",
    response_class=Response,
    responses=errors(404, 507) | file_of("image/png", words="The drawing"),
    summary="A picture of the model",
)
async def thumbnail(record_id: JobNumber, services: ServicesNeeded) -> Response:
    """512 pixels a side, transparent background; drawn here when it was not drawn yet."""
    job = await FILES.run(lambda: _with_model(services, record_id))
    data = await FILES.run(lambda: services.inspect.thumbnail(job))
    if data is None:
        await wait_for(services.inspect.begin_look(job), patience_s=PATIENCE_S)
        data = await FILES.run(lambda: services.inspect.thumbnail(job))
    if data is None:
        raise ObjectMissing(f"The model of job {job.id} cannot be drawn.")
    return Response(data, media_type="image/png", headers=HEADERS)


@router.get(
    "/jobs/{record_id}/rendered.png",
    response_class=Response,
    responses=errors(404) | file_of("image/png", "image/jpeg", "image/webp", words="The picture"),
    summary="The generator's own picture of the model",
)
def rendered(record_id: JobNumber, services: ServicesNeeded) -> Response:
    """As it came with the model, where it did."""
    job = services.overview.job(job_number(record_id))
    data = services.objects.get(preview_key(job))
    return Response(data, media_type=media_type_of(data), headers=HEADERS)


@router.get(
    "/jobs/{record_id}/original",
    response_class=Response,
    responses=errors(404) | file_of("application/octet-stream", words="The file"),
    summary="What came, when it could not be read",
)
def original(record_id: JobNumber, services: ServicesNeeded) -> Response:
    """For a job that failed because its file is broken; the file as it came."""
    job = services.overview.job(job_number(record_id))
    data = original_of(services.objects, job)
    kind = "glb" if job.makes_model else "fbx.zip" if data.startswith(fbx.ZIP) else "fbx"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="job-{job.id}.{kind}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get(
    "/jobs/{record_id}/turntable.webp",
    response_class=Response,
    responses=errors(404, 507) | file_of("image/webp", words="The turntable", ranges=True),
    summary="The model once around",
)
async def turntable(record_id: JobNumber, services: ServicesNeeded) -> Response:
    """An animated WebP; made at the first call, which takes some seconds."""
    job = await FILES.run(lambda: _with_model(services, record_id))
    made = await result_of(await FILES.run(lambda: services.inspect.begin_turntable(job)))
    return await FILES.run(lambda: _file(services, job, made, download=False))


@router.get("/jobs/{record_id}/export", response_class=Response, responses=EXPORT, summary="The model as another file")
async def export(
    record_id: JobNumber,
    services: ServicesNeeded,
    format: Kind = Format.GLB,
    faces: Faces = None,
    height_mm: Height = 100.0,
    compression: Packing = Compression.NONE,
) -> Response:
    """Made at the first call, read again and compared; costs no credits. STL and 3MF are in millimetres, Z up.

    The header `X-Maquette-Note` says what of the model's movement the file cannot hold.
    """
    job = await FILES.run(lambda: _with_model(services, record_id))
    order = ExportOrder(format=format, faces=faces, height_mm=height_mm, compression=compression)
    made = await result_of(await FILES.run(lambda: services.inspect.begin_export(job, order)))
    return await FILES.run(lambda: _file(services, job, made, download=True))


@router.get(
    "/export.zip",
    response_class=Response,
    responses=errors(404, 507) | file_of("application/zip", words="The zip", ranges=True),
    summary="Several models in one zip",
)
async def export_zip(
    services: ServicesNeeded,
    jobs: Annotated[
        str,
        Query(
            description="Numbers, such as 3,5-9.",
            max_length=2000,
            openapi_examples={"one": {"value": "1"}},
            json_schema_extra={"pattern": NUMBERS.pattern},
        ),
    ],
    format: Kind = Format.GLB,
    faces: Faces = None,
    height_mm: Height = 100.0,
    compression: Packing = Compression.NONE,
) -> Response:
    """With `manifest.json` and `manifest.csv`: origin, figures and verdicts of each."""
    order = ExportOrder(format=format, faces=faces, height_mm=height_mm, compression=compression)
    target = await ZIPS.run(lambda: _zipped(services, numbers_of(jobs), order))
    headers = HEADERS | {"Cache-Control": "no-store"}
    return PartedFile(
        target,
        media_type="application/zip",
        filename="maquette-models.zip",
        headers=headers,
        background=BackgroundTask(shutil.rmtree, target.parent, ignore_errors=True),
    )


def _zipped(services: Services, numbers: list[int], order: ExportOrder) -> Path:
    """On the disk of DATA_DIR, which has room for models; the folder is removed once the file was sent."""
    services.zips.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=services.zips))
    try:
        services.batch.write(numbers, order, folder / "models.zip")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder / "models.zip"


def media_type_of(picture: bytes) -> str:
    """By content: PNG, JPEG or WebP."""
    if picture.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if picture.startswith(b"RIFF") else "image/png"


def numbers_of(text: str) -> list[int]:
    """`3,5-9` as numbers. Raises: InputRefused."""
    plain = text.replace(" ", "")
    if not NUMBERS.fullmatch(plain):
        raise InputRefused("Name jobs by number, such as 3,5-9.")
    found: list[int] = []
    for part in plain.split(","):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first)
        if end - begin > 1000 or begin > 2**62:
            raise InputRefused("That is too many jobs for one file.")
        found.extend(range(begin, end + 1))
    return found


def _with_model(services: Services, record_id: JobNumber) -> Job:
    job = services.overview.job(job_number(record_id))
    if job.model is None:
        raise ObjectMissing(f"Job {job.id} has no model yet.")
    if not job.model.is_glb:
        raise ObjectMissing(
            f"Job {job.id} made an {job.model.kind.upper()} file, which is only given away. "
            f"The model it was made of is that of job {job.source}."
        )
    return job


def _file(services: Services, job: Job, exported: Exported, *, download: bool) -> Response:
    path = services.inspect.path(job, exported)
    name = exported.name if download else None
    headers = HEADERS | ({"X-Maquette-Note": exported.note} if exported.note else {})
    if path is not None:
        return PartedFile(path, media_type=exported.media_type, headers=headers, filename=name)
    return Response(services.inspect.read(job, exported), media_type=exported.media_type, headers=headers)
