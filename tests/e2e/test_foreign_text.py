"""Addresses in texts of others are text in a real browser, too: only it knows what it makes links of."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests import pictures
from tests.e2e.test_browser import fill
from tests.serving import ServerProcess

pytestmark = pytest.mark.e2e
NAME = "https://evil.example/a www.evil.example me@evil.example [evil](http://evil.example) <http://evil.example>"


def test_no_page_makes_a_link_of_a_name(page: Page, server: ServerProcess) -> None:
    number = server.post(pictures.cat(), NAME)
    page.goto(f"{server.address}/jobs?job={number}")
    heading = page.get_by_role("heading", name="evil.example")
    expect(heading).to_be_visible()

    assert heading.inner_text().replace("\u2060", "") == NAME
    assert page.locator("a[href*='evil' i]").count() == 0


def test_the_create_page_makes_no_link_of_a_files_name(page: Page, server: ServerProcess) -> None:
    fill(page, server, pictures.cat(), NAME, file_name="www.evil.example me@evil.example.jpg")
    page.reload()
    expect(page.get_by_text("Still here")).to_be_visible()
    assert "evil" in page.get_by_text("Still here").inner_text()
    assert page.locator("a[href*='evil' i]").count() == 0
