"""Where models are measured, drawn and converted: away from the server, with limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.domain.export import ExportFacts, ExportOrder
from core.domain.mesh_report import ShapeFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What one look at a model gave.

    Attributes:
        thumbnail: a PNG with a transparent background.
        shape: None when it could not be measured; `problem` says why.
    """

    thumbnail: bytes
    shape: ShapeFacts | None
    problem: str = ""


class ModelSandbox(Protocol):
    """Each verb works in a child process of its own, one at a time, within bounded memory and time.

    All raise ModelInvalid, with a sentence, for a model that cannot be read; SandboxFailed when it did not work this
    time: too many at once, the time or the memory ran out, or the server is being stopped.
    """

    def look(self, model: bytes) -> Inspection:
        """Measure and draw a GLB."""
        ...

    def turntable(self, model: bytes) -> bytes:
        """An animated WebP of the model, once around."""
        ...

    def export(self, model: bytes, order: ExportOrder, *, name: str) -> tuple[bytes, ExportFacts]:
        """The model as another file, read again and compared. Raises also: ExportFailed."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...
