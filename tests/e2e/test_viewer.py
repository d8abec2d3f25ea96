"""The preview of a model, in real Chromium: what is drawn, what each tool does, and what is said if nothing can be."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

import core.vendor
from core.domain.export import Compression, ExportOrder, Format
from core.mesh.formats import exported
from core.ui.viewer import FOLDER, phone_hint, script
from tests import pictures
from tests.e2e import viewer_models
from tests.e2e.conftest import INLINE, LAN_NAME, PATIENCE_MS, chromium
from tests.mesh.models import ball, glb_of, textured
from tests.serving import ServerProcess, end, free_port, start

pytestmark = pytest.mark.e2e
MODELS = 50
WORDS_PX = 50
# how model-viewer counts what lies on the graphics card; and contexts that nobody gave back
COUNT_CONTEXTS = """
  const made = [], get = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    const context = get.call(this, kind, ...rest);
    if (context && kind.startsWith("webgl") && !made.includes(context)) made.push(context);
    return context;
  };
  self.liveContexts = () => made.filter((each) => !each.isContextLost()).length;
"""
ON_THE_CARD = """(viewer) => {
  for (let level = viewer; level; level = Object.getPrototypeOf(level)) {
    const symbol = Object.getOwnPropertySymbols(level).find((each) => each.description === "renderer");
    if (!symbol) continue;
    const { geometries, textures } = viewer[symbol].threeRenderer.info.memory;
    return geometries + textures;
  }
}"""
GROUND = "(element) => getComputedStyle(element).backgroundColor"
HIDE_THE_SCENE = """() => {
  self.allSymbols = Object.getOwnPropertySymbols;
  Object.getOwnPropertySymbols = (thing) => self.allSymbols(thing).filter((each) => each.description !== "scene");
}"""

CALLED_TWICE = """async ([script, html]) => {
  const { default: show } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  const parentElement = Object.assign(document.createElement("div"), { id: "called-twice", innerHTML: html });
  document.body.append(parentElement);
  const data = { src: "/files/box.glb?twice", alt: "3D model of a box", height: 300, file: "box.png" };
  const overtaken = show({ parentElement, data });
  self.tidy = show({ parentElement, data: { ...data, facts: "news" } });
  overtaken();
  self.shownTwice = parentElement;
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page that shows any file in the viewer."""

    port: int

    def url(self, model: str, *, host: str = "127.0.0.1", **more: str) -> str:
        return str(httpx.URL(f"http://{host}:{self.port}/", params={"model": model} | more))


@pytest.fixture(scope="module")
def job_id(server: ServerProcess) -> int:
    """A job whose model the built-in engine makes meanwhile."""
    return server.post(pictures.portrait(), "Astronaut")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, job_id: int) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "box.glb").write_bytes(viewer_models.box())
    (folder / "turning.glb").write_bytes(viewer_models.turning_box())
    (folder / "broken.glb").write_bytes(viewer_models.box()[:900])
    Image.new("RGB", (400, 400), (255, 0, 255)).save(folder / "poster.png")
    for compression in Compression:
        order = ExportOrder(format=Format.GLB, compression=compression)
        packed, _ = exported(glb_of(textured(ball(4))), order, name="ball")
        (folder / f"packed-{compression.value}.glb").write_bytes(packed)
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("viewer_site") / "app.py")]
    options = ["--server.port", str(port), "--browser.serverAddress", LAN_NAME]
    process = start([*command, *options], folder.parent / "site.log", {"VIEWER_FILES": folder})
    try:
        _wait_for(lambda: _answers(f"http://127.0.0.1:{port}/files/poster.png"))
        yield Site(port=port)
    finally:
        end(process)


@contextmanager
def opened(
    browser: Browser,
    url: str,
    *,
    script: str = "",
    routes: dict[str, Callable[[Route], None]] | None = None,
    **options: Any,
) -> Iterator[Page]:
    """A page on an address; at the end, everything it asked for must have been asked of that very host."""
    context = browser.new_context(viewport=options.pop("viewport", {"width": 720, "height": 820}), **options)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.set_default_timeout(PATIENCE_MS)
    if script:
        page.add_init_script(script)
    for pattern, answer in (routes or {}).items():
        page.route(pattern, answer)
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    own = httpx.URL(url).netloc.decode()
    assert asked
    assert [each for each in asked if not each.startswith((f"http://{own}/", f"ws://{own}/", *INLINE))] == []


@pytest.fixture(scope="module")
def astronaut(browser: Browser, server: ServerProcess, job_id: int) -> Iterator[Page]:
    """The page of a job, with its model drawn; each test leaves it as it was."""
    assert server.wait_for_end(job_id)["status"] == "completed"
    with opened(browser, f"{server.address}/jobs?job={job_id}") as page:
        wait_until_drawn(page)
        yield page


@pytest.fixture(scope="module")
def shown_box(browser: Browser, site: Site) -> Iterator[Page]:
    url = site.url("box.glb", facts="Refreshed # times", poster="poster.png")
    with opened(browser, url, script=COUNT_CONTEXTS, accept_downloads=True) as page:
        wait_until_drawn(page)
        yield page


@pytest.fixture(scope="module")
def phone(browser: Browser, site: Site) -> Iterator[Page]:
    """A model that moves, on a small screen, under the name that this machine has in the network."""
    url = site.url("turning.glb", host=LAN_NAME, facts="10 × 20 × 30 cm")
    with opened(browser, url, viewport={"width": 390, "height": 844}, color_scheme="light", has_touch=True) as page:
        wait_until_drawn(page)
        yield page


def wait_until_drawn(page: Page) -> None:
    expect(page.locator(".viewer[data-state=loaded]")).to_be_visible(timeout=PATIENCE_MS)


def tool(page: Page, name: str) -> Any:
    return page.get_by_role("toolbar", name="3D view").get_by_role("button", name=name, exact=True)


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def canvas(page: Page) -> np.ndarray:
    """(h, w, 3) what the viewer shows, below the words at its top, once it has come to rest."""
    seen = [pixels_of(page.locator(".stage").screenshot())[WORDS_PX:]]

    def rests() -> bool:
        seen.append(pixels_of(page.locator(".stage").screenshot())[WORDS_PX:])
        return bool(np.array_equal(seen[-1], seen[-2]))

    _wait_for(rests, page)
    return seen[-1]


def drawn(pixels: np.ndarray) -> np.ndarray:
    """(h, w) where something else than the background in the corner is."""
    return np.asarray(np.abs(pixels - pixels[-5, 5]).max(-1) > 24)


def colourfulness(pixels: np.ndarray) -> float:
    inside = pixels[drawn(pixels)]
    return float((inside.max(-1) - inside.min(-1)).mean())


def differs(one: np.ndarray, other: np.ndarray) -> float:
    return float((np.abs(one - other).max(-1) > 24).mean())


def orbit(page: Page) -> list[float]:
    """Degrees around, degrees down, metres away."""
    return list(
        page.locator("model-viewer").evaluate(
            "(v) => { const o = v.getCameraOrbit(); return [o.theta * 180 / Math.PI, o.phi * 180 / Math.PI, o.radius] }"
        )
    )


def drag(page: Page, right_px: int) -> None:
    box = page.locator("model-viewer").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right_px, y, steps=6)
    page.mouse.up()


def test_wireframe_shows_edges_alone_or_over_clay_and_gives_the_surface_back(shown_box: Page) -> None:
    before = canvas(shown_box)
    tool(shown_box, "Wireframe").click()
    wires = canvas(shown_box)
    tool(shown_box, "Clay").click()
    grey_wires = canvas(shown_box)
    tool(shown_box, "Wireframe").click()
    tool(shown_box, "Clay").click()
    after = canvas(shown_box)

    assert drawn(wires).mean() < drawn(before).mean() * 0.6
    assert drawn(wires).mean() > 0.001
    assert colourfulness(grey_wires) < colourfulness(wires)
    assert differs(before, after) < 0.001


def test_a_release_that_hides_its_scene_costs_only_the_two_buttons(shown_box: Page) -> None:
    problems: list[str] = []
    shown_box.on("pageerror", lambda problem: problems.append(str(problem)))
    shown_box.evaluate(HIDE_THE_SCENE)
    show_next(shown_box)
    expect(tool(shown_box, "Reset view")).to_be_visible()
    expect(tool(shown_box, "Clay")).to_be_hidden()
    expect(tool(shown_box, "Wireframe")).to_be_hidden()
    assert drawn(canvas(shown_box)).mean() > 0.03
    shown_box.evaluate("() => { Object.getOwnPropertySymbols = self.allSymbols }")
    show_next(shown_box)

    expect(tool(shown_box, "Clay")).to_be_visible()
    assert problems == []


def show_next(page: Page) -> Any:
    """The viewer, once it shows the model under its next address."""
    number = int(re.findall(r"n=(\d+)$", str(page.locator("model-viewer").get_attribute("src")))[0]) + 1
    page.get_by_role("button", name="Next").click()
    viewer = page.locator(f".viewer[data-state=loaded] model-viewer[src$='n={number}']")
    expect(viewer).to_be_visible(timeout=PATIENCE_MS)
    return viewer


def test_the_camera_and_the_model_stay_through_five_refreshes(shown_box: Page) -> None:
    asked: list[str] = []
    shown_box.on("request", lambda request: asked.append(request.url))
    drag(shown_box, 150)
    canvas(shown_box)
    before = orbit(shown_box)
    shown_box.locator("model-viewer").evaluate("(viewer) => { viewer.isTheSame = true }")
    number = refreshes(shown_box)
    _wait_for(lambda: refreshes(shown_box) >= number + 5, shown_box)

    assert abs(before[0] - 25) > 5
    assert orbit(shown_box) == pytest.approx(before)
    assert shown_box.locator("model-viewer").evaluate("(viewer) => viewer.isTheSame") is True
    assert [url for url in asked if ".glb" in url] == []
    tool(shown_box, "Reset view").click()
    _wait_for(lambda: orbit(shown_box)[:2] == pytest.approx([25, 75], abs=0.5), shown_box)


def refreshes(page: Page) -> int:
    """What the corner says: it comes from Python with every refresh."""
    return int(re.sub(r"\D", "", page.locator(".facts").inner_text()))


def test_keys_turn_and_zoom_and_the_focus_is_seen(shown_box: Page) -> None:
    shown_box.locator("model-viewer .userInput").focus()
    shown_box.keyboard.press("ArrowRight")
    _wait_for(lambda: abs(orbit(shown_box)[0] - 25) > 5, shown_box)
    canvas(shown_box)
    away = orbit(shown_box)[2]
    shown_box.keyboard.press("PageDown")
    _wait_for(lambda: orbit(shown_box)[2] != pytest.approx(away), shown_box)
    tool(shown_box, "Turn").focus()
    shown_box.keyboard.press("Tab")

    assert tool(shown_box, "Reset view").evaluate("(button) => getComputedStyle(button).outlineStyle") == "solid"
    shown_box.keyboard.press("Enter")
    _wait_for(lambda: orbit(shown_box)[:2] == pytest.approx([25, 75], abs=0.5), shown_box)


def test_a_snapshot_is_a_picture_of_the_view_named_after_the_model(shown_box: Page, tmp_path: Path) -> None:
    with shown_box.expect_download() as downloading:
        tool(shown_box, "Snapshot").click()
    downloading.value.save_as(tmp_path / "a.png")
    picture = Image.open(tmp_path / "a.png")
    stage = shown_box.locator("model-viewer").bounding_box()

    assert downloading.value.suggested_filename == "blue-cup.png"
    assert stage is not None
    assert picture.format == "PNG"
    assert picture.size == (round(stage["width"]), round(stage["height"]))
    alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    assert alpha[2, 2] == 0
    assert (alpha == 255).mean() > 0.05


def test_size_is_shown_in_centimetres(shown_box: Page) -> None:
    tool(shown_box, "Size").click()
    expect(shown_box.get_by_text("10 wide × 20 high × 30 deep, in cm")).to_be_visible()
    tool(shown_box, "Size").click()
    expect(shown_box.get_by_text("in cm")).to_be_hidden()


def test_light_background_and_shadow_change_what_is_seen(shown_box: Page) -> None:
    before = canvas(shown_box)
    tool(shown_box, "More").click()
    panel = shown_box.get_by_role("group", name="More")
    brightness = {}
    for light in ("Neutral", "Studio", "Dramatic"):
        panel.get_by_role("radio", name=light).check()
        shown_box.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        pixels = canvas(shown_box)
        brightness[light] = pixels[drawn(pixels)].mean()
        tool(shown_box, "More").click()
    panel.get_by_role("radio", name="Neutral").check()
    panel.get_by_role("radio", name="Black").check()
    panel.get_by_role("checkbox", name="Shadow on the ground").uncheck()
    shown_box.keyboard.press("Escape")
    black = canvas(shown_box)
    tool(shown_box, "More").click()
    panel.get_by_role("radio", name="Page").check()
    panel.get_by_role("checkbox", name="Shadow on the ground").check()
    shown_box.keyboard.press("Escape")

    assert brightness["Dramatic"] < brightness["Neutral"]
    assert brightness["Dramatic"] < brightness["Studio"]
    assert abs(brightness["Studio"] - brightness["Neutral"]) > 2
    assert black[-5, 5].tolist() == [0, 0, 0]
    assert differs(before, canvas(shown_box)) < 0.001


def test_the_model_fills_the_screen_and_comes_back(shown_box: Page) -> None:
    tool(shown_box, "Full screen").click()
    expect(tool(shown_box, "Full screen")).to_have_attribute("aria-pressed", "true")
    box = shown_box.locator(".viewer").bounding_box()
    tool(shown_box, "Full screen").click()
    expect(tool(shown_box, "Full screen")).to_have_attribute("aria-pressed", "false")

    assert box is not None
    assert box["x"] == box["y"] == 0
    assert box["width"] == shown_box.evaluate("innerWidth")


def test_a_model_that_moves_plays_and_stands_still_for_those_who_asked_for_less_motion(phone: Page) -> None:
    paused = "(viewer) => viewer.paused"
    expect(tool(phone, "Animation")).to_have_attribute("aria-pressed", "true")
    assert phone.locator("model-viewer").evaluate(paused) is False
    tool(phone, "Turn").click()
    expect(phone.locator("model-viewer[auto-rotate]")).to_be_attached()

    phone.emulate_media(reduced_motion="reduce")
    expect(tool(phone, "Animation")).to_have_attribute("aria-pressed", "false")
    expect(tool(phone, "Turn")).to_have_attribute("aria-pressed", "false")
    expect(phone.locator("model-viewer[auto-rotate]")).to_have_count(0)
    assert phone.locator("model-viewer").evaluate(paused) is True
    tool(phone, "Animation").click()
    assert phone.locator("model-viewer").evaluate(paused) is False
    tool(phone, "Animation").click()


def test_the_poster_is_there_at_once_until_the_model_is_drawn(shown_box: Page) -> None:
    held: list[Any] = []
    shown_box.route("**/box.glb*", lambda route: held.append(route))
    shown_box.get_by_role("button", name="Next").click()
    expect(shown_box.locator(".viewer[data-state=loading]")).to_be_visible()
    _wait_for(lambda: magenta(shown_box) > 0.2, shown_box)
    expect(shown_box.get_by_text("Loading the model")).to_be_visible()
    expect(shown_box.get_by_role("progressbar", name="Loading the model")).to_be_visible()
    _wait_for(lambda: bool(held), shown_box)
    held[0].continue_()
    wait_until_drawn(shown_box)
    shown_box.unroute("**/box.glb*")

    expect(shown_box.locator("img.poster")).to_be_hidden()
    _wait_for(lambda: magenta(shown_box) == 0, shown_box)
    assert drawn(canvas(shown_box)).mean() > 0.03


def magenta(page: Page) -> float:
    """Share of the stage that the test's poster covers."""
    return float((np.abs(pixels_of(page.locator(".stage").screenshot()) - (255, 0, 255)).max(-1) < 8).mean())


def test_packed_models_are_drawn_as_the_plain_one(browser: Browser, site: Site) -> None:
    """By the decoders that this server has; `opened` fails when anything is asked of another host."""
    seen = []
    for compression in Compression:
        with opened(browser, site.url(f"packed-{compression.value}.glb")) as page:
            wait_until_drawn(page)
            seen.append(canvas(page))

    plain, *packed = seen
    assert 0.1 < drawn(plain).mean() < 0.9
    assert colourfulness(plain) > 60
    assert max(differs(plain, each) for each in packed) < 0.02


@pytest.mark.parametrize("model", ["broken.glb", "missing.glb"])
def test_a_broken_or_missing_model_says_so_and_the_poster_stays(browser: Browser, site: Site, model: str) -> None:
    with opened(browser, site.url(model, poster="poster.png")) as page:
        expect(page.locator(".viewer[data-state=failed]")).to_be_visible(timeout=PATIENCE_MS)

        expect(page.get_by_text("The model could not be shown here. You can still download it.")).to_be_visible()
        expect(page.get_by_role("img", name="3D model of Blue Cup").and_(page.locator("img.poster"))).to_be_visible()
        _wait_for(lambda: magenta(page) > 0.2, page)
        expect(page.get_by_role("toolbar", name="3D view")).to_be_hidden()


def only_looks(answer: Callable[[Route], None]) -> Callable[[Route], None]:
    """The model never comes; who looks for one byte of it gets this answer."""
    return lambda route: answer(route) if "range" in route.request.headers else None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda route: None, "The server does not answer. Reload the page to try again."),
        (lambda route: route.fulfill(status=404), "The model could not be shown here. You can still download it."),
        (lambda route: route.continue_(), "The model did not finish loading here. Reload the page to try again."),
    ],
    ids=["silence", "no file", "a file that never gets ready"],
)
def test_a_model_that_never_comes_is_given_up_with_the_reason(
    browser: Browser, site: Site, answer: Callable[[Route], None], sentence: str
) -> None:
    url = site.url("box.glb", poster="poster.png")
    impatient = "self.maquetteViewer = { patienceMs: 500 }"
    with opened(browser, url, script=impatient, routes={"**/box.glb*": only_looks(answer)}) as page:
        expect(page.locator(".viewer[data-state=failed]")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_text(sentence)).to_be_visible()
        _wait_for(lambda: magenta(page) > 0.2, page)


def test_tidying_up_after_an_overtaken_call_leaves_the_viewer_alone(browser: Browser, site: Site) -> None:
    """Streamlit calls the component again while its first call is under way, and then tidies up after the first."""
    html = FOLDER.joinpath("viewer.html").read_text("utf-8")
    with opened(browser, site.url("box.glb")) as page:
        wait_until_drawn(page)
        page.evaluate(CALLED_TWICE, [script(), html])
        place = page.locator("#called-twice")
        expect(place.locator(".viewer[data-state=loaded]")).to_be_attached(timeout=PATIENCE_MS)
        page.evaluate("() => { const place = document.querySelector('#called-twice'); place.remove(); self.tidy(); }")

        assert place.count() == 0
        assert page.evaluate("self.shownTwice.querySelector('model-viewer')") is None


def test_without_webgl_it_says_so_and_shows_the_poster(browser: Browser, site: Site) -> None:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-webgl", "--disable-3d-apis"]
    old = browser.browser_type.launch(executable_path=chromium(), args=flags)
    try:
        with opened(old, site.url("box.glb", poster="poster.png")) as page:
            sentence = "This browser cannot show 3D: WebGL is missing or switched off. You can still download it."
            expect(page.get_by_text(sentence)).to_be_visible()
            expect(page.locator(".viewer[data-state=failed]")).to_be_visible()
            _wait_for(lambda: magenta(page) > 0.2, page)
    finally:
        old.close()


def test_on_this_machine_alone_it_says_that_a_phone_cannot_reach_it(shown_box: Page) -> None:
    tool(shown_box, "More").click()
    shown_box.get_by_text("Open on a phone").click()
    expect(shown_box.get_by_text("A phone cannot reach 127.0.0.1")).to_be_visible()
    expect(shown_box.get_by_role("img", name="QR code")).to_be_hidden()
    shown_box.get_by_text("Open on a phone").click()
    shown_box.keyboard.press("Escape")

    assert "code" not in phone_hint("http://localhost:8501/jobs?job=1")
    assert "code" not in phone_hint("http://[::1]:8501/jobs?job=1")
    assert "code" in phone_hint("http://192.168.1.20:8501/jobs?job=1")


def test_a_phone_opens_the_page_by_its_code_and_the_tools_fit(phone: Page) -> None:
    tool(phone, "Size").click()
    boxes = [each.bounding_box() for each in phone.locator(".tools button:visible").all()]
    tool(phone, "More").click()
    phone.get_by_text("Open on a phone").click()
    code = phone.get_by_role("img", name="QR code")
    expect(code).to_be_visible()
    read = cv2.QRCodeDetector().detectAndDecode(pixels_of(code.screenshot()).astype(np.uint8))[0]

    assert httpx.URL(read) == httpx.URL(phone.url)
    assert len(boxes) == 9
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert len({round(each["y"]) for each in boxes if each}) == 1
    assert all(each and each["x"] >= 0 and each["x"] + each["width"] <= 390 for each in boxes)
    assert all(each and min(each["width"], each["height"]) >= 36 for each in boxes)


def test_axe_finds_no_serious_fault_in_light_and_dark(phone: Page) -> None:
    panel = phone.locator(".more")
    if panel.is_hidden():
        tool(phone, "More").click()
    phone.evaluate((core.vendor.FILES / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    assert serious_faults(phone) == {}
    light = panel.evaluate(GROUND)
    phone.emulate_media(color_scheme="dark")
    _wait_for(lambda: panel.evaluate(GROUND) != light, phone)
    assert serious_faults(phone) == {}


def serious_faults(page: Page) -> dict[str, list[str]]:
    return {
        each["id"]: [node["html"][:200] for node in each["nodes"]]
        for each in page.evaluate("axe.run()")["violations"]
        if each["impact"] in ("serious", "critical")
    }


def test_a_model_of_the_built_in_engine_is_drawn_in_colour(astronaut: Page) -> None:
    pixels = canvas(astronaut)

    assert drawn(pixels).mean() > 0.05
    assert len(np.unique(pixels[drawn(pixels)] // 16, axis=0)) > 30
    expect(astronaut.get_by_role("button", name="View in your room")).to_be_hidden()  # no augmented reality here


def test_clay_takes_the_colours_away_and_gives_them_back(astronaut: Page) -> None:
    before = canvas(astronaut)
    tool(astronaut, "Clay").click()
    expect(tool(astronaut, "Clay")).to_have_attribute("aria-pressed", "true")
    clay = canvas(astronaut)
    tool(astronaut, "Clay").click()
    after = canvas(astronaut)

    assert colourfulness(before) > 50
    assert colourfulness(clay) < 20
    assert abs(drawn(clay).mean() - drawn(before).mean()) < 0.1
    assert differs(before, after) < 0.001


def test_fifty_models_in_a_row_leave_one_viewer_one_context_and_no_memory(shown_box: Page) -> None:
    said: list[str] = []
    shown_box.on("console", lambda message: said.append(message.text))
    shown_box.set_viewport_size({"width": 390, "height": 820})  # fewer pixels for a software renderer
    tool(shown_box, "Clay").click()  # so that what clay needs is counted, too
    held = [show_next(shown_box).evaluate(ON_THE_CARD) for _ in range(MODELS)]

    expect(shown_box.locator("model-viewer")).to_have_count(1)
    assert shown_box.evaluate("liveContexts()") == 1
    assert max(held[-10:]) <= max(held[:10])
    assert [each for each in said if "context" in each.lower()] == []


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _wait_for(condition: Callable[[], bool], page: Page | None = None, *, patience_s: float = 120) -> None:
    """Ask ten times a second; the page goes on drawing meanwhile."""
    pause = threading.Event()
    for _ in range(int(patience_s * 10)):
        if condition():
            return
        if page is None:
            pause.wait(0.1)
        else:
            page.wait_for_timeout(100)
    raise AssertionError(f"it did not come to be in {patience_s} s")


def test_an_unknown_size_is_shown_as_proportions_without_a_unit(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    page.goto(site.url("box.glb", unknown="1"))
    expect(page.locator(".viewer[data-state=loaded]")).to_be_visible(timeout=PATIENCE_MS)
    tool(page, "Size").click()

    expect(page.get_by_text("0.33 wide × 0.67 high × 1 deep; the real size is not known")).to_be_visible()
    expect(page.get_by_text("in cm")).to_be_hidden()
    page.close()
