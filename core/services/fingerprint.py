"""Whose a task is, judged by what Tripo repeats of the request that made it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.domain.generation import TaskState
from core.domain.job import Job
from core.domain.request import Conversion

NUMBER = "the random number of our request"
MARGIN = timedelta(minutes=10)  # by how much the vendor's clock and the store's may differ


def fits(job: Job, task: TaskState) -> bool | None:
    """Whether a task is the newest attempt's: True, False, or None when its echo says both yes and no.

    The nonce is random and the (front) picture's token is new for each attempt; either alone identifies it. Words have
    no token: a task of the same words that shows no nonce may be the one. A conversion has no field for a nonce: there
    is one job for each model and choice of options, and a task that was made after its intent and converts just that
    is the file that was asked for.
    """
    if job.conversion is not None:
        return _converts(job, task, job.conversion)
    matches = [
        mine == theirs
        for mine, theirs in ((job.nonce, task.input_nonce), (job.image_token, task.input_token))
        if mine not in (None, "") and theirs is not None
    ]
    if any(matches):
        return True if all(matches) else None
    return None if not matches and _has_same_words(job, task) else False


def evidence(job: Job, task: TaskState) -> str:
    """In words, what speaks for and against."""
    if job.conversion is not None:
        shown = task.input_conversion
        how = "but does not show how"
        if shown is not None:
            how = "as it was asked for here" if shown == job.conversion else "with another number of faces"
        return f"It was made of the same model after this job was sent, {how}."
    if task.input_nonce is None and _has_same_words(job, task):
        return f"It was made of the same words after this job was sent, but does not show {NUMBER}."
    parts: list[tuple[object, object, str]] = [(job.nonce, task.input_nonce, NUMBER)]
    if job.about.slots:
        which = "the picture of the front that" if len(job.about.slots) > 1 else "the picture"
        parts.append((job.image_token, task.input_token, f"{which} we handed over"))
    said = []
    for mine, theirs, what in parts:
        if theirs is None or mine in (None, ""):
            said.append(f"does not show {what}")
        else:
            said.append(f"{'has' if mine == theirs else 'has not'} {what}")
    return f"It {' and '.join(said)}."


def shows_fingerprint(job: Job, task: TaskState) -> bool:
    """Whether a task that went the normal way repeats what identifies its request."""
    if job.conversion is not None:
        return task.input_conversion == job.conversion
    return job.nonce is not None and task.input_nonce == job.nonce


def fingerprint_scope(account: str, job: Job) -> str:
    """Under what an account's echo is noted: requests of another kind are repeated, or not, on their own.

    What was seen of one kind must not let another be sent twice.
    """
    scope = job.about.echo_scope
    return f"{account}{f' {job.kind.value}' if scope is None else scope}"


def _has_same_words(job: Job, task: TaskState) -> bool:
    """Words are all that a request without pictures is known by beside its nonce."""
    words = next(iter(job.texts.values()), "")
    return bool(words) and not job.about.slots and task.input_prompt == words and not _is_older(job, task)


def _is_older(job: Job, task: TaskState) -> bool:
    """Whether it was there before the job was sent."""
    return task.created_at is not None and job.intent_at is not None and task.created_at < job.intent_at - MARGIN


def _converts(job: Job, task: TaskState, conversion: Conversion) -> bool | None:
    if task.input_token != conversion.task_id or _is_older(job, task):
        return False
    theirs = task.input_conversion
    if theirs is None:
        return None
    if theirs == conversion:
        return True
    # where we left the number of faces to Tripo, its echo may name the number that it chose
    return None if replace(theirs, face_limit=None) == conversion else False
