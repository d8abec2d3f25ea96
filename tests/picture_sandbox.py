"""A PictureSandbox in the test's own process: the same results without the time that processes take to start."""

from __future__ import annotations

from core.domain.picture import Picture
from core.imaging.picture import prepare, thumbnail


class PicturesHere:
    """See core.ports.picture_sandbox.

    Attributes:
        calls: the verbs, in order.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    def prepare(self, data: bytes, *, max_bytes: int) -> Picture:
        self.calls.append("prepare")
        return prepare(data, max_bytes=max_bytes)

    def preview(self, data: bytes, *, max_bytes: int, side_px: int) -> bytes:
        self.calls.append("preview")
        return thumbnail(prepare(data, max_bytes=max_bytes).data, side_px=side_px)

    def thumbnail(self, data: bytes, *, side_px: int) -> bytes:
        self.calls.append("thumbnail")
        return thumbnail(data, side_px=side_px)

    def close(self) -> None:
        self.calls.append("close")
