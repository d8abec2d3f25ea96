"""The doors of the real server: pages of other names and ports in real Chromium, raw sockets, and how it starts."""

from __future__ import annotations

import base64
import http.server
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page

from tests import pictures
from tests.e2e.conftest import EVIL
from tests.serving import ROOT, ServerProcess, free_port, start

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LOADED = "<title>A page of somebody else</title>"

TRY_ALL = """
async ({base, picture}) => {
  const outcome = async (work) => { try { return await work() } catch (error) { return "refused" } };
  const socket = (path, protocols) => new Promise((resolve) => {
    const opened = new WebSocket(base.replace("http", "ws") + path, protocols);
    opened.onopen = () => resolve("open");
    opened.onerror = () => resolve("refused");
  });
  const form = () => {
    const filled = new FormData();
    filled.append("targetObject", "Ordered by somebody else");
    filled.append("image", new Blob([Uint8Array.from(atob(picture), (each) => each.charCodeAt(0))]), "a.jpg");
    return filled;
  };
  return {
    read: await outcome(async () => (await fetch(base + "/api/account")).status),
    order: await outcome(async () => (await fetch(base + "/api/generate-3d", {method: "POST", body: form()})).status),
    blind_order: await outcome(async () =>
      (await fetch(base + "/api/generate-3d", {method: "POST", body: form(), mode: "no-cors"})).type),
    page: await outcome(async () => (await fetch(base + "/")).status),
    health: await outcome(async () => (await fetch(base + "/_stcore/host-config")).status),
    asset: await outcome(async () => (await fetch(base + "/assets/viewer/model-viewer.min.js")).status),
    feed: await outcome(async () => (await fetch(base + "/socket.io/?EIO=4&transport=polling")).status),
    pages_socket: await socket("/_stcore/stream", ["streamlit"]),
    feeds_socket: await socket("/socket.io/?EIO=4&transport=websocket"),
  };
}
"""


@contextmanager
def page_at(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


@contextmanager
def web_site() -> Iterator[int]:
    """Somebody else's web server, on another port of loopback."""

    class Plain(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(LOADED.encode())

        def log_message(self, *args: Any) -> None:
            """Nothing on the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain) as site:
        serving = threading.Thread(target=site.serve_forever)
        serving.start()
        yield int(site.server_address[1])
        site.shutdown()
        serving.join()


def attempts(page: Page, base: str) -> dict[str, Any]:
    return dict(page.evaluate(TRY_ALL, {"base": base, "picture": base64.b64encode(pictures.cat()).decode()}))


def jobs_of(server: ServerProcess) -> int:
    """How many there are: the number of the first that is unknown, less one."""
    number = 1
    while httpx.get(f"{server.address}/api/generation-status/{number}").status_code == 200:
        number += 1
    return number - 1


def test_a_page_of_another_name_that_leads_to_this_machine_reads_and_orders_nothing(
    browser: Browser, server: ServerProcess
) -> None:
    base = f"http://{EVIL}:{server.port}"
    before = jobs_of(server)
    with page_at(
        browser, f"{base}/api/health"
    ) as page:  # the name is the same, so nothing is "cross-site" to the browser
        got = attempts(page, base)

    assert got["pages_socket"] == got["feeds_socket"] == "refused"
    assert [got[name] for name in ("read", "order", "page", "health", "asset", "feed")] == [421] * 6
    assert jobs_of(server) == before


@pytest.mark.parametrize("host", ["127.0.0.1", EVIL])
def test_a_page_of_another_site_reads_and_orders_nothing(browser: Browser, server: ServerProcess, host: str) -> None:
    before = jobs_of(server)
    with web_site() as port, page_at(browser, f"http://{host}:{port}/") as page:
        got = attempts(page, server.address)

    assert got.pop("blind_order") == "opaque"  # the answer cannot be seen; that it was a refusal, the count shows
    assert set(got.values()) == {"refused"}
    assert jobs_of(server) == before


def test_our_own_page_does_all_of_it(browser: Browser, server: ServerProcess) -> None:
    for name in ("127.0.0.1", "localhost"):
        with page_at(browser, f"http://{name}:{server.port}/jobs") as page:
            got = attempts(page, f"http://{name}:{server.port}")
        assert (got["read"], got["order"], got["page"], got["feed"]) == (200, 202, 200, 200)
        assert got["pages_socket"] == got["feeds_socket"] == "open"


def test_another_site_shows_no_page_of_ours_in_a_frame_but_may_link_to_it(
    browser: Browser, server: ServerProcess
) -> None:
    with web_site() as port, page_at(browser, f"http://{EVIL}:{port}/") as page:
        for path in ("/", "/jobs?job=1", "/api/docs"):
            page.set_content(f'<iframe src="{server.address}{path}"></iframe>')
            page.wait_for_function("() => frames.length === 1")
            framed = page.frames[1]
            framed.wait_for_load_state()
            assert "Maquette" not in framed.content(), path
        page.set_content(f'<a href="{server.address}/jobs">Models</a>')
        page.get_by_text("Models").click()
        page.wait_for_url(f"{server.address}/jobs")
        page.get_by_role("heading", level=1).wait_for()


def test_pages_and_the_apis_documentation_name_their_limits_to_the_browser(server: ServerProcess) -> None:
    for path in ("/", "/jobs", "/api/docs"):
        headers = httpx.get(f"{server.address}{path}").headers
        assert headers["content-security-policy"] == "frame-ancestors 'self'"
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
    assert (
        httpx.get(f"{server.address}/assets/swagger-ui/swagger-ui.css").headers["x-content-type-options"] == "nosniff"
    )


def test_jsonp_and_paths_with_line_breaks_are_refused_by_the_real_server(server: ServerProcess) -> None:
    for query in ("EIO=4&transport=polling&j=0", "EIO=4&transport=polling&j=", "j=1"):
        answer = httpx.get(f"{server.address}/socket.io/?{query}")
        assert (answer.status_code, "___eio" in answer.text) == (400, False)
    for path in ("/api/health%0A", "/api/%0Ahealth", "/api/jobs/1%0A/report", "/api%0A/health"):
        answer = httpx.get(f"{server.address}{path}")
        assert answer.status_code == 404, path
        assert "<html" not in answer.text
    assert httpx.get(f"{server.address}/api/health%0A").json()["success"] is False


def test_a_json_body_of_40_mb_does_not_raise_the_servers_memory(server: ServerProcess) -> None:
    process = psutil.Process(server.process.pid)
    large = b"x" * (40 * 1024 * 1024)
    headers = {"content-type": "application/json"}
    before = process.memory_info().rss
    for path in ("/api/generate-3d", "/api/jobs/1/decision", "/api/webhooks/tripo"):
        # the connection is closed with most of the body unread, so the sentence after the status may be lost
        with httpx.stream("POST", f"{server.address}{path}", content=large, headers=headers) as refused:
            assert refused.status_code == 413
        with pytest.raises(httpx.HTTPError):  # it is cut off while it is being sent, and the answer may be lost
            httpx.post(f"{server.address}{path}", content=in_pieces(large), headers=headers).raise_for_status()
        assert process.memory_info().rss - before < 20 * 1024 * 1024
    assert httpx.get(f"{server.address}/api/health").status_code == 200


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Sent without a declared length."""
    return (body[at : at + 65536] for at in range(0, len(body), 65536))


def test_half_sent_requests_are_closed_by_the_real_server_and_nobody_waits_for_them(server: ServerProcess) -> None:
    with ExitStack() as held:
        half = [
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60)) for _ in range(200)
        ]
        for each in half:
            each.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert httpx.get(f"{server.address}/api/health").status_code == 200
        assert not any(stays_open(each) for each in half)


def stays_open(connection: socket.socket) -> bool:
    """False for one that was reset, which is how the server closes it."""
    try:
        return connection.recv(1) != b""
    except ConnectionResetError:
        return False


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The product in a folder of its own, so that its config file can be another one."""
    folder = tmp_path / "product"
    folder.mkdir()
    shutil.copy(ROOT / "app.py", folder)
    for name in ("core", "pages"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".streamlit").mkdir()
    return folder


@pytest.mark.parametrize(
    ("address", "arguments", "variables"),
    [
        ("127.0.0.1", ["--server.address", "0.0.0.0"], {}),
        ("127.0.0.1", ["--server.address", "::"], {}),
        ("127.0.0.1", [], {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}),
        ("127.0.0.1", ["--server.address", ""], {}),
        ("0.0.0.0", [], {}),
        ("", [], {}),
        (None, [], {}),
    ],
)
def test_it_does_not_start_where_others_reach_it_unless_that_is_what_was_said(
    copy: Path, tmp_path: Path, address: str | None, arguments: list[str], variables: dict[str, str]
) -> None:
    lines = ["[server]", "headless = true", *([] if address is None else [f'address = "{address}"'])]
    (copy / ".streamlit" / "config.toml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(free_port()), *arguments]
    process = start(command, tmp_path / "log", {"DATA_DIR": tmp_path / "data"} | variables, folder=copy)
    try:
        assert process.wait(60) == 2
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    said = (tmp_path / "log").read_text()
    assert "Maquette cannot start" in said
    assert "ACCESS=open" in said
    assert "spends the account's credits" in said
    assert "Traceback" not in said


def test_with_access_open_it_starts_on_every_address_and_answers_under_no_foreign_name(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", STREAMLIT_SERVER_ADDRESS="0.0.0.0", ACCESS="open")
    try:
        server.wait_until_healthy()
        assert httpx.get(f"{server.address}/api/health", headers={"Host": EVIL}).status_code == 421
        assert httpx.get(f"{server.address}/", headers={"Host": EVIL}).status_code == 421
    finally:
        server.stop()
