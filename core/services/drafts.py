"""Pictures that were chosen but not submitted yet, kept on this server so that a reload of the page loses none."""

from __future__ import annotations

import json
import logging
import re
import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from core.domain.errors import MaquetteError
from core.ports.object_store import ObjectStore

NAME = "name"
NUMBER = re.compile(r"[0-9a-f]{32}")
log = logging.getLogger(__name__)


class Side(StrEnum):
    """Which picture of the object."""

    FRONT = "front"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenPicture:
    """A file as it was chosen."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """The use case. A convenience: what cannot be kept or read is noted in the log and missed by nobody else.

    Attributes:
        objects: bounded; whoever knows a draft's number sees its pictures.
    """

    objects: ObjectStore

    @staticmethod
    def new() -> str:
        """A number that nobody guesses: 122 random bits."""
        return uuid.uuid4().hex

    def keep(self, draft: str, side: Side, picture: ChosenPicture) -> None:
        """Instead of the one kept for this side before."""
        head = json.dumps(picture.name).encode() + b"\n"
        try:
            self.objects.put(_key(draft, side), head + picture.data, media_type="application/octet-stream")
        except MaquetteError:
            log.exception("the %s picture of a draft could not be kept", side)

    def find(self, draft: str, side: Side) -> ChosenPicture | None:
        """The picture; None when there is none, or no such draft."""
        try:
            if NUMBER.fullmatch(draft) is None or not self.objects.exists(_key(draft, side)):
                return None
            head, _, data = self.objects.get(_key(draft, side)).partition(b"\n")
            return ChosenPicture(name=str(json.loads(head)), data=data)
        except (MaquetteError, ValueError):
            log.exception("the %s picture of a draft could not be read", side)
            return None

    def forget(self, draft: str, side: Side) -> None:
        """It was submitted, or taken back."""
        try:
            self.objects.delete(_key(draft, side))
        except MaquetteError:
            log.exception("the %s picture of a draft could not be removed", side)

    def keep_name(self, draft: str, name: str) -> None:
        """What the object is called so far; an empty name is forgotten."""
        try:
            if name:
                self.objects.put(_key(draft, NAME), name.encode(), media_type="text/plain")
            else:
                self.objects.delete(_key(draft, NAME))
        except MaquetteError:
            log.exception("the name of a draft could not be kept")

    def name(self, draft: str) -> str:
        """As it was typed; empty when there is none."""
        try:
            if NUMBER.fullmatch(draft) is None or not self.objects.exists(_key(draft, NAME)):
                return ""
            return self.objects.get(_key(draft, NAME)).decode()
        except (MaquetteError, ValueError):
            log.exception("the name of a draft could not be read")
            return ""


def _key(draft: str, part: str) -> str:
    return f"{draft}-{part}"
