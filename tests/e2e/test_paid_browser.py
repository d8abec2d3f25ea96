"""With Tripo connected, in real Chromium: the price before the click, the file, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import pictures
from tests.e2e.conftest import PATIENCE_MS
from tests.fake_tripo.fbx import sample_fbx
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.e2e


@pytest.fixture
def fake() -> FakeTripo:
    return FakeTripo(task_s=2.0)


@pytest.fixture
def paid_server(fake: FakeTripo, tmp_path: Path) -> Iterator[ServerProcess]:
    with (
        running(fake) as address,
        serving(tmp_path / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server,
    ):
        yield server


def test_an_fbx_is_ordered_watched_and_downloaded_on_the_models_page(
    browser: Browser, paid_server: ServerProcess, fake: FakeTripo
) -> None:
    job_id = paid_server.post(pictures.cat(), "Blue cup")
    assert paid_server.wait_for_end(job_id)["status"] == "completed"
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{paid_server.address}/jobs?job={job_id}")
        opener = page.get_by_role("button", name="FBX, by Tripo")
        opener.focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Order for about 5 credits").click()
        expect(page.get_by_role("link", name="Ordered as job 2")).to_be_visible(timeout=PATIENCE_MS)
        page.keyboard.press("Escape")

        link = page.get_by_role("link", name="Download FBX")
        expect(link).to_be_visible(timeout=PATIENCE_MS)
        with page.expect_download() as download:
            link.click()
        assert download.value.suggested_filename == "blue-cup.fbx"
        assert Path(download.value.path()).read_bytes() == sample_fbx()
        expect(page.get_by_text("FBX, 5 credits")).to_be_visible()

        page.goto(f"{paid_server.address}/jobs?job=2")
        expect(page.get_by_text("It cannot be shown in the page")).to_be_visible(timeout=PATIENCE_MS)
        page.get_by_role("link", name=f"See the model of job {job_id}").click()
        expect(page.locator(".viewer[data-state=loaded]")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        context.close()
    assert fake.ledger.billed == 30 + 5
