"""Requests that fit the description get a picture that is there, so that more than refusals is seen."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

ADDRESS = "https://example.com/image.png"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Only where the case means to be right: what is wrong on purpose stays wrong."""
    is_meant = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if is_meant and case.operation.label == "POST /generate-3d" and case.media_type == "application/json":
        case.body["imageUrl"] = ADDRESS
        case.body.pop("backUrl", None)
    if is_meant and case.operation.label == "POST /jobs" and case.media_type == "application/json":
        case.body.update({name: ADDRESS for name in case.body if name.endswith("Url")})
