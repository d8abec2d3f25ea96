"""Where what came of a job lies in the object store.

By number, for people who look at the folders, and by task, which is one for ever: numbers begin again in an emptied or
restored table, and the model of a job that it does not know any more is not to be written over.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from core.domain.errors import ObjectMissing
from core.domain.job import Job
from core.domain.naming import slug
from core.ports.object_store import ObjectStore

PREVIEW, ORIGINAL, UNREADABLE = "rendered.png", "original.bin", "unreadable.json"
KEPT_CODE = "model_kept_unread"  # the job failed, and its file can be downloaded as it came


def model_key(job: Job, kind: str) -> str:
    """Of the model itself; `kind`: the ending of its file."""
    return f"{folder_of(job.id, job.task_id)}/{slug(job.target_object)}.{kind}"


def preview_key(job: Job) -> str:
    """Of the generator's own picture of the model: beside the model, wherever the version of then put that."""
    if job.model is None:
        return f"{folder_of(job.id, job.task_id)}/{PREVIEW}"
    return beside(job.model.key)


def beside(model: str) -> str:
    """Of the generator's own picture, by the key of the model."""
    return f"{PurePosixPath(model).parent}/{PREVIEW}"


def original_key(job: Job) -> str:
    """Of the file that nothing here could read."""
    return f"{folder_of(job.id, job.task_id)}/{ORIGINAL}"


def unreadable_key(job: Job) -> str:
    """Of the note how often that file came."""
    return f"{folder_of(job.id, job.task_id)}/{UNREADABLE}"


def old_original_key(job_id: int) -> str:
    """Of a file that nothing could read, as versions before wrote it: by the job's number alone."""
    return f"models/{job_id}/{ORIGINAL}"


def original_of(objects: ObjectStore, job: Job) -> bytes:
    """The file that nothing here could read. Raises: ObjectMissing, StoreUnavailable."""
    try:
        return objects.get(original_key(job))
    except ObjectMissing:
        if job.error_code != KEPT_CODE:  # what lies at the old place may be another job's
            raise
    return objects.get(old_original_key(job.id))


def folder_of(job_id: int, task_id: str | None) -> str:
    return f"models/{job_id}/{slug(task_id or '')}"
