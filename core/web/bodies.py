"""The API's requests and answers, in the contract's exact keys."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from core.domain.errors import InputRefused
from core.domain.job import DEFAULT_MODEL, Job, JobOptions
from core.domain.naming import is_storable
from core.domain.status import Status


def _storable(text: str) -> str:
    if not is_storable(text):
        raise PydanticCustomError("unstorable", "Has a character that cannot be stored (NUL, or half of a pair)")
    return text


Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
"""A text from outside that both job tables can hold."""


class OptionsBody(BaseModel):
    """Optional choices about the model; in a form they are fields of the same names."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[Text | None, Field(description="Tripo's dated model version.")] = None
    faceLimit: Annotated[int | None, Field(ge=1, lt=2**31, description="At most so many triangles.")] = None  # noqa: N815
    texture: bool = True
    pbr: bool = True
    textureQuality: Annotated[Text, Field(description="standard, detailed or extreme")] = "standard"  # noqa: N815
    geometryQuality: Annotated[Text, Field(description="standard or detailed")] = "standard"  # noqa: N815
    orientation: Annotated[Text, Field(description="Tripo: default, or align_image: turned as in the picture.")] = (
        "default"
    )
    autoSize: Annotated[bool, Field(description="Tripo: the size that it guesses, in metres.")] = False  # noqa: N815
    style: Annotated[Text, Field(description="Built-in engine: auto, solid, relief, lithophane or coin.")] = "auto"
    heightM: Annotated[  # noqa: N815
        float | None, Field(description="Built-in engine: the object's real height, metres.", allow_inf_nan=False)
    ] = None

    def chosen(self) -> JobOptions:
        return JobOptions(
            model=self.model or DEFAULT_MODEL,
            face_limit=self.faceLimit,
            texture=self.texture,
            pbr=self.pbr,
            texture_quality=self.textureQuality,
            geometry_quality=self.geometryQuality,
            orientation=self.orientation,
            auto_size=self.autoSize,
            style=self.style,
            height_m=self.heightM,
        )


class GenerateBody(BaseModel):
    """JSON of `POST /api/generate-3d`."""

    model_config = ConfigDict(extra="ignore")

    sessionId: Annotated[Text, Field(description="Any text that groups your jobs.")] = ""  # noqa: N815
    iteration: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 1
    targetObject: Annotated[Text, Field(description="What the picture shows.")]  # noqa: N815
    imageUrl: Annotated[Text, Field(description="http(s) address of the picture.")]  # noqa: N815
    backUrl: Annotated[Text | None, Field(description="A picture of its back.")] = None  # noqa: N815
    options: OptionsBody = Field(default_factory=OptionsBody)


class SubmittedBody(BaseModel):
    """202 of `POST /api/generate-3d`."""

    success: bool = True
    record_id: int
    status: Status
    status_url: str
    message: str


class ErrorBody(BaseModel):
    """Every error."""

    success: bool = False
    error: str


def status_path(job_id: int) -> str:
    return f"/api/generation-status/{job_id}"


def status_body(job: Job, *, model_address: str | None, image_address: str | None) -> dict[str, Any]:
    """What `GET /api/generation-status/{id}` answers: two keys more when completed, one when ended otherwise."""
    body: dict[str, Any] = {
        "record_id": job.id,
        "status": job.status.value,
        "task_id": job.task_id,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
        "target_object": job.target_object,
        "iteration": job.iteration,
    }
    if job.status is Status.COMPLETED:
        body["3d_url"] = model_address
        body["image_url"] = image_address
    elif job.status is not Status.RUNNING:
        body["error_message"] = job.error_message or "The job was cancelled before anything was made."
    return body


def number(amount: Decimal | None) -> float | int | None:
    """Credits as a JSON number."""
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def iso(moment: datetime) -> str:
    """`2024-01-01T12:00:00Z`, as in the contract."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def form_number(text: str) -> int:
    """The form field `iteration`. Raises: InputRefused."""
    try:
        return int(text)
    except ValueError as exc:
        raise InputRefused(f"iteration must be a whole number, not {text[:40]!r}.", code="iteration_invalid") from exc
