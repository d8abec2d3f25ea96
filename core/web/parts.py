"""Files that are given away whole or in parts."""

from __future__ import annotations

import re

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

PART = re.compile(r"(\d{1,18})-(\d{0,18})|-\d{1,18}")
MOST_PARTS = 20  # more are no player and no download manager


class PartedFile(FileResponse):
    """A file with Range. One that cannot be read is ignored, as HTTP allows; Starlette alone answers 400.

    Source: RFC 9110, section 14.2.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (name, value) for name, value in scope["headers"] if name != b"range" or is_range(value.decode("latin-1"))
        ]
        await super().__call__({**scope, "headers": headers}, receive, send)


def is_range(text: str) -> bool:
    """Whether it names parts in bytes, each from a place to the same or a later one."""
    unit, _, listed = text.partition("=")
    parts = [PART.fullmatch(part.strip()) for part in listed.split(",")]
    if unit.strip().lower() != "bytes" or len(parts) > MOST_PARTS:
        return False
    return all(part and (not part[1] or not part[2] or int(part[1]) <= int(part[2])) for part in parts)
