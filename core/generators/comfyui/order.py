"""What one attempt asks of ComfyUI, whatever the shape of the product's own request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.errors import RequestRejected
from core.domain.generation import GenerationRequest
from core.domain.request import ConvertModel, Slot, TextToModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfyOrder:
    """One attempt at one job, in the words of a graph.

    Attributes:
        attempt_id: a lower-case UUID; ComfyUI knows the task by it, so a lost answer is settled by looking it up.
        tokens: what `upload` returned, by slot: image (the front), left, back, right.
        prompt, negative_prompt: None leaves the words of the graph.
        faces: None leaves the number of the graph.
        mark: comes back in look-ups and history; for people who look into ComfyUI.
    """

    attempt_id: str
    tokens: Mapping[str, str]
    seed: int
    prompt: str | None = None
    negative_prompt: str | None = None
    faces: int | None = None
    mark: str = ""


def order_of(request: GenerationRequest) -> ComfyOrder:
    """Raises: RequestRejected, when no graph can make what is asked for."""
    asked = request.request
    if isinstance(asked, ConvertModel):
        raise RequestRejected("ComfyUI does not convert models of other services. Choose the service that made it.")
    faces = asked.choices.get("face_limit")
    return ComfyOrder(
        attempt_id=request.attempt_id,
        tokens={"image" if slot is Slot.FRONT else slot.value: token for slot, token in request.tokens.items()},
        prompt=asked.prompt if isinstance(asked, TextToModel) else None,
        negative_prompt=asked.negative_prompt if isinstance(asked, TextToModel) else None,
        seed=request.nonce,
        faces=faces if isinstance(faces, int) else None,
        mark=f"job {request.job_id}, attempt {request.attempt}",
    )
