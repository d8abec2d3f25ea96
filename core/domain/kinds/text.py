"""Words become a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.domain.kind import About, JobRequest, Page, TextInput, known_as

NAME = "text_to_model"
MOST_PROMPT, MOST_NEGATIVE_PROMPT = 1024, 255  # characters. Source: Tripo v3; shorter than the limits of others


@known_as(NAME)
@dataclass(frozen=True, slots=True, kw_only=True)
class TextToModel(JobRequest):
    """Words become a model."""

    about: ClassVar[About] = About(
        words="a model from words",
        rank=30,
        given="words",
        sending="Sending the words.",
        under_way="The words are on their way.",
        texts=(
            TextInput(
                name="prompt",
                label="Describe it",
                placeholder="For example: a wooden rocking chair with a red cushion, worn paint, realistic",
                what="description",
                means="What is to be made.",
                most=MOST_PROMPT,
                missing="Please say in words what is to be made.",
            ),
            TextInput(
                name="negative_prompt",
                label="What it should not have (optional)",
                placeholder="For example: a base, text, several objects",
                what="text of what is not wanted",
                means="What is not wanted.",
                most=MOST_NEGATIVE_PROMPT,
            ),
        ),
        refused="Change the words: they were refused, and the same words will most likely be refused again.",
        another="Use other words",
        change="Change the words.",
        example={"prompt": "a golden retriever, sitting", "targetObject": "Golden Retriever"},
        page=Page(
            label="Words",
            icon=":material/notes:",
            title="Turn words into a 3D model",
            advice=(
                ":material/edit_note: **Good words**",
                (
                    "name one object first: *a wooden rocking chair*",
                    "then its shape, its material and its colours",
                    "then its style: realistic, cartoon, low poly",
                    "leave out the scene around it",
                ),
            ),
        ),
    )
    prompt: str
    negative_prompt: str = ""
