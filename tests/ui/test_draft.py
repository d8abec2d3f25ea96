"""What was chosen on the create page is there until it is submitted or taken back."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.bootstrap import Services
from core.domain.errors import SandboxFailed
from core.domain.request import Kind, Slot
from core.ports.job_store import JobQuery
from core.services.drafts import ChosenPicture
from tests import pictures
from tests.ui.test_pages import MAIN, said, services

__all__ = ["services"]


def chosen(name: str, *sides: Slot, number: str, services: Services) -> str:
    for side in sides:
        data = pictures.cat() if side is Slot.FRONT else pictures.portrait()
        services.drafts.keep(number, side, ChosenPicture(name=f"{side}-{name}", data=data))
    return number


def create_page(number: str | None = None, *, kind: Kind | None = None) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=20)
    if kind is not None:
        app.query_params["kind"] = kind.value
    if number is not None:
        app.query_params["draft"] = number
    return app.run()


def text(app: AppTest) -> str:
    return said(app).replace("\\", "")


def test_a_chosen_picture_is_kept_under_a_number_in_the_address(services: Services) -> None:
    app = create_page()
    app.file_uploader[0].set_value(("cat.jpg", pictures.cat(), "image/jpeg")).run()
    number = app.query_params["draft"]
    kept = services.drafts.find(number, Slot.FRONT)

    assert not app.exception
    assert kept == ChosenPicture(name="cat.jpg", data=pictures.cat())


def test_a_new_session_with_that_address_has_both_pictures(services: Services) -> None:
    number = chosen("cat.jpg", Slot.FRONT, Slot.BACK, number=services.drafts.new(), services=services)
    app = create_page(number, kind=Kind.MULTIVIEW)

    assert not app.exception
    assert "Still here: front-cat.jpg" in text(app)
    assert "Still here: back-cat.jpg" in text(app)
    assert app.session_state["preview-front"]
    assert app.session_state["preview-back"]


def test_a_picture_that_cannot_be_shown_now_can_be_sent_all_the_same(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> bytes:
        raise SandboxFailed("Many pictures are being worked on at this moment. Try again in a minute.")

    monkeypatch.setattr(services.previews.sandbox, "preview", busy)
    app = create_page()
    app.file_uploader[0].set_value(("cat.jpg", pictures.cat(), "image/jpeg")).run()

    assert not app.exception
    assert "Try again in a minute. The picture is kept" in text(app)
    app.text_input[0].set_value("Cat").run()
    app.button(key="make").click().run()
    assert [job.target_object for job in services.jobs.find(JobQuery()).jobs] == ["Cat"]


def test_a_visit_to_another_page_loses_neither_picture(services: Services) -> None:
    app = create_page(kind=Kind.MULTIVIEW)
    for place, name in ((0, "front.jpg"), (2, "back.jpg")):
        app.file_uploader[place].set_value((name, pictures.cat(), "image/jpeg")).run()
    app.switch_page("jobs.py").run()
    app.switch_page("create.py").run()

    assert not app.exception
    assert "Still here: front.jpg" in text(app)
    assert "Still here: back.jpg" in text(app)


def test_a_kept_picture_is_submitted_and_then_forgotten(services: Services) -> None:
    number = chosen("cat.jpg", Slot.FRONT, Slot.BACK, number=services.drafts.new(), services=services)
    app = create_page(number, kind=Kind.MULTIVIEW)
    app.text_input(key="object").set_value("Cat").run()
    app.button(key="make").click().run()

    job = services.overview.job(1)
    assert not app.exception
    assert job.image is not None
    assert job.image.name == "front-cat.jpg"
    assert "draft" not in app.query_params
    assert services.drafts.find(number, Slot.FRONT) is None
    assert services.drafts.find(number, Slot.BACK) is None
    assert "Still here" not in text(app)


def test_a_picture_that_is_taken_back_is_forgotten_alone(services: Services) -> None:
    number = chosen("cat.jpg", Slot.FRONT, Slot.BACK, number=services.drafts.new(), services=services)
    app = create_page(number, kind=Kind.MULTIVIEW)
    app.button(key="drop-back").click().run()

    assert "back-cat.jpg" not in text(app)
    assert services.drafts.find(number, Slot.BACK) is None
    assert services.drafts.find(number, Slot.FRONT) is not None
    app.button(key="drop-front").click().run()
    assert "draft" not in app.query_params


def test_a_refusal_keeps_what_was_chosen(services: Services) -> None:
    app = create_page(chosen("cat.jpg", Slot.FRONT, number=services.drafts.new(), services=services))
    app.button(key="make").click().run()

    assert "Please name the object" in text(app)
    assert "Still here: front-cat.jpg" in text(app)


def test_a_file_that_is_no_picture_is_refused_at_once_and_not_kept(services: Services) -> None:
    app = create_page()
    app.file_uploader[0].set_value(("a.png", b"<html>hello</html>", "image/png")).run()

    assert "This is a web page" in text(app)
    assert services.drafts.find(app.query_params["draft"], Slot.FRONT) is None


def test_an_unknown_draft_begins_a_new_one(services: Services) -> None:
    for number in ("0" * 32, "../../secret"):
        app = create_page(number)

        assert not app.exception
        assert "Still here" not in text(app)
        assert "draft" not in app.query_params


def test_two_tabs_with_one_draft_can_both_be_submitted(services: Services) -> None:
    number = chosen("cat.jpg", Slot.FRONT, number=services.drafts.new(), services=services)
    first, second = create_page(number), create_page(number)
    first.text_input(key="object").set_value("Cat").run()
    first.button(key="make").click().run()
    second.text_input(key="object").set_value("Tiger").run()
    second.button(key="make").click().run()

    assert services.jobs.find(JobQuery()).total == 1
    assert "was made of this draft already" in text(second)
    assert "Still here: front-cat.jpg" in text(second)

    second.button(key="make").click().run()
    assert not second.exception
    assert [job.target_object for job in services.jobs.find(JobQuery()).jobs] == ["Tiger", "Cat"]


def test_the_name_is_kept_beside_the_picture_for_an_address_that_lost_it(services: Services) -> None:
    app = create_page()
    app.file_uploader[0].set_value(("cat.jpg", pictures.cat(), "image/jpeg")).run()
    app.text_input(key="object").set_value("Großer Hund").run()
    number = app.query_params["draft"][0] if isinstance(app.query_params["draft"], list) else app.query_params["draft"]

    again = create_page(number)
    assert again.text_input(key="object").value == "Großer Hund"
    again.button(key="make").click().run()
    assert services.overview.job(1).target_object == "Großer Hund"
    assert services.drafts.entries(number) == {}
    assert not again.exception
