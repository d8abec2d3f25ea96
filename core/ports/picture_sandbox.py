"""Where pictures from people are decoded: away from the server, with limits."""

from __future__ import annotations

from typing import Protocol

from core.domain.picture import Picture


class PictureSandbox(Protocol):
    """Each call works in a process of its own, within bounded memory and time, so that it leaves nothing behind.

    All raise PictureRefused, with a sentence, for a picture that cannot be used or needs more than is allowed;
    SandboxFailed when it did not work this time: too many at once, too busy, or the server is being stopped.
    """

    def prepare(self, data: bytes, *, max_bytes: int) -> Picture:
        """Judge a picture by its content and write it anew."""
        ...

    def preview(self, data: bytes, *, max_bytes: int, side_px: int) -> bytes:
        """The picture as `prepare` would make it, at most `side_px` pixels a side."""
        ...

    def thumbnail(self, data: bytes, *, side_px: int) -> bytes:
        """A small version of a picture that `prepare` made, in the same format; at most `side_px` pixels a side."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...
