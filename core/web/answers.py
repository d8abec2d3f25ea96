"""The JSON that the API answers with, for its description. A test holds what is sent against it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.domain.declaration import ChoiceType, Evidence
from core.domain.mesh_report import HeaderFacts, ShapeFacts, Verdict
from core.domain.request import Slot, Value
from core.domain.status import Stage, Status


def _strict(schema: dict[str, Any]) -> None:
    """A key more would be a key that nobody described."""
    schema["additionalProperties"] = False


class Answer(BaseModel):
    model_config = ConfigDict(json_schema_extra=_strict, populate_by_name=True)


class ErrorBody(Answer):
    """Every error: a sentence for people."""

    success: Literal[False] = False
    error: str = Field(examples=["There is no job 99."])


class DoneBody(Answer):
    """What was asked for was done."""

    success: Literal[True] = True


class SubmittedBody(DoneBody):
    """A new job."""

    record_id: int
    status: Status
    status_url: str = Field(examples=["/api/generation-status/1"])
    message: str
    estimated_credits: float | None = Field(default=None, description="With `?estimate=true`.")


class ModelReadyBody(DoneBody):
    """With `Prefer: wait`, when the model is there in time."""

    model_url: str
    supabase_record_id: int


class WaitEndedBody(Answer):
    """With `Prefer: wait`, when there is no model."""

    error: str


class ChangedBody(DoneBody):
    """A job after a decision; `retry_of` for a new one that was made for another."""

    record_id: int
    status: Status
    status_url: str
    message: str
    retry_of: int | None = None


class CancelledBody(DoneBody):
    """What cancelling meant."""

    record_id: int
    status: Status
    message: str


class StatusBody(Answer):
    """How a job is doing."""

    record_id: int
    status: Status
    task_id: str | None
    created_at: str = Field(examples=["2026-01-01T12:00:00Z"])
    updated_at: str = Field(examples=["2026-01-01T12:05:00Z"])
    target_object: str
    iteration: int
    model_address: str | None = Field(default=None, alias="3d_url", description="When completed.")
    image_url: str | None = Field(default=None, description="When completed.")
    error_message: str | None = Field(default=None, description="When it ended otherwise.")


class RetryOfferBody(Answer):
    """What making a job again would mean."""

    record_id: int
    possible: bool
    estimated_credits: float | None = None
    message: str | None = None
    needs_another_picture: bool | None = None


class CandidateBody(Answer):
    """A task that may be a job's."""

    task_id: str
    status: str
    created_at: str | None
    credits: float | None
    evidence: str


class CandidatesBody(Answer):
    """Between what a person has to decide."""

    record_id: int
    stage: Stage
    reason: str | None
    tasks: list[CandidateBody]


class StrangerBody(Answer):
    """A task at the account that belongs to no job."""

    task_id: str
    status: str
    credits: float | None


class LeftoverBody(Answer):
    """A note or a model on a server's disk that no job of this table has."""

    what: str
    task_id: str
    record_id: int | None
    why: str


class AccountBody(Answer):
    """The paid account."""

    connected: bool
    balance: float | None
    held: float | None
    balance_at: str | None
    credits_last_24h: float | None
    max_credits_per_day: float | None
    problems: list[str]
    tasks_of_no_job: list[StrangerBody]
    kept_for_no_job: list[LeftoverBody]


class OfferBody(Answer):
    """A file that may be ordered."""

    format: Literal["fbx"]
    quad: bool
    estimated_credits: float | None


class OrderedBody(Answer):
    """A conversion that was ordered."""

    record_id: int
    converted_from: int | None
    format: Literal["fbx"]
    quad: bool
    face_limit: int | None = Field(alias="faceLimit")
    status: Status
    status_url: str


class OffersBody(Answer):
    """What can be made of a model, and what was."""

    record_id: int
    problem: str | None
    offers: list[OfferBody]
    ordered: list[OrderedBody]


class OrderBody(OrderedBody):
    """The order that was taken, or the same one from before."""

    success: Literal[True] = True
    message: str
    estimated_credits: float | None


class ReportBody(Answer):
    """Figures of a model; lengths in metres as the file has them."""

    header: HeaderFacts
    shape: ShapeFacts | None
    problem: str
    is_size_known: bool
    is_complete: bool
    verdicts: list[Verdict]


class PartHealth(Answer):
    """Whether one part does its work."""

    ok: bool
    problem: str | None


class SchedulerHealth(PartHealth):
    """Whether jobs move on."""

    heartbeat_age_s: float | None


class DiskHealth(PartHealth):
    """Whether there is room."""

    free_mb: int | None


class HealthBody(Answer):
    """How the whole is doing."""

    status: Literal["ok", "unwell"]
    store: PartHealth
    scheduler: SchedulerHealth
    files: PartHealth
    disk: DiskHealth
    generator: str


class LabelledValue(Answer):
    """One value of a choice, with what people read."""

    value: str
    label: str


class ChoiceBody(Answer):
    """One thing that may be chosen."""

    name: str
    label: str
    help: str
    type: ChoiceType
    values: list[LabelledValue] = Field(description="Of `one_of`.")
    default: Value | None = Field(description="Null leaves it to the generator.")
    least: float | None
    most: float | None
    needs: dict[str, list[Value]] = Field(description="Goes only with these values of other choices.")


class KindBody(Answer):
    """One kind that a generator can do."""

    kind: str = Field(description="As `POST /jobs` takes it.")
    label: str
    note: str
    uses: list[Slot] = Field(description="The sides whose pictures it uses.")
    takes_negative_prompt: bool = Field(description="Whether `negativePrompt` may say what is not wanted.")
    estimated_credits: float | None = Field(description="Of one job with the usual choices.")
    seconds: float | None = Field(description="What such jobs took here lately; null after too few.")
    choices: list[ChoiceBody]


class GeneratorBody(Answer):
    """A generator that is connected."""

    name: str
    label: str
    is_default: bool
    is_paid: bool
    problem: str | None = Field(
        description="Why no job can be given to it now: jobs for it wait, and go on by themselves. null: nothing known."
    )
    leaves: str = Field(description="What leaves this machine.")
    terms: str = Field(description="A licence or terms to know before choosing it.")
    can_cancel: bool
    evidence: Evidence = Field(description="How a request whose answer was lost is settled.")
    kinds: list[KindBody]


class MissingBody(Answer):
    """A kind that nobody here can make."""

    kind: str = Field(description="As `POST /jobs` takes it.")
    label: str
    message: str
    could: list[str] = Field(description="Generators that could, if they were connected.")


class GeneratorsBody(Answer):
    """Who makes what."""

    generators: list[GeneratorBody]
    missing: list[MissingBody]
