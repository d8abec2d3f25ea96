"""What one attempt asks of ComfyUI, whatever the shape of the product's own request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.errors import RequestRejected
from core.domain.generation import GenerationRequest

ATTEMPTS = uuid.UUID("8d7f6e4e-93cf-5d38-9b60-3f0f5f5d7d55")  # names of attempts are made within this one


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
    options = request.options
    if options.conversion is not None:
        raise RequestRejected("ComfyUI does not convert models of other services. Choose the service that made it.")
    tokens = {"image": request.image_token}
    return ComfyOrder(
        attempt_id=attempt_id(request),
        tokens=tokens,
        seed=request.nonce,
        faces=options.face_limit,
        mark=f"job {request.job_id}, attempt {request.attempt}",
    )


def attempt_id(request: GenerationRequest) -> str:
    """The same for the same attempt, wherever and however often it is asked."""
    return str(uuid.uuid5(ATTEMPTS, f"{request.job_id} {request.attempt} {request.nonce}"))
