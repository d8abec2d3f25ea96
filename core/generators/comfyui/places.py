"""Whether a workflow has places for all that a job cannot do without."""

from __future__ import annotations

from core.domain.errors import InputRefused
from core.domain.request import JobRequest, MultiviewToModel, Slot, TextToModel
from core.generators.comfyui.workflow import IMAGE, NEGATIVE, Workflow

SIDES = (Slot.LEFT, Slot.BACK, Slot.RIGHT)


def sides_of(workflow: Workflow) -> tuple[Slot, ...]:
    """The sides beside the front that it has a place for."""
    return tuple(side for side in SIDES if workflow.has(f"{IMAGE}_{side}"))


def check_places(workflow: Workflow, request: JobRequest) -> None:
    """Sides without a place are left out, as long as one is left beside the front; words never are.

    Raises: InputRefused, with what to do. It says nothing of what was stored.
    """
    if isinstance(request, MultiviewToModel):
        given, known = [side for side in SIDES if side in request.inputs()], sides_of(workflow)
        if not set(given) & set(known):
            add = f" Add one of the {' or '.join(known)}, or send the front alone." if known else ""
            raise InputRefused(
                f"The ComfyUI workflow {workflow.label} has no place for a picture of the {' or '.join(given)}, so "
                f"only the front would be used.{add}",
                code="views_missing",
            )
    if isinstance(request, TextToModel) and request.negative_prompt and not workflow.has(NEGATIVE):
        raise InputRefused(
            f"The ComfyUI workflow {workflow.label} has no place for what is not wanted. Leave that text out, or "
            "choose another generator.",
            code="negative_prompt_refused",
        )
