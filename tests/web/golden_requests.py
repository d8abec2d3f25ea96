"""Requests of `POST /api/generate-3d` and the questions after it, whose answers are kept in golden/generate_3d.json.

The answers were recorded on the last version before jobs had kinds. Programs of others rest on them, byte for byte.
Only the sentences of four refusals are of today: "paid, unknown model", "style", "height", and "unknown quality".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests import pictures

ADDRESS = "https://example.com/image.png"
FORBIDDEN = "http://forbidden.example/back.png"
JSON = {"sessionId": "your-session-id", "iteration": 1, "targetObject": "Golden Retriever", "imageUrl": ADDRESS}
FREE, PAID = "offline", "tripo"
KEPT = ("location", "content-type", "preference-applied", "retry-after", "allow")
TIMES = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
Call = dict[str, Any]


def by_json(path: str = "/api/generate-3d", headers: dict[str, str] | None = None, **changes: Any) -> Call:
    body = {name: value for name, value in (JSON | changes).items() if value is not ...}
    return {"method": "POST", "url": path, "json": body, "headers": headers}


def by_form(headers: dict[str, str] | None = None, back: bytes | None = None, **fields: str) -> Call:
    files = {"image": ("photo.jpg", pictures.cat(), "image/jpeg")}
    if back is not None:
        files["back"] = ("back.png", back, "image/png")
    return {
        "method": "POST",
        "url": "/api/generate-3d",
        "files": files,
        "data": {"targetObject": "Cup"} | fields,
        "headers": headers,
    }


def raw(content: bytes, kind: str) -> Call:
    return {"method": "POST", "url": "/api/generate-3d", "content": content, "headers": {"content-type": kind}}


def get(path: str) -> Call:
    return {"method": "GET", "url": path}


CALLS: dict[str, tuple[str, Call]] = {
    "json": (FREE, by_json()),
    "status": (FREE, get("/api/generation-status/1")),
    "status too": (FREE, get("/api/status/1")),
    "unknown job": (FREE, get("/api/status/99")),
    "form": (FREE, by_form(sessionId="s1", iteration="3")),
    "form with a back": (FREE, by_form(back=pictures.portrait())),
    "form with the front as its back": (FREE, by_form(back=pictures.cat())),
    "form with an empty back": (FREE, by_form(back=b"")),
    "json with a back": (FREE, by_json(backUrl="https://example.com/back.png")),
    "estimate": (FREE, by_json("/api/generate-3d?estimate=true")),
    "key": (FREE, by_json(headers={"Idempotency-Key": "k"})),
    "key again": (FREE, by_json(headers={"Idempotency-Key": "k"})),
    "key with another name": (FREE, by_json(headers={"Idempotency-Key": "k"}, targetObject="Dog")),
    "key that is none": (FREE, by_json(headers={"Idempotency-Key": " "})),
    "wait": (FREE, by_json(headers={"Prefer": "wait=0"})),
    "unknown fields": (FREE, by_json(colour="red", options={"nothing": 1, "pbr": False})),
    "options of the engine": (FREE, by_json(options={"style": "coin", "heightM": 0.2, "faceLimit": 5000.0})),
    "options of the other one": (FREE, by_json(options={"autoSize": True, "textureQuality": "detailed"})),
    "wrong style": (FREE, by_json(options={"style": "cubist"})),
    "wrong height": (FREE, by_json(options={"heightM": 0})),
    "wrong number of faces": (FREE, by_json(options={"faceLimit": 1})),
    "wrong orientation": (FREE, by_json(options={"orientation": "up"})),
    "form with a wrong number": (FREE, by_form(faceLimit="many")),
    "form with a wrong iteration": (FREE, by_form(iteration="two")),
    "no name": (FREE, by_json(targetObject=" ")),
    "null name": (FREE, by_json(targetObject=None)),
    "name missing": (FREE, by_json(targetObject=...)),
    "long name": (FREE, by_json(targetObject="x" * 201)),
    "address missing": (FREE, by_json(imageUrl=...)),
    "forbidden address": (FREE, by_json(imageUrl="file:///etc/passwd")),
    "forbidden back": (FREE, by_json(backUrl=FORBIDDEN)),
    "iteration as text": (FREE, by_json(iteration="1")),
    "negative iteration": (FREE, by_json(iteration=-1)),
    "no json": (FREE, raw(b"{", "application/json")),
    "a list": (FREE, raw(b"[1]", "application/json")),
    "another media type": (FREE, raw(b"x", "text/plain")),
    "a broken form": (FREE, raw(b"x", "multipart/form-data; boundary=y")),
    "form without a picture": (FREE, {"method": "POST", "url": "/api/generate-3d", "files": {"other": b"z"}}),
    "form without a name": (FREE, {"method": "POST", "url": "/api/generate-3d", "files": {"image": pictures.cat()}}),
    "no picture": (FREE, {**by_form(), "files": {"image": ("a.png", b"<html>", "image/png")}}),
    "back that is no picture": (FREE, by_form(back=b"%PDF-1.4")),
    "paid": (PAID, by_json("/api/generate-3d?estimate=true")),
    "paid status": (PAID, get("/api/status/1")),
    "paid, detailed": (PAID, by_json("/api/generate-3d?estimate=true", options={"textureQuality": "detailed"})),
    "paid, untextured": (PAID, by_json("/api/generate-3d?estimate=true", options={"texture": False, "pbr": False})),
    "paid, older model": (PAID, by_json("/api/generate-3d?estimate=true", options={"model": "v2.5-20250123"})),
    "paid, unknown model": (PAID, by_json(options={"model": "v9"})),
    "paid, style": (PAID, by_json(options={"style": "coin"})),
    "paid, height": (PAID, by_json(options={"heightM": 0.2})),
    "paid, quality of a model without": (
        PAID,
        by_json(options={"model": "v2.5-20250123", "textureQuality": "detailed"}),
    ),
    "paid, unknown quality": (PAID, by_json(options={"textureQuality": "best"})),
    "paid, pbr without texture": (PAID, by_json(options={"texture": False})),
}


def answers(client_of: Callable[[str], Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each call's answer: status, the headers that count, and the body, with its times replaced."""
    for name, (maker, call) in CALLS.items():
        answer = client_of(maker).request(**call)
        headers = {key: answer.headers[key] for key in KEPT if key in answer.headers}
        body = TIMES.sub(b"(a time)", answer.content).decode()
        yield name, {"status": answer.status_code, "headers": headers, "body": json.loads(body), "length": len(body)}
