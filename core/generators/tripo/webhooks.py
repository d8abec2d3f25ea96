"""Tripo's calls to us: is the signature right, and which task is it about. Source: Tripo v3, webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from core.ports.account_store import Delivery

TOLERANCE_S = 300.0
MOST_SIGNATURES = 10  # rotation needs two; each costs a comparison


class TripoWebhook:
    """Tripo's calls, of an operator who has set the secret of the webhook."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def is_signed(self, header: str, body: bytes, *, now_s: float) -> bool:
        return is_signed(self._secret, header, body, now_s=now_s)

    def delivery_of(self, body: bytes) -> Delivery | None:
        return delivery_of(body)


def is_signed(secret: str, header: str, body: bytes, *, now_s: float) -> bool:
    """Whether any `v1` of `t=<unix>,v1=<hex>[,v1=<hex>…]` fits the raw bytes, and `t` is at most 300 s away."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"][:MOST_SIGNATURES]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) < 15):
        return False
    if abs(now_s - int(times[0])) > TOLERANCE_S:
        return False
    right = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    # all are compared, so that the time tells nothing
    return any([hmac.compare_digest(right, each.encode()) for each in signatures])  # noqa: C419


def delivery_of(body: bytes) -> Delivery | None:
    """What a signed body says; None when it is no delivery. Its news are never believed, only asked for."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not _is_name(message.get("id")):
        return None
    data = message.get("data")
    task_id = data.get("task_id") if isinstance(data, dict) else None
    if task_id is None and isinstance(data, dict) and isinstance(data.get("task"), dict):
        task_id = data["task"].get("task_id")
    return Delivery(
        id=message["id"], type=str(message.get("type", ""))[:64], task_id=task_id if _is_name(task_id) else None
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
