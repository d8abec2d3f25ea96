"""What a person does, in real Chromium: drop a picture, name it, watch, turn the model, download it."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from playwright.sync_api import Page, expect

import core.vendor
from core.ui.job_table import ROW_PX
from tests import pictures
from tests.e2e.conftest import PATIENCE_MS
from tests.serving import ServerProcess

pytestmark = pytest.mark.e2e
TICK_PX, BUTTON_PX, TEXT_PX = 16, 147, 260  # in a row: its box, its button, the name
HEADER_PX = 36


def fill(page: Page, server: ServerProcess, picture: bytes, name: str, *, file_name: str = "photo.jpg") -> None:
    page.goto(server.address)
    expect(page.get_by_role("heading", name="Turn a picture into a 3D model")).to_be_visible()
    if picture:
        page.locator("input[type=file]").first.set_input_files(
            {"name": file_name, "mimeType": "image/jpeg", "buffer": picture}
        )
        expect(page.get_by_alt_text("The picture you chose")).to_be_visible()
    page.get_by_role("textbox", name="What is it?").fill(name)


def make(page: Page) -> None:
    page.get_by_role("button", name="Make the 3D model").click()


def drawn(page: Page) -> tuple[float, int]:
    """Share of the viewer's pixels that differ from its background, and how many colours they have."""
    stage = page.locator("model-viewer")
    pixels = np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB")).astype(int)
    background = pixels[5, 5]
    differs = np.abs(pixels - background).max(-1) > 24
    return float(differs.mean()), len(np.unique(pixels[differs] // 16, axis=0))


def wait_until_drawn(page: Page) -> None:
    expect(page.locator(".viewer[data-state=loaded]")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(500)  # a few frames of a slow software renderer


def test_a_photo_becomes_a_model_that_turns_in_the_page_and_can_be_downloaded(
    page: Page, server: ServerProcess, tmp_path: Path
) -> None:
    fill(page, server, pictures.portrait(), "Astronaut")
    make(page)
    page.get_by_role("link", name="Watch job").click()

    expect(page.get_by_role("heading", name="Astronaut")).to_be_visible()
    wait_until_drawn(page)
    share, colours = drawn(page)
    assert share > 0.05
    assert colours > 30
    before = page.locator("model-viewer").screenshot()
    box = page.locator("model-viewer").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 200, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    expect(page.locator(".viewer[data-state=loaded]")).to_be_visible()
    page.wait_for_timeout(500)
    after = page.locator("model-viewer").screenshot()
    turned = np.abs(pixels_of(before) - pixels_of(after)).max(-1) > 24
    assert turned.mean() > 0.02

    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download GLB").click()
    file = tmp_path / "model.glb"
    downloading.value.save_as(file)
    assert downloading.value.suggested_filename == "astronaut.glb"
    mesh = trimesh.load(file, force="mesh")
    assert len(mesh.faces) > 10_000
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    assert mesh.is_watertight


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_the_job_moves_through_its_stages_by_itself_and_the_table_follows(page: Page, server: ServerProcess) -> None:
    fill(page, server, pictures.phone_photo(), "Coffee")
    make(page)
    page.get_by_role("link", name="Watch job").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    wait_until_drawn(page)

    page.get_by_role("button", name="All jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.get_by_text("Tick rows to export or open them")).to_be_visible()


def click_row(page: Page, row: int, x_px: int) -> None:
    """The table is a canvas: places are counted from its left top corner; rows from 1."""
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible()
    page.wait_for_timeout(1000)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x_px, box["y"] + HEADER_PX + ROW_PX * (row - 0.5))


def test_a_row_of_the_table_opens_its_job(page: Page, server: ServerProcess) -> None:
    number = server.post(pictures.line_art(), "Row to open")
    server.wait_for_end(number)
    page.goto(f"{server.address}/jobs")
    click_row(page, 1, BUTTON_PX)

    expect(page.get_by_role("heading", name="Row to open")).to_be_visible()
    assert f"job={number}" in page.url


def test_a_link_to_a_job_survives_a_reload(page: Page, server: ServerProcess) -> None:
    number = server.post(pictures.cat(), "Cat <b>bold</b> **x** :smile: $a$")
    page.goto(f"{server.address}/jobs?job={number}")
    heading = page.get_by_role("heading", name="Cat <b>bold</b> **x** :smile: $a$")
    expect(heading).to_be_visible()
    page.reload()
    expect(heading).to_be_visible()


@pytest.mark.parametrize("link", ["99999", "abc", "-1"])
def test_a_link_to_no_job_says_so(page: Page, server: ServerProcess, link: str) -> None:
    page.goto(f"{server.address}/jobs?job={link}")

    expect(page.get_by_text("no job").first).to_be_visible()


def test_what_was_typed_survives_a_refusal_and_a_reload(page: Page, server: ServerProcess) -> None:
    fill(page, server, b"", "My old teapot")
    make(page)
    expect(page.get_by_text("Please choose a picture first.")).to_be_visible()
    expect(page.get_by_role("textbox", name="What is it?")).to_have_value("My old teapot")
    page.reload()
    expect(page.get_by_role("textbox", name="What is it?")).to_have_value("My old teapot")


def test_a_missing_name_is_asked_for_and_the_picture_stays(page: Page, server: ServerProcess) -> None:
    fill(page, server, pictures.cat(), "")
    make(page)

    expect(page.get_by_text("Please name the object in the picture.")).to_be_visible()
    expect(page.get_by_alt_text("The picture you chose")).to_be_visible()


def test_a_picture_that_is_taken_back_is_gone_and_one_that_is_left_alone_stays(
    page: Page, server: ServerProcess
) -> None:
    fill(page, server, pictures.cat(), "Cat")
    expect(page).to_have_url(re.compile("object=Cat"))  # what is typed is kept after a pause of a quarter second
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.get_by_role("link", name="Create").click()
    expect(page.get_by_alt_text("The picture you chose")).to_be_visible()
    expect(page.get_by_role("textbox", name="What is it?")).to_have_value("Cat")

    fill(page, server, pictures.cat(), "Cat")
    page.get_by_role("button", name="Remove photo.jpg").click()
    expect(page.get_by_alt_text("The picture you chose")).to_have_count(0)


def test_chosen_pictures_survive_another_page_and_a_reload_and_become_a_job(page: Page, server: ServerProcess) -> None:
    fill(page, server, pictures.cat(), "Kept cat", file_name="front.jpg")
    page.get_by_text("Several views").click()
    expect(page.get_by_role("heading", name="Turn several views into a 3D model")).to_be_visible()
    page.locator("input[type=file]").nth(2).set_input_files(
        {"name": "behind.jpg", "mimeType": "image/jpeg", "buffer": pictures.portrait()}
    )
    expect(page.get_by_alt_text("The picture of the back")).to_be_visible()
    expect(page).to_have_url(re.compile("object=Kept.cat"))
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert "draft=" not in page.url
    page.get_by_role("link", name="Create").click()
    both_pictures_are_there(page)
    expect(page).to_have_url(re.compile("draft="))
    page.reload()
    both_pictures_are_there(page)
    expect(page.get_by_role("textbox", name="What is it?")).to_have_value("Kept cat")

    page.get_by_role("button", name="Remove the back").click()
    expect(page.get_by_alt_text("The picture of the back")).to_have_count(0)
    make(page)
    expect(page.get_by_text("Several views need the front and at least one of left, back and right")).to_be_visible()
    page.get_by_text("Picture", exact=True).first.click()
    expect(page.get_by_alt_text("The picture you chose")).to_be_visible()
    make(page)
    expect(page.get_by_role("link", name="Watch job")).to_be_visible()
    expect(page.get_by_text("Still here")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Turn a picture into a 3D model")).to_be_visible()
    expect(page.get_by_text("A good picture")).to_be_visible()


def both_pictures_are_there(page: Page) -> None:
    for name, alt in (("front.jpg", "The picture of the front"), ("behind.jpg", "The picture of the back")):
        expect(page.get_by_text(f"Still here: {name}")).to_be_visible()
        expect(page.get_by_alt_text(alt)).to_be_visible()


def test_a_web_page_that_calls_itself_a_picture_is_refused_plainly(page: Page, server: ServerProcess) -> None:
    page.goto(server.address)
    page.locator("input[type=file]").first.set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": b"<html>hello</html>"}
    )
    page.get_by_role("textbox", name="What is it?").fill("Trick")
    make(page)

    expect(page.get_by_text("This is a web page")).to_be_visible()
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_a_double_click_makes_one_job(page: Page, server: ServerProcess) -> None:
    fill(page, server, pictures.cat(), "Clicked twice")
    page.get_by_role("button", name="Make the 3D model").dblclick()
    expect(page.get_by_role("link", name="Watch job")).to_be_visible()
    page.goto(f"{server.address}/jobs")
    page.get_by_role("searchbox", name="Search").fill("Clicked twice")
    page.keyboard.press("Enter")

    expect(page.get_by_text("1 job", exact=False)).to_be_visible()
    expect(page.get_by_text("2 jobs", exact=False)).to_have_count(0)


def test_the_form_works_with_the_keyboard_alone(page: Page, server: ServerProcess) -> None:
    fill(page, server, pictures.cat(), "By keyboard")
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Make the 3D model")
    for _ in range(6):
        if button.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Watch job")).to_be_visible()


def test_an_empty_search_says_how_to_see_all(page: Page, server: ServerProcess) -> None:
    page.goto(f"{server.address}/jobs")
    page.get_by_role("searchbox", name="Search").fill("nothing is called this")
    page.keyboard.press("Enter")

    expect(page.get_by_text("No job matches.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/?kind=multiview_to_model", "/?kind=text_to_model", "/jobs"])
def test_axe_finds_no_serious_fault_of_ours(page: Page, server: ServerProcess, scheme: str, path: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{server.address}{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_timeout(1500)
    page.evaluate((core.vendor.FILES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")

    serious = {
        each["id"]: [node["html"][:200] for node in each["nodes"]]
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    }
    assert serious == {}


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, server: ServerProcess) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/?kind=multiview_to_model", "/?kind=text_to_model", "/jobs", "/jobs?job=1"):
        page.goto(f"{server.address}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(1000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_model_is_judged_and_its_print_file_is_made_and_downloaded(
    page: Page, server: ServerProcess, tmp_path: Path
) -> None:
    number = server.post(pictures.product_on_white(), "Toy")
    assert server.wait_for_end(number)["status"] == "completed"
    page.goto(f"{server.address}/jobs?job={number}")

    expect(page.get_by_role("heading", name="Technical fit")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("faces are fine for a prop")).to_be_visible()
    expect(page.get_by_text("It is closed")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Other formats").click()
    page.get_by_role("combobox", name="Format").click()
    page.get_by_role("option", name=re.compile("^STL")).click()
    height = page.get_by_role("spinbutton", name="Height in millimetres")
    height.fill("42")
    height.press("Enter")
    page.get_by_role("button", name="Make the file").click()
    link = page.get_by_role("link", name="Download STL")
    expect(link).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download() as download:
        link.click()

    target = tmp_path / "toy.stl"
    download.value.save_as(target)
    assert download.value.suggested_filename == "toy.stl"
    mesh = trimesh.load_mesh(target)
    assert abs(mesh.extents[2] - 42) < 0.01
    assert mesh.is_watertight


def test_ticked_models_come_in_one_zip_though_a_new_job_moves_their_rows(
    page: Page, server: ServerProcess, tmp_path: Path
) -> None:
    first, second, third = (server.post(pictures.product_on_white(), f"In a zip {each}") for each in (1, 2, 3))
    for number in (first, second, third):
        server.wait_for_end(number)
    page.goto(f"{server.address}/jobs")
    click_row(page, 1, TICK_PX)
    expect(page.get_by_text("1 job selected")).to_be_visible()
    expect(page.get_by_role("button", name=f"Open {third}")).to_be_visible()
    count = server.post(pictures.line_art(), "In nobody's way")
    expect(page.get_by_text(re.compile(f"^{count} jobs"))).to_be_visible()
    click_row(page, 4, TEXT_PX)  # the first job's row by now
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("2 jobs selected")).to_be_visible()
    page.get_by_role("button", name="Export models").click()
    expect(page.get_by_role("textbox", name="Jobs")).to_have_value(f"{first},{third}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as one zip").click()

    target = tmp_path / "all.zip"
    download.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
    models = {f"{number}-in-a-zip-{each}.glb" for number, each in ((first, 1), (third, 3))}
    assert set(names) == {"manifest.json", "manifest.csv"} | models
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.get_by_text("selected", exact=False)).to_have_count(0)
