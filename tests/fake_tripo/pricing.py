"""Tripo's list prices, in credits. Source: Tripo v3, prices."""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from typing import Any

MODELS = ("v3.1-20260211", "v3.0-20250812", "v2.5-20250123", "P1-20260311", "P2-20260801")
P_REFUSES = ("smart_low_poly", "generate_parts", "geometry_quality")
FORMATS = ("GLTF", "USDZ", "FBX", "OBJ", "STL", "3MF")
BASE = {"P1": (40, 50), "P2": (100, 110), "v": (20, 30)}  # bare, textured


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
    bare, textured = BASE[model[:2] if model.startswith("P") else "v"]
    has_texture = body.get("texture", True) or body.get("pbr", True)
    credits = textured if has_texture else bare
    credits += {"detailed": 10, "extreme": 20}.get(body.get("texture_quality", ""), 0)
    credits += 20 if body.get("geometry_quality") == "detailed" else 0
    credits += 5 if body.get("quad") else 0
    credits += 10 if body.get("smart_low_poly") else 0
    credits += 20 if body.get("generate_parts") else 0
    return Decimal(credits)


def refusal(body: dict[str, Any], files: Container[str]) -> tuple[int, str] | None:
    """(code, message) when the real service would refuse this body."""
    model = body.get("model")
    if model not in MODELS:
        return 1004, f"model must be one of {MODELS}"
    source = body.get("input")
    if source is None and isinstance(body.get("file"), dict):
        source = body["file"].get("file_token") or body["file"].get("url")
    if not isinstance(source, str) or source.startswith("data:"):
        return 1004, "input must be a file token, a URL or a task id"
    if source.startswith("file_") and source not in files:
        return 1004, "unknown file token"
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
