"""Pictures and models, under addresses that hold for as long as the job exists."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import WithJsonSchema
from starlette.concurrency import run_in_threadpool

from core.domain.errors import ObjectMissing
from core.domain.job import MEDIA_TYPES
from core.domain.naming import slug
from core.web.described import NOT_MODIFIED, JobNumber, Validator, errors, file_of
from core.web.jobs_api import ServicesNeeded, job_number
from core.web.parts import PartedFile
from core.web.waiting import THUMBNAILS

router = APIRouter()
THUMBNAIL_SIDES = (32, 512)  # pixels
MODEL = errors(404, 410) | NOT_MODIFIED | file_of(*sorted(set(MEDIA_TYPES.values())), words="The file", ranges=True)
PICTURE = errors(404, 410) | NOT_MODIFIED | file_of("image/jpeg", "image/png", "image/webp", words="The picture")
FileKind = Annotated[
    str,
    WithJsonSchema({"type": "string", "enum": sorted(MEDIA_TYPES)}),
    Path(openapi_examples={"GLB": {"value": "glb"}}),
]
# A finished file never changes. `identity` keeps Streamlit's compression away: it costs seconds on big models and
# takes the length and Range from the answer. The policy keeps a file opened by itself from running anything.
HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Encoding": "identity",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


@router.get("/jobs/{record_id}/model.{kind}", response_class=Response, responses=MODEL, summary="The finished model")
def model(
    record_id: JobNumber,
    kind: FileKind,
    services: ServicesNeeded,
    download: Annotated[bool, Query(description="Offer it as a file to save.")] = False,
    if_none_match: Validator = None,
) -> Response:
    """The GLB, or what a conversion made (fbx, fbx.zip), with Range and ETag."""
    job = services.overview.job(job_number(record_id))
    if job.model is None:
        raise ObjectMissing(f"Job {job.id} has no model yet.")
    if job.model.kind != kind:
        raise ObjectMissing(f"Job {job.id} has no {kind[:20]!r} file; it has {job.model.kind!r}.")
    headers = HEADERS | {"ETag": f'"{job.model.sha256}"'}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    name = f"{slug(job.target_object)}.{kind}" if download or not job.model.is_glb else None
    media_type = MEDIA_TYPES[kind]
    path = services.inspect.true_files.path(job.model)
    if path is not None:
        return PartedFile(path, media_type=media_type, headers=headers, filename=name)
    return Response(services.inspect.true_files.read(job.model), media_type=media_type, headers=headers)


@router.get(
    "/jobs/{record_id}/image", response_class=Response, responses=PICTURE, summary="The picture it was made from"
)
async def image(
    record_id: JobNumber,
    services: ServicesNeeded,
    size: Annotated[int | None, Query(ge=THUMBNAIL_SIDES[0], le=THUMBNAIL_SIDES[1])] = None,
    if_none_match: Validator = None,
) -> Response:
    """The whole picture, or a small one of at most `size` pixels a side."""
    job = await run_in_threadpool(services.overview.job, job_number(record_id))
    if job.image is None:
        raise ObjectMissing(f"Job {job.id} has no picture.")
    shown = job.image
    headers = HEADERS | {"ETag": f'"{shown.sha256}-{size or 0}"'}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)

    def picture() -> bytes | None:
        return services.inspect.true_files.read(shown) if size is None else services.previews.of_job(job, side_px=size)

    return Response(await THUMBNAILS.run(picture), media_type=shown.media_type, headers=headers)
