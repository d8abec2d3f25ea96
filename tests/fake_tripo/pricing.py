"""Tripo's list prices, in credits. Source: Tripo v3, prices."""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from typing import Any

MODELS = ("v3.1-20260211", "v3.0-20250812", "v2.5-20250123", "P1-20260311", "P2-20260801")
P_REFUSES = ("smart_low_poly", "generate_parts", "geometry_quality")
FORMATS = ("GLTF", "USDZ", "FBX", "OBJ", "STL", "3MF")
BASE = {"P1": (40, 50), "P2": (100, 110), "v": (20, 30)}  # bare, textured; of one picture or several
OF_WORDS = {"P1": (30, 40), "P2": (100, 110), "v": (10, 20)}
PATHS = {
    "/v3/generation/image-to-model": "image_to_model",
    "/v3/generation/multiview-to-model": "multiview_to_model",
    "/v3/generation/text-to-model": "text_to_model",
}
LEAST = {"image_to_model": 20, "multiview_to_model": 20, "text_to_model": 10, "convert_model": 5}  # the cheapest
VIEWS = ("front", "left", "back", "right")
COMMON = frozenset(
    {
        *("model", "model_seed", "face_limit", "texture", "pbr", "texture_seed", "texture_quality", "geometry_quality"),
        *("auto_size", "quad", "smart_low_poly", "generate_parts", "compress", "export_uv", "return_multiview"),
    }
)
# Bodies with any other field are refused. Source: Tripo v3's description of its API: additionalProperties false
FIELDS = {
    "image_to_model": COMMON
    | {"input", "file", "enable_image_autofix", "texture_alignment", "orientation", "check_printable", "mode"},
    "multiview_to_model": COMMON
    | {"inputs", "files", "original_model_task_id", "texture_alignment", "orientation", "orthographic_projection"},
    "text_to_model": COMMON
    | {"prompt", "negative_prompt", "image_seed", "render_sequence", "render_video", "check_printable", "style_image"},
}
MOST_PROMPT, MOST_NEGATIVE_PROMPT = 1024, 255


def type_of(body: dict[str, Any]) -> str:
    """What a task is called, by what it was asked."""
    if "format" in body:
        return "convert_model"
    if "prompt" in body:
        return "text_to_model"
    return "multiview_to_model" if {"inputs", "files"} & body.keys() else "image_to_model"


def category_of(body: dict[str, Any]) -> str:
    """Which limit of open tasks a request counts against."""
    if "format" in body:
        return "convert"
    return "p" if str(body["model"]).startswith("P") else "standard"


def price(body: dict[str, Any]) -> Decimal:
    """What a task costs when it succeeds."""
    if "format" in body:
        return Decimal(5 if set(body) == {"input", "format"} else 10)
    model = str(body["model"])
    bases = OF_WORDS if type_of(body) == "text_to_model" else BASE
    bare, textured = bases[model[:2] if model.startswith("P") else "v"]
    has_texture = body.get("texture", True) or body.get("pbr", True)
    credits = textured if has_texture else bare
    credits += {"detailed": 10, "extreme": 20}.get(body.get("texture_quality", ""), 0)
    credits += 20 if body.get("geometry_quality") == "detailed" else 0
    credits += 5 if body.get("quad") else 0
    credits += 10 if body.get("smart_low_poly") else 0
    credits += 20 if body.get("generate_parts") else 0
    return Decimal(credits)


def refusal(body: dict[str, Any], files: Container[str], type: str = "image_to_model") -> tuple[int, str] | None:
    """(code, message) when the real service would refuse this body."""
    unknown = body.keys() - FIELDS[type]
    if unknown:
        return 1004, f"{type} does not take {sorted(unknown)}"
    model = body.get("model")
    if model not in MODELS:
        return 1004, f"model must be one of {MODELS}"
    if type == "text_to_model":
        wrong = _wrong_words(body)
    elif type == "multiview_to_model":
        wrong = _wrong_views(body, files)
    else:
        wrong = _wrong_source(_source(body), files)
    if wrong is not None:
        return 1004, wrong
    if model.startswith("P"):
        sent = [name for name in P_REFUSES if name in body]
        if sent or (model.startswith("P1") and "quad" in body):
            return 1004, f"{model} does not take {sent or 'quad'}"
        limit = body.get("face_limit")
        if limit is not None and not 50 <= limit <= 20000:
            return 1004, "face_limit must lie between 50 and 20000"
    if body.get("generate_parts") and (body.get("texture", True) or body.get("pbr", True)):
        return 1004, "generate_parts needs texture and pbr false"
    return None


def views_of(body: dict[str, Any]) -> dict[str, str]:
    """The file of each side, from four places or from objects by the sides' names."""
    given = body.get("inputs", body.get("files"))
    found: dict[str, str] = {}
    if not isinstance(given, list):
        return found
    is_named = any(isinstance(each, dict) and set(each) & set(VIEWS) for each in given)
    pairs = [pair for each in given for pair in each.items()] if is_named else zip(VIEWS, given, strict=False)
    for side, value in pairs:
        token = value.get("file_token") or value.get("url") if isinstance(value, dict) else value
        if token:
            found[side] = token
    return found


def _source(body: dict[str, Any]) -> Any:
    source = body.get("input")
    if source is None and isinstance(body.get("file"), dict):
        source = body["file"].get("file_token") or body["file"].get("url")
    return source


def _wrong_source(source: Any, files: Container[str]) -> str | None:
    if not isinstance(source, str) or source.startswith("data:"):
        return "input must be a file token, a URL or a task id"
    return "unknown file token" if source.startswith("file_") and source not in files else None


def _wrong_views(body: dict[str, Any], files: Container[str]) -> str | None:
    views = views_of(body)
    if "front" not in views or len(views) < 2:
        return "the front and at least one other view are required"
    if not set(views) <= set(VIEWS) or len(body.get("inputs", body.get("files", ()))) > len(VIEWS):
        return f"inputs are {VIEWS}"
    return next((wrong for each in views.values() if (wrong := _wrong_source(each, files)) is not None), None)


def _wrong_words(body: dict[str, Any]) -> str | None:
    prompt, negative = body.get("prompt"), body.get("negative_prompt", "")
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > MOST_PROMPT:
        return f"prompt must have 1 to {MOST_PROMPT} characters"
    if not isinstance(negative, str) or len(negative) > MOST_NEGATIVE_PROMPT:
        return f"negative_prompt must have at most {MOST_NEGATIVE_PROMPT} characters"
    return None
