"""The create page is drawn from what the connected generators declare: kinds, generators, and only what counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core.bootstrap
from core.bootstrap import Services, build_services
from core.domain.claims import Failure
from core.domain.declaration import Choice, ChoiceType, Declaration, Evidence, Offer, Typed
from core.domain.errors import AccountBlocked
from core.domain.generation import Balance
from core.domain.job import Job
from core.domain.request import JobRequest, Kind, MultiviewToModel, Slot, TextToModel
from core.services.candidates import Candidates
from core.services.makers import Makers
from core.services.throttle import Throttle
from core.settings import Settings
from core.system_clock import SystemClock
from core.ui import made_by
from tests import pictures
from tests.builders import EVERY_SLOT, intent, new_job, stored_model
from tests.clocks import FakeClock
from tests.fake_generator import FakeGenerator
from tests.picture_sandbox import PicturesHere
from tests.ui.test_pages import MAIN, jobs_page, said

DETAIL = Choice(
    name="detail",
    label="Detail",
    type=ChoiceType.ONE_OF,
    values={"low": "A little", "high": "A lot"},
    default="low",
    help="More takes longer.",
)
CHOICES = (
    DETAIL,
    Choice(
        name="sharpness",
        label="Sharpness",
        type=ChoiceType.WHOLE,
        least=1,
        most=9,
        needs={"detail": ("high",)},
    ),
    Choice(name="hollow", label="Hollow", type=ChoiceType.YES_NO, default=False),
    Choice(
        name="width_m",
        label="Width in metres",
        type=ChoiceType.NUMBER,
        least=0.01,
        most=10.0,
        typed=Typed(label="Width in centimetres", factor=100.0),
        is_of_object=True,
    ),
)
SIDES = (Slot.FRONT, Slot.BACK)
OFFERS = {
    Kind.IMAGE: Offer(kind=Kind.IMAGE, choices=CHOICES, uses=(Slot.FRONT,), note="It works by night."),
    Kind.MULTIVIEW: Offer(kind=Kind.MULTIVIEW, choices=(DETAIL,), uses=SIDES),
    Kind.TEXT: Offer(kind=Kind.TEXT, choices=CHOICES[:1]),
}


class Declared(FakeGenerator):
    """A generator with declarations of its own."""

    def __init__(self, name: str, label: str, *kinds: Kind, is_paid: bool = False, dear: int = 40) -> None:
        super().__init__(name=name, label=label, is_paid=is_paid, kinds=kinds)
        self.dear = dear

    @property
    def declaration(self) -> Declaration:
        return Declaration(
            name=self.name,
            label=self.label,
            offers=tuple(OFFERS[kind] for kind in self.kinds),
            evidence=Evidence.ECHO if self.is_paid else Evidence.FREE,
            is_paid=self.is_paid,
            leaves=f"All goes to {self.label}.",
            terms=f"Licence of {self.label}.",
            connected_by=f"{self.name.upper()}_URL",
            input_codes=frozenset({"2008"}),
        )

    def estimate(self, request: JobRequest) -> Decimal:
        return Decimal(0) if not self.is_paid else Decimal(self.dear if request.choices["detail"] == "high" else 20)

    def category(self, request: JobRequest) -> str:
        return self.name


def with_makers(built: Services, *generators: FakeGenerator, others: tuple[Declaration, ...] = ()) -> Services:
    """The services, with these generators instead of those of the settings; the first is the default."""
    throttles = {each.name: Throttle(each, jobs=built.jobs, clock=SystemClock()) for each in generators}  # type: ignore[arg-type]
    makers = Makers(connected=throttles, default=next(iter(throttles.values())), others=others)
    return replace(
        built,
        makers=makers,
        candidates=Candidates(jobs=built.jobs, makers=makers),
        submit=replace(built.submit, makers=makers),
        decide=replace(built.decide, makers=makers),
        convert=replace(built.convert, makers=makers),
        overview=replace(built.overview, labels={each.name: each.label for each in generators}),
    )


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Services]:
    built = build_services(Settings(data_dir=tmp_path, scheduler=False, _env_file=None), pictures=PicturesHere())
    built.jobs.beat(owner="t")
    yield built
    built.stop()


@pytest.fixture
def services(built: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Two that can do all, and one that can do pictures only."""
    found = with_makers(
        built,
        Declared("moon", "Moon", Kind.IMAGE, Kind.MULTIVIEW, Kind.TEXT),
        Declared("sun", "Sun", Kind.IMAGE, Kind.TEXT, is_paid=True),
        others=(Declared("mars", "Mars", Kind.TEXT).declaration,),
    )
    monkeypatch.setattr(core.bootstrap, "_services", found)
    return found


def page(kind: Kind = Kind.IMAGE, **query: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=20)
    for name, value in ({"kind": kind.value} | query).items():
        app.query_params[name] = value
    return app.run()


def again(app: AppTest) -> AppTest:
    """What a reload of the page shows: a new session with the same address."""
    fresh = AppTest.from_file(MAIN, default_timeout=20)
    for name, value in app.query_params.items():
        fresh.query_params[name] = value
    return fresh.run()


def give(app: AppTest, slot: Slot, data: bytes | None = None) -> None:
    place = list(Slot).index(slot) if len(app.file_uploader) > 1 else 0
    app.file_uploader[place].set_value((f"{slot}.jpg", data or pictures.cat(), "image/jpeg")).run()


def make(app: AppTest, name: str = "Cup") -> AppTest:
    app.text_input(key="object").set_value(name).run()
    return app.button(key="make").click().run()


def text(app: AppTest) -> str:
    return (said(app) + "\n".join(each.value for each in app.info)).replace("\\", "")


def labels_of(app: AppTest) -> list[str]:
    kinds = (app.selectbox, app.toggle, app.number_input)
    return [each.label for kind in kinds for each in kind]


def only_job(services: Services) -> Job:
    return services.jobs.get(1)


def test_a_picture_goes_to_the_generator_that_was_chosen_with_its_choices(services: Services) -> None:
    app = page()
    app.radio(key="made_by-image_to_model").set_value("sun").run()
    app.selectbox(key="image_to_model-sun-detail").select("high").run()
    app.number_input(key="image_to_model-sun-sharpness").set_value(7).run()
    app.number_input(key="image_to_model-sun-width_m").set_value(12.5).run()
    give(app, Slot.FRONT)
    make(app)

    assert not app.exception
    job = only_job(services)
    assert (job.generator, job.kind, job.credits_estimate) == ("sun", Kind.IMAGE, 40)
    assert job.choices == {"detail": "high", "sharpness": 7, "hollow": False, "width_m": 0.125}
    assert app.number_input(key="image_to_model-sun-width_m").value is None, "the next object has another width"
    assert app.selectbox(key="image_to_model-sun-detail").value == "high", "taste is kept"


def test_views_go_with_their_sides_and_words_with_what_is_not_wanted(services: Services) -> None:
    app = page(Kind.MULTIVIEW)
    assert [each.label for each in app.file_uploader] == ["Front", "Left", "Back", "Right"]
    for slot, data in ((Slot.FRONT, pictures.cat()), (Slot.RIGHT, pictures.portrait())):
        give(app, slot, data)
    make(app)
    views = services.jobs.get(1).request
    assert isinstance(views, MultiviewToModel)
    assert {slot: image.name for slot, image in views.inputs().items()} == {
        Slot.FRONT: "front.jpg",
        Slot.RIGHT: "right.jpg",
    }

    app = page(Kind.TEXT)
    assert not app.file_uploader
    app.text_area(key="prompt").set_value("a red chair").run()
    app.text_area(key="negative_prompt").set_value("a base").run()
    make(app, "Chair")
    words = services.jobs.get(2).request
    assert isinstance(words, TextToModel)
    assert (words.prompt, words.negative_prompt) == ("a red chair", "a base")
    assert app.text_area(key="prompt").value == ""
    assert "draft" not in app.query_params
    assert not app.exception


def test_the_front_is_shared_between_picture_and_views_and_other_views_are_not_sent_with_a_picture(
    services: Services,
) -> None:
    app = page(Kind.MULTIVIEW)
    give(app, Slot.FRONT)
    give(app, Slot.BACK, pictures.portrait())
    app.button_group(key="kind").set_value(Kind.IMAGE).run()
    assert app.query_params.get("kind") is None
    assert app.session_state["preview-front"]
    make(app)

    assert not app.exception
    assert only_job(services).kind is Kind.IMAGE


def test_the_default_comes_first_and_each_says_its_price_its_time_and_what_leaves(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    for part in (services.jobs, services.jobs._rows):  # type: ignore[attr-defined]
        monkeypatch.setattr(part, "_clock", clock)
    for number in range(3):
        services.jobs.add(new_job(generator="moon", category="moon"))
        limits = replace(EVERY_SLOT, limits={"moon": 10})
        claimed = services.jobs.claim_queued(owner="t", lease_s=600, slots=limits, limit=1)[0]
        services.jobs.mark_submitting(claimed.claim, intent())
        services.jobs.bind_task(claimed.claim, f"task-{number}", poll_in_s=0)
        services.jobs.mark_saving(claimed.claim, credits_used=None)
        clock.advance(240)
        saving = services.jobs.claim_saving(owner="t", lease_s=600, generator="moon", limit=1)[0]
        services.jobs.complete(saving.claim, stored_model())
    app = page()
    radio = app.radio(key="made_by-image_to_model")

    assert list(radio.options) == ["Moon", "Sun"]
    assert list(radio.proto.captions) == ["free of charge, usually about 4 minutes", "about 20 credits"]
    assert "It works by night. All goes to Moon. Licence of Moon." in text(app)
    assert "credits** by" not in text(app)

    radio.set_value("sun").run()
    assert "All goes to Sun. Licence of Sun." in text(app)
    assert "**About 20 credits** by Sun's list" in text(app)
    app.selectbox(key="image_to_model-sun-detail").select("high").run()
    assert "**About 40 credits** by Sun's list" in text(app)
    assert list(app.radio(key="made_by-image_to_model").proto.captions)[1] == "about 40 credits"


def test_what_is_left_is_that_of_the_generator_which_was_chosen(services: Services) -> None:
    services.jobs.accounts.note_balance("account-1", Balance(available=Decimal(10), held=Decimal(0)))
    app = page()
    assert "more than is left" not in text(app)

    app.radio(key="made_by-image_to_model").set_value("sun").run()
    assert "You have 10 left" in text(app)
    assert "more than is left" in text(app)


def test_a_generator_that_cannot_work_now_says_why_beside_its_choice(services: Services) -> None:
    moon = services.makers.connected["moon"]
    page()
    assert moon.problem is None

    def refused() -> None:
        raise AccountBlocked("Moon lacks the file *x*. Download it there.")

    moon._generator.on_account = refused  # type: ignore[attr-defined]
    with pytest.raises(AccountBlocked):
        moon.check_account()
    app = page()
    radio = app.radio(key="made_by-image_to_model")
    assert next(iter(radio.proto.captions)) == "free of charge, cannot work now"
    assert "Moon lacks the file *x*. Download it there." in text(app)
    assert [each.value.replace("\\", "") for each in app.warning] == [f"{moon.problem} {made_by.WAITS}"]

    radio.set_value("sun").run()
    assert not app.warning


def test_a_choice_is_offered_only_beside_what_it_needs(services: Services) -> None:
    app = page()
    assert labels_of(app) == ["Detail", "Hollow", "Width in centimetres"]

    app.selectbox(key="image_to_model-moon-detail").select("high").run()
    assert labels_of(app) == ["Detail", "Hollow", "Sharpness", "Width in centimetres"]
    app.number_input(key="image_to_model-moon-sharpness").set_value(3).run()
    app.selectbox(key="image_to_model-moon-detail").select("low").run()
    assert "Sharpness" not in labels_of(app)
    give(app, Slot.FRONT)
    make(app)
    assert "sharpness" not in only_job(services).choices

    app.selectbox(key="image_to_model-moon-detail").select("high").run()
    assert app.number_input(key="image_to_model-moon-sharpness").value == 3, "hidden is not forgotten"


def test_choices_and_words_outlive_another_kind_another_page_and_a_reload(services: Services) -> None:
    app = page(Kind.TEXT)
    app.text_area(key="prompt").set_value("a red chair").run()
    app.text_area(key="negative_prompt").set_value("a base").run()
    app.radio(key="made_by-text_to_model").set_value("sun").run()
    app.selectbox(key="text_to_model-sun-detail").select("high").run()
    app.button_group(key="kind").set_value(Kind.MULTIVIEW).run()
    assert app.selectbox(key="multiview_to_model-moon-detail").value == "high", "the same choice of another generator"
    app.switch_page("jobs.py").run()
    app.switch_page("create.py").run()
    assert app.button_group(key="kind").value == Kind.MULTIVIEW
    app.button_group(key="kind").set_value(Kind.TEXT).run()
    for shown in (app, again(app)):
        assert not shown.exception
        assert shown.text_area(key="prompt").value == "a red chair"
        assert shown.text_area(key="negative_prompt").value == "a base"
        assert shown.radio(key="made_by-text_to_model").value == "sun"
        assert shown.selectbox(key="text_to_model-sun-detail").value == "high"


def test_without_a_generator_for_a_kind_the_page_says_who_could_and_what_the_operator_does(
    built: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    mars = Declared("mars", "Mars", Kind.TEXT).declaration
    found = with_makers(built, Declared("moon", "Moon", Kind.IMAGE), others=(mars,))
    monkeypatch.setattr(core.bootstrap, "_services", found)
    app = page(Kind.TEXT)

    assert not app.exception
    assert not app.button
    assert "makes a model from words. Mars could: the operator sets MARS_URL and starts the server again" in text(app)
    app.button_group(key="kind").set_value(Kind.MULTIVIEW).run()
    assert text(app).endswith("makes a model from pictures of several sides.")


def test_a_side_that_the_generator_leaves_out_says_so(services: Services) -> None:
    assert text(page(Kind.MULTIVIEW)).count("Moon leaves this side out.") == 2


@pytest.mark.parametrize(
    ("sides", "place", "sentence"),
    [
        ((Slot.FRONT,), "views", "Several views need the front and at least one of left, back and right."),
        ((Slot.BACK,), "front", "Please choose a picture first."),
        ((Slot.FRONT, Slot.LEFT), "left", "The pictures of the front and of the left are the same file."),
    ],
)
def test_a_refusal_of_views_is_said_at_its_place_and_nothing_is_lost(
    services: Services, sides: tuple[Slot, ...], place: str, sentence: str
) -> None:
    app = page(Kind.MULTIVIEW)
    for slot in sides:
        give(app, slot)
    make(app)

    assert app.session_state["refused"][0] == place
    assert sentence in text(app)
    assert not app.exception
    assert all(app.session_state[f"preview-{slot}"] for slot in sides)
    give(app, Slot.LEFT, pictures.portrait())
    assert (sentence in text(app)) is (place == "front"), "something was mended there"


def test_a_side_that_is_no_picture_is_refused_at_its_own_place(services: Services) -> None:
    app = page(Kind.MULTIVIEW)
    give(app, Slot.FRONT)
    give(app, Slot.LEFT, b"<html>hello</html>")
    assert app.session_state["refused"][0] == "left"

    make(app)
    assert app.session_state["refused"][0] == "left"
    assert "The picture of the left: This is a web page" in text(app)


@pytest.mark.parametrize(
    ("prompt", "negative", "place", "sentence"),
    [
        ("", "", "prompt", "Please say in words what is to be made."),
        ("x" * 1025, "", "prompt", "The description has 1,025 characters; at most 1,024 are possible."),
        ("chair", "x" * 256, "negative_prompt", "has 256 characters; at most 255 are possible."),
        ("\u200b", "", "prompt", "Please say in words what is to be made."),
    ],
)
def test_words_that_are_refused_stay_and_the_refusal_is_beside_them(
    services: Services, prompt: str, negative: str, place: str, sentence: str
) -> None:
    app = page(Kind.TEXT)
    app.text_area(key="prompt").set_value(prompt).run()
    app.text_area(key="negative_prompt").set_value(negative).run()
    make(app, "Chair")

    assert app.session_state["refused"][0] == place
    assert sentence in text(app)
    assert (app.text_area(key="prompt").value, app.text_area(key="negative_prompt").value) == (prompt, negative)
    assert app.text_input(key="object").value == "Chair"


def test_characters_are_counted_as_they_are_sent(services: Services) -> None:
    app = page(Kind.TEXT)
    app.text_area(key="prompt").set_value("  große 🪑  ").run()
    assert "7 of 1,024 characters" in text(app)
    app.text_area(key="prompt").set_value("x" * 1025).run()
    assert "1,025 of 1,024 characters: please shorten it." in text(app)


def test_a_job_of_words_shows_them_where_the_picture_would_be(services: Services) -> None:
    app = page(Kind.TEXT)
    app.text_area(key="prompt").set_value("a *red* <chair> & more").run()
    app.text_area(key="negative_prompt").set_value("a base").run()
    make(app, "Chair")
    row = jobs_page().dataframe[0].value.iloc[0]
    assert row["picture"].startswith("data:image/svg+xml;utf8,")
    assert "%26lt%3Bchair%26gt%3B" in row["picture"]
    assert row["error"] == "“a *red* <chair> & more”"

    job = jobs_page(1)
    assert not job.exception
    assert ":material/notes: a *red* <chair> & more" in text(job)
    assert ":material/block: **Not** a base" in text(job)
    assert "**Made by** Moon" in text(job)
    assert "**Detail** A little" in text(job)


def test_a_job_of_views_shows_them_all(services: Services) -> None:
    app = page(Kind.MULTIVIEW)
    give(app, Slot.FRONT)
    give(app, Slot.BACK, pictures.portrait())
    make(app)
    job = jobs_page(1)
    shown = [picture.alt for element in job.get("image") for picture in element.proto.imgs]

    assert shown == ["The picture of Cup, front", "The picture of Cup, back"]
    assert "**Back** back.jpg" in text(job)


def test_what_is_not_wanted_is_asked_for_only_where_the_generator_can_be_told(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page(Kind.TEXT)
    app.text_area(key="prompt").set_value("a red chair").run()
    app.text_area(key="negative_prompt").set_value("a base").run()
    monkeypatch.setitem(OFFERS, Kind.TEXT, replace(OFFERS[Kind.TEXT], takes_negative_prompt=False))
    app.run()

    assert not app.exception
    assert [each.key for each in app.text_area] == ["prompt"]
    assert "cannot be told what a model should not have" in said(app)
    make(app, "Chair")
    words = services.jobs.get(1).request
    assert isinstance(words, TextToModel)
    assert (words.prompt, words.negative_prompt) == ("a red chair", "")


@pytest.mark.parametrize(
    ("kind", "button"),
    [(Kind.IMAGE, "Use another picture"), (Kind.MULTIVIEW, "Use other pictures"), (Kind.TEXT, "Use other words")],
)
def test_what_was_refused_is_made_anew_with_everything_else_filled_in(
    services: Services, kind: Kind, button: str
) -> None:
    app = page(kind)
    app.radio(key=f"made_by-{kind.value}").set_value("sun").run() if kind is not Kind.MULTIVIEW else None
    maker = "moon" if kind is Kind.MULTIVIEW else "sun"
    app.selectbox(key=f"{kind.value}-{maker}-detail").select("high").run()
    if kind is Kind.TEXT:
        app.text_area(key="prompt").set_value("a red chair").run()
        app.text_area(key="negative_prompt").set_value("a base").run()
    else:
        give(app, Slot.FRONT)
    if kind is Kind.MULTIVIEW:
        give(app, Slot.BACK, pictures.portrait())
    make(app, "Big cup & 犬")
    limits = replace(EVERY_SLOT, limits={maker: 10})
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=limits, limit=1)[0]
    services.jobs.fail(claimed.claim, Failure(code="2008", message="It was refused."))

    job = jobs_page(1)
    assert {each.label for each in job.button} >= {button, f"Make it again with the same {button.split()[-1]}"}
    next(each for each in job.button if each.label == button).click().run()
    assert not job.exception
    assert job.button_group(key="kind").value == kind
    assert job.text_input(key="object").value == "Big cup & 犬"
    assert job.selectbox(key=f"{kind.value}-{maker}-detail").value == "high"
    assert "those of job 1" in job.info[0].value
    if kind is Kind.TEXT:
        assert job.text_area(key="prompt").value == "a red chair"
        assert job.text_area(key="negative_prompt").value == "a base"
    if kind is not Kind.MULTIVIEW:
        assert job.radio(key=f"made_by-{kind.value}").value == "sun"
