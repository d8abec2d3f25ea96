"""What a person or a program asks for, and whether it may be asked."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from core.domain.errors import InputRefused, PictureRefused
from core.domain.kind import api_name
from core.domain.naming import is_storable, is_visible, turns_direction
from core.domain.request import NO_CHOICES, NO_TEXTS, About, Choices, Kind, Slot

MAX_NAME = 200  # characters; longer ones do not fit a table or a file name
MAX_SESSION = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A picture as it came, or the address where it is to be fetched.

    Attributes:
        data: the file, any kind that is accepted; empty until it is fetched.
        name: what it was called; shown, never used as a path.
    """

    data: bytes = field(default=b"", repr=False)
    name: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """One model that is asked for.

    Attributes:
        kind: None tells it by what was sent: words, one picture, or several.
        pictures: by the side that they show.
        texts: the words that are given, by the name of their field in the kind's dataclass.
        generator: who is to make it; None leaves it to the setting.
        choices: what was chosen; what was not is the generator's default.
        drops_unknown: as the older endpoint has always done: choices of other generators are left out, and the back may
            be the same picture as the front.
        idempotency_key: the same key gives the same job.
    """

    target_object: str
    session_id: str
    kind: Kind | None = None
    pictures: Mapping[Slot, Sent] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=lambda: NO_TEXTS)
    generator: str | None = None
    choices: Choices = field(default_factory=lambda: NO_CHOICES)
    drops_unknown: bool = False
    iteration: int = 1
    idempotency_key: str | None = None

    @property
    def asked(self) -> Kind:
        """The kind that is asked for: the first that takes what was sent and nothing else, or what comes closest."""
        if self.kind is not None:
            return self.kind
        given = {name for name, text in self.texts.items() if text}
        fitting = [kind for kind in Kind.all() if _takes(kind.about, self.pictures.keys(), given)]
        usual = Kind.IMAGE if set(self.pictures) <= {Slot.FRONT} else Kind.MULTIVIEW
        return fitting[0] if fitting else usual


def _takes(about: About, pictures: Set[Slot], texts: Set[str]) -> bool:
    """Whether a kind is made of just this, as far as it goes."""
    known = {text.name for text in about.texts}
    is_of_both = bool(pictures) == bool(about.slots) and bool(texts) == bool(known)
    return not about.is_of_a_job and is_of_both and pictures <= set(about.slots) and texts <= known


def trimmed(request: SubmitRequest) -> SubmitRequest:
    """Without superfluous space in the texts, and without what cannot be shown in the files' names."""
    pictures = {
        slot: replace(sent, name="".join(sign for sign in sent.name if sign.isprintable())[:MAX_NAME] or "picture")
        for slot, sent in request.pictures.items()
    }
    return replace(
        request,
        target_object=" ".join(request.target_object.split()),
        texts={name: text.strip() for name, text in request.texts.items()},
        pictures=pictures,
    )


def check_texts(request: SubmitRequest) -> None:
    """Raises: InputRefused when a text cannot be stored, not even to be looked up."""
    texts = [request.target_object, request.session_id, request.idempotency_key or ""]
    texts += [*request.texts.values(), request.generator or ""]
    texts += [text for name, value in request.choices.items() for text in (name, value) if isinstance(text, str)]
    if not all(map(is_storable, texts)):
        raise InputRefused(
            "The name, the session or a choice has a character that cannot be stored.", code="text_unstorable"
        )


def checked(request: SubmitRequest) -> SubmitRequest:
    """The request, trimmed, as it is. Raises: InputRefused."""
    about = request.asked.about
    if about.is_of_a_job:
        raise InputRefused(
            f"A {request.asked.value} is ordered of a finished job, not submitted. Nothing was stored.",
            code="kind_refused",
        )
    _check_name(request.target_object, is_in_picture=bool(about.slots))
    if len(request.session_id) > MAX_SESSION:
        raise InputRefused(f"The session's name is longer than {MAX_SESSION} characters.", code="session_too_long")
    if not 0 <= request.iteration < 2**31:
        raise InputRefused("The iteration must be a whole number from 0.", code="iteration_invalid")
    _check_words(request, about)
    _check_views(request, about)
    return request


def _check_words(request: SubmitRequest, about: About) -> None:
    known = [text.name for text in about.texts]
    if not known and any(request.texts.values()):
        raise InputRefused(
            "Words are for a model from words; this one is made of pictures. Nothing was stored.",
            code="prompt_unwanted",
        )
    for name, words in request.texts.items():
        if words and name not in known:
            raise InputRefused(
                f"There is no {api_name(name)} in {about.words}, which takes {' and '.join(map(api_name, known))}. "
                "Nothing was stored.",
                code="prompt_unwanted",
            )
    for text in about.texts:
        given = request.texts.get(text.name, "")
        if text.is_needed and not is_visible(given):
            raise InputRefused(f"{text.missing} Nothing was stored.", code=f"{text.name}_missing")
        if len(given) > text.most:
            raise InputRefused(
                f"The {text.what} has {len(given):,} characters; at most {text.most:,} are possible. Please shorten "
                "it. Nothing was stored.",
                code=f"{text.name}_too_long",
            )


def _check_views(request: SubmitRequest, about: About) -> None:
    """Before anything is fetched or stored: which pictures there are."""
    others = set(request.pictures) - {Slot.FRONT}
    if not about.slots and request.pictures:
        raise InputRefused(
            f"{about.words.capitalize()} takes no picture. Send either {about.given} or pictures. Nothing was stored.",
            code="picture_unwanted",
        )
    if about.slots and Slot.FRONT not in request.pictures:
        raise PictureRefused("The picture of the front is missing. Nothing was stored.", code="image_missing")
    if not about.needs_more_sides and others - set(about.slots):
        raise InputRefused(
            f"{about.words.capitalize()} takes the front only; send {Kind.MULTIVIEW.value} for several sides. "
            "Nothing was stored.",
            code="picture_unwanted",
        )
    if about.needs_more_sides and not others:
        raise PictureRefused(
            "Several views need the front and at least one of left, back and right. Nothing was stored.",
            code="views_missing",
        )


def check_views_differ(sums: Mapping[Slot, str]) -> None:
    """By the pictures' SHA-256. Raises: PictureRefused for the same picture in two places."""
    seen: dict[str, Slot] = {}
    for slot, sha256 in sums.items():
        if sha256 in seen:
            raise PictureRefused(
                f"The pictures of the {seen[sha256].value} and of the {slot.value} are the same file. Choose another "
                f"for the {slot.value}, or leave it out. Nothing was stored.",
                code=f"{slot.value}_repeated",
            )
        seen[sha256] = slot


def _check_name(target: str, *, is_in_picture: bool) -> None:
    if not target:
        which = "the object in the picture" if is_in_picture else "the object"
        raise InputRefused(f"Please name {which}. Nothing was stored.", code="name_missing")
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
