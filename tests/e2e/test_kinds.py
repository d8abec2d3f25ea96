"""One model from each kind of input, in real Chromium; with Tripo connected, which can do them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import core.vendor
from tests import pictures
from tests.e2e.conftest import PATIENCE_MS
from tests.fake_tripo.server import FakeTripo, running
from tests.serving import ServerProcess, serving

pytestmark = pytest.mark.e2e
WORDS = "A wooden rocking chair with a red cushion"


@pytest.fixture(scope="module")
def fake() -> FakeTripo:
    return FakeTripo(task_s=2.0)


@pytest.fixture(scope="module")
def paid_server(fake: FakeTripo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("kinds")
    with (
        running(fake) as address,
        serving(folder / "data", TRIPO_API_KEY="tsk_test", TRIPO_BASE_URL=address) as server,
    ):
        yield server


@pytest.fixture
def paid_page(browser: Browser, paid_server: ServerProcess) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(paid_server.address)
    yield page
    context.close()


def choose(page: Page, kind: str, heading: str) -> None:
    page.get_by_role("radiogroup", name="Made from").get_by_text(kind, exact=True).click()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()


def give(page: Page, place: int, picture: bytes, alt: str) -> None:
    page.locator("input[type=file]").nth(place).set_input_files(
        {"name": f"{place}.jpg", "mimeType": "image/jpeg", "buffer": picture}
    )
    expect(page.get_by_alt_text(alt)).to_be_visible()


def make_and_watch(page: Page, name: str) -> None:
    page.get_by_role("textbox", name="What is it?").fill(name)
    page.get_by_role("button", name="Make the 3D model").click()
    page.get_by_role("link", name="Watch job").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator(".viewer[data-state=loaded]")).to_be_visible(timeout=PATIENCE_MS)


def test_a_picture_is_made_by_the_generator_that_was_chosen_with_its_own_choices(
    paid_page: Page, fake: FakeTripo
) -> None:
    before = fake.ledger.billed
    expect(paid_page.get_by_text("About 30 credits", exact=True)).to_be_visible()
    give(paid_page, 0, pictures.product_on_white(), "The picture you chose")
    paid_page.get_by_role("radiogroup", name="Made by").get_by_text("Built-in engine (offline)").click()
    expect(paid_page.get_by_text("Nothing leaves this machine")).to_be_visible()
    expect(paid_page.get_by_text("About 30 credits", exact=True)).to_have_count(0)
    paid_page.get_by_text("More options").click()
    height = paid_page.get_by_role("spinbutton", name="Real height in centimetres")
    height.fill("12")
    height.press("Enter")
    expect(paid_page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    paid_page.reload()
    paid_page.get_by_text("More options").click()
    expect(paid_page.get_by_role("spinbutton", name="Real height in centimetres")).to_have_value("12.00")
    make_and_watch(paid_page, "Toy from a picture")

    expect(paid_page.get_by_text("Made by Built-in engine (offline)")).to_be_visible()
    paid_page.get_by_text("What was chosen").click()
    expect(paid_page.get_by_text("Real height in centimetres 12")).to_be_visible()
    assert fake.ledger.billed == before


def test_several_views_become_one_model_and_are_all_shown_with_it(paid_page: Page, fake: FakeTripo) -> None:
    before = fake.ledger.billed
    choose(paid_page, "Several views", "Turn several views into a 3D model")
    give(paid_page, 0, pictures.cat(), "The picture of the front")
    give(paid_page, 1, pictures.cat(), "The picture of the left")
    paid_page.get_by_role("textbox", name="What is it?").fill("Cat of views")
    paid_page.get_by_role("button", name="Make the 3D model").click()
    expect(paid_page.get_by_text("front and of the left are the same file")).to_be_visible()
    give(paid_page, 2, pictures.portrait(), "The picture of the back")
    paid_page.get_by_role("button", name="Remove 1.jpg").click()
    expect(paid_page.get_by_alt_text("The picture of the left")).to_have_count(0)
    make_and_watch(paid_page, "Cat of views")

    for side in ("front", "back"):
        expect(paid_page.get_by_alt_text(f"The picture of Cat of views, {side}")).to_be_visible()
    assert fake.ledger.billed == before + 30


def test_words_are_counted_survive_a_reload_and_become_a_model(
    paid_page: Page, paid_server: ServerProcess, fake: FakeTripo
) -> None:
    before = fake.ledger.billed
    choose(paid_page, "Words", "Turn words into a 3D model")
    expect(paid_page.get_by_text("About 20 credits", exact=True)).to_be_visible()
    words = paid_page.get_by_role("textbox", name="Describe it")
    words.press_sequentially(WORDS)
    expect(paid_page.get_by_text(f"{len(WORDS)} of 1,024 characters")).to_be_visible()  # still in the field
    expect(paid_page).to_have_url(re.compile("draft="))
    paid_page.reload()
    expect(words).to_have_value(WORDS)
    make_and_watch(paid_page, "Chair of words")

    expect(paid_page.get_by_text(WORDS).first).to_be_visible()
    assert fake.ledger.billed == before + 20
    paid_page.goto(paid_server.address + "/?kind=text_to_model")
    expect(words).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["image_to_model", "multiview_to_model", "text_to_model"])
def test_every_kind_can_be_read_and_fits_a_phone(
    paid_page: Page, paid_server: ServerProcess, kind: str, scheme: str
) -> None:
    paid_page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    paid_page.set_viewport_size({"width": 390, "height": 844})
    paid_page.goto(f"{paid_server.address}/?kind={kind}")
    expect(paid_page.get_by_role("button", name="Make the 3D model")).to_be_visible()
    paid_page.get_by_text("More options").click()
    expect(paid_page.get_by_text("Model version")).to_be_visible()
    paid_page.wait_for_timeout(1000)
    assert paid_page.evaluate("document.documentElement.scrollWidth") <= 390
    paid_page.evaluate((core.vendor.FILES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = paid_page.evaluate("axe.run()")

    serious = {
        each["id"]: [node["html"][:200] for node in each["nodes"]]
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    }
    assert serious == {}
