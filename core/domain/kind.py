"""What a kind of jobs is: one dataclass for its requests, and what every room asks and says of it, as data.

A kind is known once its dataclass is: those of everybody lie in core.domain.kinds, and a generator's folder may bring
one of its own. The create page, the REST API and its description, both tables and the sentences read it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

Value = str | int | float | bool
Choices = Mapping[str, Value]
NO_CHOICES: Choices = MappingProxyType({})
NO_TEXTS: Mapping[str, str] = MappingProxyType({})
Json = dict[str, Any]


class Slot(StrEnum):
    """From which side a picture shows the object."""

    FRONT = "front"
    LEFT = "left"
    BACK = "back"
    RIGHT = "right"


class Product(StrEnum):
    """What comes of it."""

    MODEL = "model"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A picture of a job as it lies in the object store: upright, without metadata.

    Attributes:
        name: what the person's file was called, for people to read; never used as a path.
    """

    key: str
    name: str
    media_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


# A picture that is not stored yet, in a request that is only priced or checked.
NOT_STORED = StoredImage(key="", name="", media_type="", width_px=0, height_px=0, size_bytes=0, sha256="")
Inputs = Mapping[Slot, StoredImage]


class Kind(str):
    """What becomes of what, in the field's words. There is one for each dataclass that was made known."""

    __slots__ = ()
    _known: ClassVar[dict[str, Kind]] = {}
    _requests: ClassVar[dict[str, type[JobRequest]]] = {}
    IMAGE: ClassVar[Kind]
    MULTIVIEW: ClassVar[Kind]
    TEXT: ClassVar[Kind]
    CONVERT: ClassVar[Kind]

    def __new__(cls, name: str) -> Kind:
        """The one of this name. Raises: ValueError, for a name that no kind has."""
        found = cls._known.get(name)
        if found is None:
            raise ValueError(f"There is no kind {name!r}.")
        return found

    @classmethod
    def all(cls) -> tuple[Kind, ...]:
        """Every kind, in the order in which they are shown."""
        ranks = {name: request.about.rank for name, request in cls._requests.items()}
        return tuple(sorted(cls._known.values(), key=lambda kind: (ranks[kind], kind)))

    @classmethod
    def add(cls, name: str, request: type[JobRequest]) -> Kind:
        kind = cls._known.setdefault(name, str.__new__(cls, name))
        cls._requests[name] = request
        return kind

    @classmethod
    def drop(cls, kind: Kind) -> None:
        """No longer known: its generator's folder was taken away."""
        cls._known.pop(kind, None)
        cls._requests.pop(kind, None)

    @property
    def value(self) -> str:
        return str.__str__(self)

    @property
    def request(self) -> type[JobRequest]:
        """The dataclass of its requests."""
        return self._requests[self]

    @property
    def about(self) -> About:
        return self.request.about


def api_name(name: str) -> str:
    """A field's name as the API spells it: negative_prompt → negativePrompt."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class TextInput:
    """Words that a person gives.

    Attributes:
        name: of the dataclass's field; the API calls it the same in its own spelling.
        label, placeholder: beside and in the field on the page.
        what: what it is called in a sentence: "The … has 1,100 characters".
        means: for the description of the API.
        missing: what is said when it is empty; empty itself where it may be.
        most: characters.
    """

    name: str
    label: str
    placeholder: str
    what: str
    means: str
    most: int
    missing: str = ""

    @property
    def is_needed(self) -> bool:
        return bool(self.missing)

    @property
    def api_name(self) -> str:
        return api_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How the create page asks for it.

    Attributes:
        label, icon: of its tab.
        slots: the places for pictures, with their labels.
        advice: a heading, and what makes a good model.
    """

    label: str
    icon: str
    title: str
    slots: Mapping[Slot, str] = field(default_factory=dict)
    advice: tuple[str, tuple[str, ...]] = ("", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """One kind of jobs.

    Attributes:
        words: what it is, with its article: "a model from one picture".
        rank: where it stands among the others.
        given: what people give for it: "picture", "words".
        sending, under_way: what is said, in the job's history and on its page, while it is handed over.
        slots: the pictures that it may have, the front first; a kind that has any needs the front.
        needs_more_sides: the front alone will not do.
        texts: the words that are given for it.
        product: what comes of it.
        is_of_a_job: it is ordered of a finished job instead of submitted, with that job's name and session.
        refused: what is said when a generator refused what was given; the same would be refused again.
        another, change: how it is made again with something else: on the button, and on the page that it leads to.
        echo_scope: under which its echoes are noted beside the account; None: under its name.
        example: a body for the description of the API, without the kind.
        page: None: it is not on the create page.
    """

    words: str
    rank: int
    given: str
    sending: str
    under_way: str
    slots: tuple[Slot, ...] = ()
    needs_more_sides: bool = False
    texts: tuple[TextInput, ...] = ()
    product: Product = Product.MODEL
    is_of_a_job: bool = False
    refused: str = ""
    another: str = ""
    change: str = ""
    echo_scope: str | None = None
    example: Mapping[str, Any] = field(default_factory=dict)
    page: Page | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What a job asks for. Each kind is a dataclass below it, with a field for each of its pictures and texts."""

    kind: ClassVar[Kind]
    about: ClassVar[About]
    choices: Choices = field(default_factory=lambda: NO_CHOICES)

    def inputs(self) -> Inputs:
        """Its pictures, by the side that they show."""
        found = {slot: getattr(self, self.field_of(slot)) for slot in self.about.slots}
        return {slot: image for slot, image in found.items() if image is not None}

    def texts(self) -> Mapping[str, str]:
        """Its words, by the name of their field."""
        return {text.name: getattr(self, text.name) for text in self.about.texts}

    @property
    def pictures(self) -> tuple[StoredImage, ...]:
        """Every stored file that it rests on, the one to be shown first."""
        return tuple(self.inputs().values())

    @property
    def source_job(self) -> int | None:
        """The job whose finished model it rests on."""
        return None

    def main_token(self, tokens: Mapping[Slot, str]) -> str:
        """What its task is known by beside its nonce. Empty for a request without a picture."""
        return tokens.get(Slot.FRONT, "")

    @classmethod
    def field_of(cls, slot: Slot) -> str:
        """The field with the picture of a side."""
        return slot.value

    @classmethod
    def made_of(cls, inputs: Inputs, texts: Mapping[str, str], choices: Choices) -> Self:
        pictures = {cls.field_of(slot): image for slot, image in inputs.items()}
        return cls(**pictures, **texts, choices=MappingProxyType(dict(choices)))

    @classmethod
    def sketch(cls) -> Self:
        """Before anything of it is there: for its price and its choices."""
        sides: dict[Slot, StoredImage] = {slot: NOT_STORED for slot in cls.about.slots if slot is Slot.FRONT}
        if cls.about.needs_more_sides:
            sides[Slot.BACK] = NOT_STORED
        return cls.made_of(sides, {text.name: "" for text in cls.about.texts}, NO_CHOICES)

    def to_json(self) -> Json:
        """As tables keep it."""
        written: Json = {"kind": self.kind.value, "choices": dict(self.choices)} | dict(self.texts())
        if self.about.slots:
            written["inputs"] = {slot.value: asdict(image) for slot, image in self.inputs().items()}
        return written

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> JobRequest:
        """Raises: ValueError, TypeError, LookupError for what `to_json` never wrote."""
        inputs = {Slot(slot): StoredImage(**image) for slot, image in written.get("inputs", {}).items()}
        texts = {text.name: written[text.name] for text in cls.about.texts}
        return cls.made_of(inputs, texts, written["choices"])


Request = TypeVar("Request", bound=JobRequest)


def known_as(name: str) -> Callable[[type[Request]], type[Request]]:
    """A decorator that makes a kind known, by the dataclass of its requests."""

    def known(request: type[Request]) -> type[Request]:
        request.kind = Kind.add(name, request)
        return request

    return known
