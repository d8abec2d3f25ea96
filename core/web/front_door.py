"""What is refused before anything else sees it: foreign names, foreign pages, impossible paths.

It stands before every route and every web socket, Streamlit's own included. It decides by `scope["path"]` and the
checked Host header, never by `request.url`, which is put together from what the caller claims.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.settings import Access
from core.web.access import MEANING
from core.web.hosts import AllowedHosts, Host, host_of, is_loopback, parse_origin
from core.web.problems import NOTHING_HERE, problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
DENIAL = "websocket.http.response"  # the extension with which a web socket is refused with a status and a sentence
FOREIGN_PAGE = "This request came from a page of another web site, so it was refused."
FOREIGN_NAME = (
    "This server does not answer under this name. Open it under its own, or ask its operator to add the name to "
    "ALLOWED_HOSTS."
)
NOT_OPEN = f"This server is for its own machine alone. Its operator can set ACCESS=open; then {MEANING}."
# `.` in a route matches no line break, so a path with one would fall through to the page, as "/api" itself does.
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class FrontDoor:
    """Refuses with 421 (name), 403 (foreign page, or nobody may come from the network) or 404 (path)."""

    def __init__(self, app: ASGIApp, *, hosts: AllowedHosts, access: Access) -> None:
        self._app = app
        self._hosts = hosts
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refused is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http" or (refused[0] != 403 and DENIAL in scope.get("extensions", {})):
            await _answer(scope, *refused)(scope, receive, send)
        else:  # every server makes 403 of it, and uvicorn does so without a line in the log
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """A status and a sentence, or None for who may come in."""
        arrived_at: str | None = (scope.get("server") or (None,))[0]
        if self._access is Access.LOCAL and _is_network(arrived_at):
            return 403, NOT_OPEN
        host = host_of(scope)
        if host is None or not self._hosts.allows(host, arrived_at=arrived_at):
            return 421, FOREIGN_NAME
        if _is_foreign(scope, host):
            return 403, FOREIGN_PAGE
        if CONTROL.search(scope["path"]) or scope["path"] == "/api":
            return 404, NOTHING_HERE
        return None


def _is_network(arrived_at: str | None) -> bool:
    """Whether a connection came in by an address that other machines reach, whatever the settings say of it."""
    if arrived_at is None or not re.fullmatch(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*", arrived_at):
        return False  # a socket file, or a test
    return not is_loopback(arrived_at)


def _is_foreign(scope: Scope, host: Host) -> bool:
    """Whether a page of another web site sent it: another name, scheme or port. Programs send no such headers."""
    headers = Headers(scope=scope)
    method = scope.get("method")
    is_navigation = (
        method == "GET" and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )
    if "cross-site" in headers.getlist("sec-fetch-site") and not is_navigation:
        return True
    for origin in headers.getlist("origin"):
        if origin == "null" and method in SAFE:
            continue  # a picture in a sandboxed page of ours; nobody can read the answer
        if parse_origin(origin) != _without_usual_port(host, origin):
            return True
    return False


def _without_usual_port(host: Host, origin: str) -> Host:
    """Some programs write the usual port into Host, browsers never. Which one is usual, the page's scheme says."""
    usual = 443 if origin.lower().startswith("https:") else 80
    return Host(name=host.name, port=None) if host.port == usual else host


def _answer(scope: Scope, status: int, sentence: str) -> Response:
    headers = {"Connection": "close"}
    if scope["path"] == "/api" or scope["path"].startswith("/api/"):
        return problem(status, sentence, headers=headers)
    return PlainTextResponse(sentence, status_code=status, headers=headers)
