"""A picture that may be used: checked, upright, without metadata."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_STORED_BYTES = 20_000_000
"""Of a picture as it is stored. Source: the bucket takes 20 MiB, Tripo 20 MB; this is the smaller reading of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that was decoded whole: upright, sRGB, without metadata, at most MOST_STORED_BYTES.

    Attributes:
        media_type: "image/jpeg", or "image/png" when it has transparent parts.
        source_format: what it came as, such as "HEIF".
    """

    data: bytes = field(repr=False)
    media_type: str
    width_px: int
    height_px: int
    source_format: str
