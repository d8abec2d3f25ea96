"""Plain words for stages, sizes, times and credits; and user's text made safe for Markdown."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Literal

from core.domain.declaration import Declaration, Evidence
from core.domain.job import Job
from core.domain.status import Stage, Status

STAGES: dict[Stage, str] = {
    Stage.QUEUED: "Waiting",
    Stage.SUBMITTING: "Sending the picture",
    Stage.UNCERTAIN: "Being checked",
    Stage.BLOCKED: "On hold",
    Stage.GENERATING: "Making the model",
    Stage.SAVING: "Saving the model",
    Stage.ATTENTION: "Needs a decision",
    Stage.LATE: "Late, still watched",
}
ELSEWHERE = "Made elsewhere"  # by another program, which writes into the same table
ENDS: dict[Status, str] = {
    Status.COMPLETED: "Ready",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
    Status.TIMEOUT: "Timed out",
}
EXPLAINED: dict[Stage, str] = {
    Stage.QUEUED: "The job waits for a free place. It starts by itself.",
    Stage.UNCERTAIN: "The connection broke before we heard whether the job was taken. "
    "We are checking whether {maker} took it: if it did, the job goes on with that model, and if not, it is sent "
    "again. That can take half an hour. Nothing will be charged twice.",
    Stage.BLOCKED: "Nothing was made or charged yet. The job goes on by itself once the operator has mended this.",
    Stage.GENERATING: "You can leave this page: the work goes on without it.",
    Stage.SAVING: "The model is made. It is being fetched and checked.",
    Stage.ATTENTION: "Nothing is sent or charged again before a person has decided.",
    Stage.LATE: "It takes longer than usual. If the model still comes, you get it here.",
}
EXPLAINED_FREE: dict[Stage, str] = {
    Stage.UNCERTAIN: "The process that began it stopped. It is started again by itself, and it costs nothing.",
    Stage.BLOCKED: "Nothing was made yet. The job goes on by itself once the operator has mended this.",
    Stage.ATTENTION: "Nothing is made again before a person has decided.",
}
LOOKED_UP = (
    "The connection broke before we heard whether {maker} took the job. It is looked up there: if {maker} has it, it "
    "goes on, and if not, it is sent again. It costs nothing."
)
IN_LINE = (
    "It waits in the line of {maker}, where other jobs are made before it. You can leave this page: the work goes on "
    "without it."
)
Colour = Literal["blue", "green", "red", "gray", "orange"]
CANCELLED_EARLY = "This job was cancelled before anything was made."
UNEXPLAINED: dict[Status, str] = {  # an end without a reason
    **dict.fromkeys(Status, CANCELLED_EARLY),
    Status.RUNNING: "Another program that writes into the same table has this job. Nothing is done with it here; once "
    "that program has written its end, you see it.",
    Status.COMPLETED: "Another program wrote that this job is ready, but not where its model lies.",
}
COLOURS: dict[Status, Colour] = {
    Status.RUNNING: "blue",
    Status.COMPLETED: "green",
    Status.FAILED: "red",
    Status.CANCELLED: "gray",
    Status.TIMEOUT: "orange",
}
ICONS: dict[Status, str] = {
    Status.RUNNING: ":material/hourglass_top:",
    Status.COMPLETED: ":material/check_circle:",
    Status.FAILED: ":material/error:",
    Status.CANCELLED: ":material/cancel:",
    Status.TIMEOUT: ":material/schedule:",
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&@])")
# Where an address would be known by. Escapes do not protect: links are made of the text that is left of them.
ADDRESS = re.compile(r"(?<=https)(?=://)|(?<=http)(?=://)|(?<=www)(?=\.)|(?<=[-.+\w])(?=@\w)", re.IGNORECASE)
JOINER = "\u2060"  # has no width and parts no words

CONVERTING = {
    Stage.GENERATING: ("Converting", "{maker} makes the file. You can leave this page: the work goes on without it."),
    Stage.SAVING: ("Saving the file", "The file is made. It is being fetched and checked."),
}


def state(job: Job) -> str:
    """Where a job is, in a few words."""
    if not job.makes_model and job.status is Status.RUNNING and job.stage in CONVERTING:
        return CONVERTING[job.stage][0]
    if job.status is Status.RUNNING and job.stage is Stage.SUBMITTING:
        return f"Sending the {job.about.given}"
    if job.status is Status.CANCELLED and job.stage is not Stage.DONE:
        return "Cancelled, stopping" if job.is_free else "Cancelled, still watched"
    return ENDS.get(job.status, ELSEWHERE) if job.stage is Stage.DONE else STAGES[job.stage]


def explained(job: Job, *, maker: str, declared: Declaration | None = None) -> str:
    """What the stage of a running job means for whoever waits.

    Args:
        maker: who makes it, as people read it.
        declared: who makes it, in its own words; None when nobody knows it any more.
    """
    if job.stage is Stage.SUBMITTING:
        return job.about.under_way
    if not job.makes_model and job.stage in CONVERTING:
        return CONVERTING[job.stage][1].format(maker=maker)
    if job.is_free and job.status is Status.CANCELLED:
        return "The work on it ends within seconds."
    if job.status is Status.CANCELLED and job.stage is Stage.ATTENTION:
        return "It is not sent again. What may have been made and charged is being searched for."
    if job.is_free and job.stage is Stage.UNCERTAIN and declared is not None and declared.evidence is Evidence.NAMED:
        return LOOKED_UP.format(maker=maker)
    if job.stage is Stage.GENERATING and job.only_waits:
        return IN_LINE.format(maker=maker)
    sentence = EXPLAINED_FREE.get(job.stage, EXPLAINED[job.stage]) if job.is_free else EXPLAINED[job.stage]
    return sentence.format(maker=maker)


def conversion(job: Job) -> str:
    """`FBX`, `FBX with four-sided faces, at most 5,000`."""
    asked = job.conversion
    if asked is None or not asked.quad:
        return "FBX"
    return "FBX with four-sided faces" + (f", at most {asked.face_limit:,}" if asked.face_limit else "")


def title(job: Job) -> str:
    """The object's name, and which file of it when it is a conversion."""
    return job.target_object if job.makes_model else f"{job.target_object} ({conversion(job)})"


def spent(job: Job) -> str:
    """What it cost, or may cost, in a few words."""
    if job.credits_used is not None:
        return credits_text(job.credits_used)
    return f"about {credits_text(job.credits_estimate)}"


def literal(text: str) -> str:
    """Text of others, so that Markdown shows it as it is: an address in it is no link."""
    return MARKDOWN.sub(r"\\\1", ADDRESS.sub(JOINER, text))


def age(since: datetime, now: datetime) -> str:
    """`12 s`, `5 min`, `3 h`, `2 days` ago."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < 60:
        return f"{seconds} s ago"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600} h ago"
    days = seconds // 86_400
    return f"{days} day{'s' if days > 1 else ''} ago"


def duration(seconds: float) -> str:
    """`4 s`, `2 min 5 s`."""
    whole = max(0, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def size(size_bytes: int) -> str:
    """`812 kB`, `1.1 MB`."""
    return f"{size_bytes / 1000:.0f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"


def amount(credits: Decimal | None) -> str:
    """`1,240.5`; a dash when unknown."""
    return "–" if credits is None else f"{credits.normalize():,f}"


def about(seconds: float) -> str:
    """`less than a minute`, `about 4 minutes`, `about 2 hours`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    return f"about {round(minutes / 60)} hours"


def credits_text(amount: Decimal | None) -> str:
    """`30 credits`; a dash when unknown."""
    return "–" if amount is None else f"{amount.normalize():f} credits"
