"""What was chosen and typed but not submitted yet, kept on this server so that a reload of the page loses none."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.domain.errors import MaquetteError
from core.domain.request import Slot
from core.ports.object_store import ObjectStore

Entries = Mapping[str, Any]  # what JSON can hold
NO_ENTRIES: Entries = MappingProxyType({})
ENTRIES = "entries"
NUMBER = re.compile(r"[0-9a-f]{32}")
log = logging.getLogger(__name__)


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

    def keep(self, draft: str, side: Slot, picture: ChosenPicture) -> None:
        """Instead of the one kept for this side before."""
        head = json.dumps(picture.name).encode() + b"\n"
        try:
            self.objects.put(_key(draft, side), head + picture.data, media_type="application/octet-stream")
        except MaquetteError:
            log.exception("the %s picture of a draft could not be kept", side)

    def find(self, draft: str, side: Slot) -> ChosenPicture | None:
        """The picture; None when there is none, or no such draft."""
        try:
            if NUMBER.fullmatch(draft) is None or not self.objects.exists(_key(draft, side)):
                return None
            head, _, data = self.objects.get(_key(draft, side)).partition(b"\n")
            return ChosenPicture(name=str(json.loads(head)), data=data)
        except (MaquetteError, ValueError):
            log.exception("the %s picture of a draft could not be read", side)
            return None

    def forget(self, draft: str, side: Slot) -> None:
        """It was submitted, or taken back."""
        try:
            self.objects.delete(_key(draft, side))
        except MaquetteError:
            log.exception("the %s picture of a draft could not be removed", side)

    def keep_entries(self, draft: str, entries: Entries) -> None:
        """What was typed and chosen so far, instead of what was kept before; empty entries are forgotten."""
        try:
            if entries:
                written = json.dumps(dict(entries)).encode()
                self.objects.put(_key(draft, ENTRIES), written, media_type="application/json")
            else:
                self.objects.delete(_key(draft, ENTRIES))
        except MaquetteError:
            log.exception("what was typed in a draft could not be kept")

    def entries(self, draft: str) -> Entries:
        """As they were kept; empty when there are none, or no such draft."""
        try:
            if NUMBER.fullmatch(draft) is None or not self.objects.exists(_key(draft, ENTRIES)):
                return NO_ENTRIES
            found = json.loads(self.objects.get(_key(draft, ENTRIES)))
        except (MaquetteError, ValueError):
            log.exception("what was typed in a draft could not be read")
            return NO_ENTRIES
        return found if isinstance(found, dict) else NO_ENTRIES


def _key(draft: str, part: str) -> str:
    return f"{draft}-{part}"
