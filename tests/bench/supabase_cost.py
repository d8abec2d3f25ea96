"""What a hosted Supabase project is asked: requests and megabytes a minute, counted on the line to a real database.

Three servers of ours, each with a folder of its own and a Tripo key (a fake of ours); nothing is scaled.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import socketio
from playwright.sync_api import sync_playwright

from tests import pictures
from tests.e2e.conftest import FLAGS, chromium
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess
from tests.supabase.project import UPDATE
from tests.supabase.proxy import Line
from tests.supabase.server import SupabaseLite

SERVERS, BROWSERS, JOBS = 3, 20, 200
SETTLE_S, COUNT_S = 15.0, 60.0
GOALS = {"idle": 90, "browsers": 60, "jobs": 600}
MOST_TOLD = 6


def supabase_cost() -> None:
    """Bars: idle at most 90 requests a minute; 20 browsers at most 60 and 0.5 MB more; a listener at most 0.1 MB more;
    200 jobs under way at most 600."""
    print("\nSupabase: requests and megabytes received in a minute, three servers with a Tripo key")
    fake = FakeTripo(task_s=600.0)
    fake.ledger.credits, fake.ledger.limits["standard"] = fake.ledger.credits * 100, 1000
    with ExitStack() as stack:
        database = stack.enter_context(SupabaseLite(durable=False))
        database.sql_file(UPDATE)
        database.restart_rest()
        line = stack.enter_context(Line(database.url))
        tripo = stack.enter_context(running(fake))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        chosen = {"SUPABASE_URL": line.url, "SUPABASE_KEY": database.secret_key, "CONCURRENCY_STANDARD": JOBS}
        chosen |= {"TRIPO_API_KEY": "tsk_test", "TRIPO_BASE_URL": tripo}
        servers = [ServerProcess(folder / str(number), **chosen) for number in range(SERVERS)]
        for server in servers:
            stack.callback(server.stop)
        for server in servers:
            server.wait_until_healthy()
        _report("idle", line, most=GOALS["idle"])
        with _listener(servers[0]):
            _report("+ one Socket.IO listener", line)
        with _browsers(servers):
            _report(f"+ {BROWSERS} browsers", line)
        for number in range(JOBS):
            servers[number % SERVERS].post(pictures.cat(), f"Cat {number}")
        while len(fake.ledger.tasks) < JOBS:
            threading.Event().wait(1)
        _report(f"{JOBS} jobs under way", line, most=GOALS["jobs"])


def _report(what: str, line: Line, *, most: int | None = None) -> None:
    threading.Event().wait(SETTLE_S)
    asked, received = line.asked.copy(), line.received
    threading.Event().wait(COUNT_S)
    counted = line.asked - asked
    bar = "" if most is None else f" (bar: {most})"
    print(f"  {what}: {counted.total()} requests{bar}, {(line.received - received) / 1e6:.2f} MB; {_told(counted)}")


def _told(counted: Counter[str]) -> str:
    return ", ".join(f"{name.rpartition('/')[2]} {count}" for name, count in counted.most_common(MOST_TOLD))


@contextmanager
def _listener(server: ServerProcess) -> Iterator[None]:
    client = socketio.Client()
    client.connect(server.address, socketio_path="/socket.io")
    yield
    client.disconnect()


@contextmanager
def _browsers(servers: list[ServerProcess]) -> Iterator[None]:
    """Each with its own session on the page of jobs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for number in range(BROWSERS):
            page = browser.new_context().new_page()
            page.goto(f"{servers[number % SERVERS].address}/jobs")
            page.get_by_role("heading", name="Jobs").wait_for()
        yield
        browser.close()


if __name__ == "__main__":
    supabase_cost()
