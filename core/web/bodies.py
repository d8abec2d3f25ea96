"""The API's requests and answers, in the contract's exact keys."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from core.domain.errors import InputRefused
from core.domain.job import Job
from core.domain.naming import is_storable
from core.domain.request import Choices, Value
from core.domain.request_codec import OLD_CHOICES
from core.domain.status import Status
from core.services.requests import MAX_NAME, MAX_SESSION


def _storable(text: str) -> str:
    if not is_storable(text):
        raise PydanticCustomError("unstorable", "Has a character that cannot be stored (NUL, or half of a pair)")
    return text


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is the whole number 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _one_of(*values: str) -> dict[str, Any]:
    """For the description. Whoever makes the model checks the value and says what to choose instead."""
    return {"enum": list(values)}


WHOLE = BeforeValidator(_whole)  # after the limits, or the description loses them
Text = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
"""A text from outside that both job tables can hold."""


Group = Annotated[
    Text, Field(description="Any text that groups your jobs.", json_schema_extra={"maxLength": MAX_SESSION})
]
# The bag of choices of the contract's endpoint, as it always was; newer endpoints have those of each generator.
# GET /api/generators says which of them each generator takes; one that it does not take is refused or left out.
USUAL_MODEL = OLD_CHOICES["model"]
FACE_LIMITS = (100, 2_000_000)
ORIENTATIONS = ("default", "align_image")
STYLES = ("auto", "solid", "relief", "lithophane", "coin")
HEIGHTS_M = (0.001, 1000.0)
NAMED = {"minLength": 1, "maxLength": MAX_NAME}


class OptionsBody(BaseModel):
    """Optional choices about the model; in a form they are fields of the same names."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[
        Text | None,
        Field(description="A dated model version of the generator.", examples=[USUAL_MODEL]),
    ] = None
    faceLimit: Annotated[  # noqa: N815
        Annotated[int, Field(ge=FACE_LIMITS[0], le=FACE_LIMITS[1]), WHOLE] | None,
        Field(description="At most so many triangles."),
    ] = None
    texture: bool = True
    pbr: bool = True
    textureQuality: Annotated[Text, Field(json_schema_extra=_one_of("standard", "detailed", "extreme"))] = "standard"  # noqa: N815
    geometryQuality: Annotated[Text, Field(json_schema_extra=_one_of("standard", "detailed"))] = "standard"  # noqa: N815
    orientation: Annotated[
        Text,
        Field(description="align_image turns it as in the picture.", json_schema_extra=_one_of(*ORIENTATIONS)),
    ] = "default"
    autoSize: Annotated[bool, Field(description="The size that the generator guesses, in metres.")] = False  # noqa: N815
    style: Annotated[Text, Field(description="Kind of shape.", json_schema_extra=_one_of(*STYLES))] = "auto"
    heightM: Annotated[  # noqa: N815
        float | None,
        Field(
            description="The object's real height, metres.",
            ge=HEIGHTS_M[0],
            le=HEIGHTS_M[1],
            allow_inf_nan=False,
        ),
    ] = None

    def chosen(self) -> Choices:
        """What differs from the usual. Raises: InputRefused."""
        if self.orientation not in ORIENTATIONS:
            raise InputRefused(f"An orientation is one of {', '.join(ORIENTATIONS)}.", code="orientation_unknown")
        if self.style not in STYLES:
            raise InputRefused(f"A style is one of {', '.join(STYLES)}.", code="style_unknown")
        said: dict[str, Value | None] = {
            "model": self.model,
            "face_limit": self.faceLimit,
            "texture": self.texture,
            "pbr": self.pbr,
            "texture_quality": self.textureQuality,
            "geometry_quality": self.geometryQuality,
            "orientation": self.orientation,
            "auto_size": self.autoSize,
            "style": self.style,
            "height_m": self.heightM,
        }
        return {name: value for name, value in said.items() if value is not None and value != OLD_CHOICES[name]}


class GenerateBody(BaseModel):
    """JSON of `POST /api/generate-3d`."""

    model_config = ConfigDict(extra="ignore")

    sessionId: Group = ""  # noqa: N815
    iteration: Annotated[int, Field(ge=0, lt=2**31), WHOLE] = 1
    targetObject: Annotated[Text, Field(description="What the picture shows.", json_schema_extra=NAMED)]  # noqa: N815
    imageUrl: Annotated[Text, Field(description="http(s) address of the picture.")]  # noqa: N815
    backUrl: Annotated[Text | None, Field(description="A picture of its back.")] = None  # noqa: N815
    options: OptionsBody = Field(default_factory=OptionsBody)


class FormBody(OptionsBody):
    """The form of `POST /api/generate-3d`, for the description; a form's texts are read one by one."""

    image: Annotated[bytes, Field(description="The picture: JPEG, PNG, WebP, BMP, TIFF, GIF, HEIC or HEIF.")]
    back: Annotated[bytes | None, Field(description="A picture of its back.")] = None
    targetObject: Annotated[Text, Field(description="What the picture shows.", json_schema_extra=NAMED)]  # noqa: N815
    sessionId: Group = ""  # noqa: N815
    iteration: Annotated[int, Field(ge=0, lt=2**31)] = 1


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


def form_number(text: str, field: str = "iteration") -> int:
    """A whole number in a form's field. Raises: InputRefused."""
    try:
        return int(text)
    except ValueError as exc:
        raise InputRefused(f"{field} must be a whole number, not {text[:40]!r}.", code=f"{field}_invalid") from exc
