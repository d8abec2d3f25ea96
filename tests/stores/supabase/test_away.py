"""A project that is away: whoever waits at a screen hears it soon, and work that may be paid keeps its patience."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from core.domain.errors import StoreUnavailable
from core.stores.supabase import breaker
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.breaker import FAILURES, PAUSE_S, Breaker
from core.stores.supabase.connection import AWAY, NO_PROJECT, TRIES, Connection
from tests.clocks import FakeClock
from tests.simulation.database import Database, SimulatedConnection

SECRET = "words of the server at http://inside.example:5432"


class Project:
    """Answers with what a test says."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(200, json=7)
        self.patient = Connection("https://x.supabase.co", "sb_secret_x", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return self.answer(request)

    def goes_silent(self) -> None:
        def silent(request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("no answer", request=request)

        self.answer = silent

    def asked(self, connection: Connection) -> int:
        """How many requests one failing call makes."""
        before = self.calls
        with pytest.raises(StoreUnavailable):
            connection.call("last_change")
        return self.calls - before


@pytest.fixture
def project() -> Iterator[Project]:
    made = Project()
    yield made
    made.patient.close()


def test_a_read_for_a_screen_waits_for_silence_once_and_paid_work_keeps_its_patience(project: Project) -> None:
    project.goes_silent()

    assert project.asked(project.patient.quick()) == 1
    assert project.asked(project.patient) == TRIES


def test_a_connection_that_was_closed_meanwhile_is_made_anew_for_a_screen_too(project: Project) -> None:
    def closed_once(request: httpx.Request) -> httpx.Response:
        if project.calls == 1:
            raise httpx.RemoteProtocolError("closed", request=request)
        return httpx.Response(200, json=7)

    project.answer = closed_once
    assert project.patient.quick().call("last_change") == 7


def test_after_failures_in_a_row_nobody_waits_until_one_finds_that_it_answers(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 3600.0)
    quick = project.patient.quick()
    project.goes_silent()
    assert [project.asked(quick) for _ in range(FAILURES + 3)] == [1] * FAILURES + [0] * 3
    assert project.asked(project.patient.quick()) == 1, "the files' line is another part"

    monkeypatch.setattr(breaker, "PAUSE_S", 0.0)
    quick._breaker._until_s = 0.0  # type: ignore[union-attr]
    project.answer = lambda request: httpx.Response(200, json=7)
    assert [quick.call("last_change") for _ in range(3)] == [7] * 3


def test_after_the_pause_one_tries_and_the_others_do_not_wait_for_it() -> None:
    now_s = 0.0
    made = Breaker(clock_s=lambda: now_s)
    for _ in range(FAILURES):
        assert made.lets_pass()
        made.failed()
    assert not made.lets_pass()

    now_s = PAUSE_S
    assert [made.lets_pass() for _ in range(3)] == [True, False, False]
    made.worked()
    assert [made.lets_pass() for _ in range(3)] == [True] * 3


def test_a_page_does_not_wait_behind_the_question_of_a_tick_on_a_silent_line() -> None:
    clock = FakeClock()
    database = Database(clock.now)
    is_asking, may_end = threading.Event(), threading.Event()

    def silent(name: str) -> None:
        is_asking.set()
        may_end.wait(20)

    ticks = Agenda(SimulatedConnection(database, before=silent), clock, fresh_s=3.0)
    pages = Agenda(SimulatedConnection(database), clock, fresh_s=3.0, ticks=ticks)
    told: list[int] = []
    tick = threading.Thread(target=ticks.look, daemon=True)
    page = threading.Thread(target=lambda: told.append(pages.last_change()), daemon=True)
    tick.start()
    assert is_asking.wait(10)
    page.start()
    page.join(10)
    assert told == [0]

    may_end.set()
    tick.join(10)
    asked: list[str] = []
    others = Agenda(SimulatedConnection(database, before=asked.append), clock, fresh_s=3.0, ticks=ticks)
    assert others.last_change() == 0
    assert asked == [], "what a tick was told a moment ago is not asked for again"


HTML = "<!DOCTYPE html><p>words of the server at http://inside.example:5432"
JSON: dict[str, Any] = {"details": None, "hint": None}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html=HTML),  # the dashboard's address
        httpx.Response(404, html=HTML),
        httpx.Response(405, html=HTML),
        httpx.Response(501, html=HTML),
        httpx.Response(404, text="404 page not found"),
        httpx.Response(404, json={"error": "not found"}),
        httpx.Response(404, json={"message": "no Route matched with those values"}),
        httpx.Response(404, json={"code": "PGRST125", "message": "Invalid path specified in request URL"} | JSON),
    ],
    ids=["200 page", "404 page", "405 page", "501 page", "404 text", "404 other JSON", "no route", "/rest/v1 appended"],
)
def test_an_address_that_answers_and_is_no_project_is_named_as_the_setting(
    project: Project, answer: httpx.Response
) -> None:
    project.answer = lambda request: httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    with pytest.raises(StoreUnavailable) as caught:
        project.patient.call("look", p_owner="")
    assert caught.value.message == NO_PROJECT
    assert "SUPABASE_URL" in NO_PROJECT


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 522])
def test_a_gateway_that_answers_for_a_project_that_is_away_is_no_other_site(project: Project, status: int) -> None:
    project.answer = lambda request: httpx.Response(status, html=HTML)

    with pytest.raises(StoreUnavailable, match="tried again") as caught:
        project.patient.call("look", p_owner="")
    assert "inside" not in caught.value.message


def test_what_a_server_says_is_for_the_log_and_not_for_people(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.answer = lambda request: httpx.Response(500, json={"code": "XX000", "message": SECRET} | JSON)

    with pytest.raises(StoreUnavailable) as caught:
        project.patient.call("look", p_owner="")
    assert "XX000" not in caught.value.message
    assert SECRET not in caught.value.message
    assert SECRET in caplog.text
    assert "http" not in AWAY
