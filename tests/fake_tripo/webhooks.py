"""The fake's calls to us, signed as Tripo signs them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "whsec_of_the_test"


def delivery(task_id: str | None, *, id: str = "evt-1", type: str = "task.completed", **data: Any) -> bytes:
    body = {"id": id, "type": type, "created_at": "2026-01-01T12:00:00Z", "data": data | {"task_id": task_id}}
    return json.dumps(body).encode()


def signed(body: bytes, *, secret: str = SECRET, at_s: float | None = None, before: str = "") -> dict[str, str]:
    """The headers of a delivery. `before`: signatures of other secrets, as while secrets are rotated."""
    moment = int(time.time() if at_s is None else at_s)
    right = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Tripo-Webhook-Signature": f"t={moment},{before}v1={right}",
        "Tripo-Webhook-Delivery": "d-1",
        "Tripo-Webhook-Event": json.loads(body).get("type", "") if body.startswith(b"{") else "",
        "Content-Type": "application/json",
    }
