"""The front door: who may come in, by name, by origin, by path and by the way they came."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import core.web
from core.settings import Access, Settings
from core.web.hosts import plain_name
from core.web.server import make_middleware
from tests import pictures
from tests.web.asgi import OWN, behind, call, welcoming
from tests.web.conftest import Site

EVERYWHERE = (
    "/",
    "/jobs",
    "/_stcore/stream",
    "/media/a.png",
    "/component/x",
    "/api/account",
    "/socket.io/",
    "/assets/a",
)
SOCKETS = ("/_stcore/stream", "/socket.io/")
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def door(
    app: ASGIApp = welcoming,
    *,
    bound_to: str = "127.0.0.1",
    access: Access = Access.LOCAL,
    allowed_hosts: str | None = None,
) -> ASGIApp:
    settings = Settings(access=access, allowed_hosts=allowed_hosts, _env_file=None)
    return behind(make_middleware(settings, bound_to=bound_to), app)


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_foreign_name_gets_421_on_every_route(path: str, host: str) -> None:
    assert call(door(), path, {"host": host}).status == 421
    assert call(door(), path, {"host": host}, method="POST").status == 421


@pytest.mark.parametrize("path", SOCKETS)
def test_a_foreign_name_opens_no_web_socket(path: str) -> None:
    page = {"host": "evil.example:8501", "origin": "http://evil.example:8501"}
    denial: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}

    assert call(door(), path, page, kind="websocket").status == 403
    assert call(door(), path, page, kind="websocket", **denial).status == 421


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8501",
        "localhost",
        "LOCALHOST:9",
        "localhost.",
        "[::1]:8501",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_the_names_of_this_machine_are_let_in(host: str) -> None:
    assert call(door(), "/", {"host": host}).status == 200


@pytest.mark.parametrize(
    "headers", [[], [("host", "localhost"), ("host", "evil.example")], [("host", "localhost:70000")]]
)
def test_none_two_and_impossible_hosts_are_refused(headers: list[tuple[str, str]]) -> None:
    assert call(door(), "/", headers).status == 421


def test_names_of_the_setting_and_the_bound_address_are_let_in_and_no_others() -> None:
    named = door(allowed_hosts="Models.example.com, [2001:db8::7]", bound_to="192.0.2.9", access=Access.OPEN)
    came = {"server": ("192.0.2.9", 8501)}

    for host in ("models.example.com", "MODELS.example.com:443", "[2001:DB8:0::7]:80", "192.0.2.9:8501", "localhost"):
        assert call(named, "/", {"host": host}, **came).status == 200, host
    for host in ("example.com", "a.models.example.com", "192.0.2.8", "models.example.com.evil.example"):
        assert call(named, "/", {"host": host}, **came).status == 421, host


def test_bound_to_every_address_it_answers_under_the_one_a_connection_came_in_on() -> None:
    wide = door(bound_to="", access=Access.OPEN)
    came = {"server": ("::ffff:192.0.2.9", 8501)}

    assert call(wide, "/", {"host": "192.0.2.9:8501"}, **came).status == 200
    assert call(wide, "/", {"host": "192.0.2.8:8501"}, **came).status == 421
    assert call(wide, "/", {"host": "evil.example"}, **came).status == 421


@pytest.mark.parametrize("address", ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8::7", "fe80::1"])
def test_who_comes_by_the_network_is_refused_unless_access_is_open_whatever_started_the_server(address: str) -> None:
    came = {"server": (address, 8501)}

    shut = call(door(), "/api/account", {"host": "localhost"}, **came)
    assert shut.status == 403
    assert "ACCESS=open" in shut.error
    assert call(door(access=Access.OPEN), "/api/account", {"host": "localhost"}, **came).status == 200


@pytest.mark.parametrize(
    "server", [None, ("/run/maquette.sock", None), ("127.0.0.1", 1), ("::ffff:127.0.0.1", 1), ("::1", 1)]
)
def test_this_machine_and_a_socket_file_are_no_network(server: Any) -> None:
    assert call(door(), "/", OWN, server=server).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "GET"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:8502",
        "https://127.0.0.1:8502",
        "http://localhost:8501",
        "http://[",
        "http://[::1",
        "http://127.0.0.1:8501:1",
        "http://127.0.0.1:8501/",
        "http://user@127.0.0.1:8501",
        "file://",
        "",
        "127.0.0.1:8501",
        "http://127.0.0.1:99999",
        "http://\xb2",
    ],
)
def test_another_origin_is_refused_port_included_and_nonsense_is_no_fault(method: str, origin: str) -> None:
    assert call(door(), "/api/account", OWN | {"origin": origin}, method=method).status == 403
    for path in SOCKETS:
        assert call(door(), path, OWN | {"origin": origin}, kind="websocket").status == 403


def test_a_page_without_an_origin_of_its_own_may_not_write() -> None:
    nobody = OWN | {"origin": "null"}

    assert call(door(), "/api/generate-3d", nobody, method="POST").status == 403
    assert call(door(), "/_stcore/stream", nobody, kind="websocket").status == 403
    assert call(door(), "/assets/a.js", nobody).status == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8501", "http://127.0.0.1:8501"),
        ("localhost:8501", "http://LOCALHOST:8501"),
        ("[::1]:8501", "http://[::1]:8501"),
        ("models.example.com", "https://models.example.com"),
        ("models.example.com", "http://models.example.com"),
        ("models.example.com:443", "https://models.example.com"),
        ("models.example.com", "http://models.example.com:80"),
    ],
)
def test_our_own_pages_and_programs_are_let_in(host: str, origin: str) -> None:
    own = door(allowed_hosts="models.example.com")

    assert call(own, "/api/generate-3d", {"host": host, "origin": origin}, method="POST").status == 200
    assert call(own, "/_stcore/stream", {"host": host, "origin": origin}, kind="websocket").status == 101
    assert call(own, "/api/generate-3d", {"host": host}, method="POST").status == 200
    assert call(own, "/socket.io/", {"host": host}, kind="websocket").status == 101


def test_two_origins_of_which_one_is_foreign_are_refused() -> None:
    headers = [*OWN.items(), ("origin", "http://127.0.0.1:8501"), ("origin", "http://evil.example")]

    assert call(door(), "/api/account", headers, method="POST").status == 403


@pytest.mark.parametrize("path", EVERYWHERE)
def test_a_link_on_another_site_leads_here_and_nothing_else_from_there_does(path: str) -> None:
    assert call(door(), path, OWN | LINK).status == 200
    for change in (
        {"sec-fetch-dest": "iframe"},
        {"sec-fetch-dest": "embed"},
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
        {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
    ):
        assert call(door(), path, OWN | LINK | change).status == 403, change
    assert call(door(), path, OWN | LINK, method="POST").status == 403
    assert call(door(), path, OWN | LINK, method="HEAD").status == 403
    assert call(door(), path, OWN | LINK, kind="websocket").status == 403


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
def test_what_does_not_come_from_another_site_is_let_in(site: str) -> None:
    assert call(door(), "/api/account", OWN | {"sec-fetch-site": site, "sec-fetch-mode": "cors"}).status == 200


@pytest.mark.parametrize(
    "path", ["/api/health\n", "/api/\nhealth", "/api/jobs/1\n/cancel", "/api/\r", "/api/a\x00b", "/api", "/api/\x7f"]
)
def test_a_line_break_in_a_path_does_not_fall_out_of_the_api(site: Site, path: str) -> None:
    for method in ("GET", "POST"):
        answer = site.client.request(method, quote(path))
        assert (answer.status_code, answer.json()["success"]) == (404, False)
    assert call(door(), path, OWN).error == "There is nothing at this address."


def test_no_page_is_framed_by_others_and_no_type_is_guessed() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await HTMLResponse("<p>", headers={"Content-Security-Policy": "default-src 'self'"})(scope, receive, send)

    async def data(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse({})(scope, receive, send)

    shown = call(door(page), "/", OWN).headers
    assert shown.getlist("content-security-policy") == ["default-src 'self'", "frame-ancestors 'self'"]
    refused = call(door(), "/", {"host": "evil.example"}).headers
    for headers in (shown, call(door(data), "/", OWN).headers, refused):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert "content-security-policy" not in call(door(data), "/", OWN).headers


def test_the_pages_of_the_api_have_these_headers(site: Site) -> None:
    docs = site.client.get("/api/docs").headers

    assert docs["content-security-policy"] == "frame-ancestors 'self'"
    assert docs["x-content-type-options"] == "nosniff"
    assert docs["referrer-policy"] == "same-origin"


def test_addresses_in_answers_never_name_a_foreign_host(site: Site) -> None:
    picture = {"image": ("cup.jpg", pictures.cat(), "image/jpeg")}
    foreign = {"Host": "evil.example"}
    assert (
        site.client.post("/api/generate-3d", files=picture, data={"targetObject": "x"}, headers=foreign).status_code
        == 421
    )
    assert site.client.post("/api/generate-3d", files=picture, data={"targetObject": "x"}).status_code == 202
    site.finish(1)

    assert site.client.get("/api/status/1", headers=foreign).status_code == 421
    for headers in ({"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        status = site.client.get("/api/status/1", headers=headers).json()
        assert (status["record_id"], status["3d_url"]) == (1, "http://testserver/api/jobs/1/model.glb")
    assert (
        site.client.get("/api/status/1", headers={"Host": "localhost:7"})
        .json()["3d_url"]
        .startswith("http://localhost:7/")
    )


def test_nothing_in_the_web_layer_decides_by_the_address_that_the_caller_claims() -> None:
    for module in Path(core.web.__file__).parent.rglob("*.py"):
        tree = ast.parse(module.read_text(encoding="utf-8"))
        asked = [
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in ("url", "base_url", "url_for")
        ]
        assert asked == [], module.name


@pytest.mark.parametrize(
    ("name", "plain"), [("[::1]", "::1"), ("LOCALHOST.", "localhost"), ("::FFFF:10.0.0.1", "10.0.0.1"), ("1.2", "1.2")]
)
def test_names_have_one_plain_form(name: str, plain: str) -> None:
    assert plain_name(name) == plain
