"""From the list of jobs to one of them and back, in real Chromium: the place in the list is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.stores.sqlite.job_store import SqliteJobStore
from core.system_clock import SystemClock
from core.ui.job_table import ROW_PX
from tests.builders import Category, new_job
from tests.e2e.test_browser import click_row
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.e2e
JOBS = 130  # three pages
BUTTON_PX = 147
DOWN_PX = ROW_PX * 16
TABLE = ".dvn-scroller"
WAYS: dict[str, Callable[[Page], object]] = {
    "the navigation": lambda page: page.get_by_role("link", name="Jobs").click(),
    "all jobs": lambda page: page.get_by_role("button", name="All jobs").click(),
    "the browser's back": lambda page: page.go_back(),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("many")
    with serving(folder / "data") as running:
        jobs = SqliteJobStore(folder / "data" / "maquette.sqlite3", SystemClock())
        for number in range(JOBS):
            jobs.add(new_job(target_object=f"Thing {number}", generator="offline", category=Category.OFFLINE))
        jobs.close()
        yield running


def scrolled(page: Page) -> int:
    return int(page.evaluate(f"document.querySelector('{TABLE}')?.scrollTop ?? -1"))


@pytest.mark.parametrize("way", WAYS)
def test_the_list_is_there_as_it_was_left(page: Page, server: ServerProcess, way: str) -> None:
    page.goto(f"{server.address}/jobs")
    page.get_by_role("button", name="Page 2").click()
    expect(page.get_by_role("button", name="Page 2")).to_have_attribute("aria-current", "page")
    page.wait_for_timeout(1000)
    page.evaluate(f"document.querySelector('{TABLE}').scrollTop = {DOWN_PX}")
    click_row(page, 4, BUTTON_PX)
    expect(page.get_by_role("heading", name="Thing")).to_be_visible()
    expect(page).to_have_url(re.compile(r"job=\d+"))
    first = page.url

    WAYS[way](page)
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(page.get_by_role("button", name="Page 2")).to_have_attribute("aria-current", "page")
    expect(page).not_to_have_url(re.compile("job="))
    page.wait_for_function(f"document.querySelector('{TABLE}')?.scrollTop > {DOWN_PX - 2}")
    assert scrolled(page) == DOWN_PX

    click_row(page, 4, BUTTON_PX)
    expect(page).to_have_url(first)


def test_a_link_to_a_job_leads_to_the_list_by_the_navigation(page: Page, server: ServerProcess) -> None:
    page.goto(f"{server.address}/jobs?job=1")
    expect(page.get_by_role("heading", name="Thing 0")).to_be_visible()
    page.wait_for_timeout(1000)
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="Thing 0")).to_be_visible()


def test_another_view_of_the_list_begins_at_its_top(page: Page, server: ServerProcess) -> None:
    page.goto(f"{server.address}/jobs")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.wait_for_timeout(1000)
    page.evaluate(f"document.querySelector('{TABLE}').scrollTop = {DOWN_PX}")
    page.get_by_role("button", name="Page 3").click()
    expect(page.get_by_role("button", name="Page 3")).to_have_attribute("aria-current", "page")
    page.wait_for_timeout(1500)

    assert scrolled(page) == 0
