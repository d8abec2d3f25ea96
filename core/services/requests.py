"""What a person or a program asks for, and whether it may be asked."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, field, replace

from core.domain.errors import InputRefused
from core.domain.job import HEIGHTS_M, ORIENTATIONS, STYLES, JobOptions
from core.domain.naming import is_storable, is_visible, turns_direction

MAX_NAME = 200  # characters; longer ones do not fit a table or a file name
MAX_SESSION = 200
FACE_LIMITS = (100, 2_000_000)  # below, nothing is recognisable; above, no viewer keeps up


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """One model that is asked for.

    Attributes:
        image: the file as it came, any kind that is accepted; empty until it is fetched from its address.
        image_name: what it was called; shown, never used as a path.
        address: where the picture is to be fetched, when that was sent in its place; `back_address` likewise.
        back: a second picture, of the object's back; only the built-in engine takes one.
        idempotency_key: the same key gives the same job.
    """

    image: bytes = field(default=b"", repr=False)
    image_name: str = ""
    target_object: str
    session_id: str
    iteration: int = 1
    options: JobOptions = field(default_factory=JobOptions)
    idempotency_key: str | None = None
    back: bytes | None = field(default=None, repr=False)
    address: str | None = None
    back_address: str | None = None


def trimmed(request: SubmitRequest) -> SubmitRequest:
    """Without superfluous space in the object's name, and without what cannot be shown in the file's."""
    name = "".join(sign for sign in request.image_name if sign.isprintable())[:MAX_NAME]
    return replace(request, target_object=" ".join(request.target_object.split()), image_name=name or "picture")


def check_texts(request: SubmitRequest) -> None:
    """Raises: InputRefused when a text cannot be stored, not even to be looked up."""
    texts = [request.target_object, request.session_id, request.idempotency_key or ""]
    texts += [value for value in asdict(request.options).values() if isinstance(value, str)]
    if not all(map(is_storable, texts)):
        raise InputRefused(
            "The name, the session or a choice has a character that cannot be stored.", code="text_unstorable"
        )


def checked(request: SubmitRequest) -> SubmitRequest:
    """The request, trimmed, as it is. Raises: InputRefused."""
    _check_name(request.target_object)
    if len(request.session_id) > MAX_SESSION:
        raise InputRefused(f"The session's name is longer than {MAX_SESSION} characters.", code="session_too_long")
    if not 0 <= request.iteration < 2**31:
        raise InputRefused("The iteration must be a whole number from 0.", code="iteration_invalid")
    least, most = FACE_LIMITS
    limit = request.options.face_limit
    if limit is not None and not least <= limit <= most:
        raise InputRefused(f"The most faces must lie between {least} and {most:,}.", code="face_limit_invalid")
    if request.options.orientation not in ORIENTATIONS:
        raise InputRefused(f"An orientation is one of {', '.join(ORIENTATIONS)}.", code="orientation_unknown")
    if request.options.style not in STYLES:
        raise InputRefused(f"A style is one of {', '.join(STYLES)}.", code="style_unknown")
    height = request.options.height_m
    if height is not None and not HEIGHTS_M[0] <= height <= HEIGHTS_M[1]:
        raise InputRefused(
            f"The real height must lie between {HEIGHTS_M[0] * 1000:g} mm and {HEIGHTS_M[1]:g} m.",
            code="height_invalid",
        )
    return request


def _check_name(target: str) -> None:
    if not target:
        raise InputRefused("Please name the object in the picture. Nothing was stored.", code="name_missing")
    if len(target) > MAX_NAME:
        raise InputRefused(
            f"The object's name has {len(target)} characters; at most {MAX_NAME} are possible. Please shorten it.",
            code="name_too_long",
        )
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in target):
        raise InputRefused(
            "The object's name has characters that cannot be shown. Please type it again.", code="name_unreadable"
        )
    if not is_visible(target):
        raise InputRefused(
            "The object's name has nothing that can be seen. Please type another.", code="name_invisible"
        )
    if turns_direction(target):
        raise InputRefused(
            "The object's name has a hidden sign that turns the direction of the text around it. Please type it anew.",
            code="name_turns",
        )
