"""The pages without a browser: what they say in each state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import core.bootstrap
from core.bootstrap import Services, build_services
from core.domain.claims import Failure
from core.domain.errors import StoreDamaged, StoreUnavailable
from core.domain.request import Slot
from core.domain.status import Stage
from core.ports.disk import DiskState
from core.services.read_cache import ReadCache
from core.services.requests import Sent, SubmitRequest
from core.settings import Settings
from core.system_clock import SystemClock
from core.ui import labels
from tests import pictures
from tests.builders import EVERY_SLOT, intent, new_job
from tests.damage import WAYS
from tests.picture_sandbox import PicturesHere

MAIN = str(Path(__file__).parents[2] / "pages" / "main.py")


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    built = build_services(Settings(data_dir=tmp_path, scheduler=False, _env_file=None), pictures=PicturesHere())
    built.jobs.beat(owner="t")
    monkeypatch.setattr(core.bootstrap, "_services", built)
    yield built
    built.stop()


def add(services: Services, name: str = "Cup") -> int:
    request = SubmitRequest(
        pictures={Slot.FRONT: Sent(data=pictures.cat(), name="cat.jpg")}, target_object=name, session_id="t"
    )
    return services.submit.submit(request).job.id


def jobs_page(job: int | str | None = None) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=20)
    if job is not None:
        app.query_params["job"] = str(job)
    app.run()
    return app.switch_page("jobs.py").run()


def said(app: AppTest) -> str:
    kinds = (app.title, app.markdown, app.caption, app.error, app.warning, app.success, app.text)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_the_create_page_says_who_makes_the_model_and_what_is_guessed(services: Services) -> None:
    app = AppTest.from_file(MAIN, default_timeout=20).run()

    assert not app.exception
    text = said(app).replace("\\", "")
    assert "Made by **Built-in engine (offline)**: free of charge" in text
    assert "its depth and its back are guessed" in text
    assert "Nothing leaves this machine" in text


def test_without_any_job_the_table_invites_to_make_one(services: Services) -> None:
    app = jobs_page()

    assert not app.exception
    assert "No jobs yet" in said(app)


def test_the_table_shows_jobs_newest_first_with_their_state_in_words(services: Services) -> None:
    add(services, "First")
    add(services, "Second")
    app = jobs_page()

    table = app.dataframe[0].value
    assert list(table["object"]) == ["Second", "First"]
    (filter_,) = [each for each in app.button_group if each.label == "Status"]
    assert next(option.content for option in filter_.proto.options) == "Running"
    assert list(table["state"]) == ["Waiting", "Waiting"]
    assert "2 jobs, 2 under way" in said(app)


def test_a_waiting_job_tells_its_place(services: Services) -> None:
    add(services)
    app = jobs_page(add(services, "Second"))

    assert "Second" in app.title[0].value
    assert "1 job before this one" in said(app)


def test_a_failed_job_says_why_and_offers_another(services: Services) -> None:
    job_id = add(services)
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.fail(claimed.claim, Failure(code="2008", message="The picture was refused. Nothing was charged."))
    app = jobs_page(job_id)

    assert "The picture was refused" in app.error[0].value
    assert not app.exception


def test_an_uncertain_job_of_the_built_in_engine_says_that_it_is_started_again_and_costs_nothing(
    services: Services,
) -> None:
    job_id = add(services)
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.mark_submitting(claimed.claim, intent())
    services.jobs.mark_uncertain(claimed.claim, note="no answer")

    text = said(jobs_page(job_id))
    assert "It is started again by itself, and it costs nothing" in text
    assert "Tripo" not in text


def test_cancelling_a_job_of_the_built_in_engine_says_that_it_stops_and_costs_nothing(services: Services) -> None:
    job_id = add(services)
    assert "It has not begun: the job ends at once and costs nothing." in said(jobs_page(job_id))
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.mark_submitting(claimed.claim, intent())
    services.jobs.bind_task(claimed.claim, "offline-1", poll_in_s=60)
    app = jobs_page(job_id)
    assert "The work on it stops at once, and it costs nothing." in said(app)

    app.button(key=f"cancel-{job_id}").click().run()
    text = said(app)
    assert "The work on it stops, and it costs nothing" in text
    assert "the work goes on without it" not in text
    assert "Tripo" not in text
    assert "charge" not in text


def test_when_the_job_table_is_away_the_page_says_so_without_a_trace(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **more: object) -> None:
        raise StoreUnavailable("The job table cannot be used now.")

    for verb in ("find", "last_beat", "get"):
        monkeypatch.setattr(type(services.jobs), verb, away)
    for app in (jobs_page(), jobs_page(1)):
        assert not app.exception
        assert "nothing is lost or made twice" in app.error[0].value


def test_the_last_known_list_stays_while_the_job_table_is_away_and_says_how_old_it_is(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **more: object) -> None:
        raise StoreUnavailable("The job table cannot be used now.")

    seen = ReadCache(lambda: services.jobs.last_change(), SystemClock(), most_s=300.0)
    monkeypatch.setattr(core.bootstrap, "_services", replace(services, overview=replace(services.overview, cache=seen)))
    add(services, "Teapot")
    app = jobs_page()
    assert [frame.value["object"].tolist() for frame in app.dataframe] == [["Teapot"]]

    for verb in ("find", "last_beat", "get", "last_change", "now"):
        monkeypatch.setattr(type(services.jobs), verb, away)
    app.run()
    assert not app.exception
    assert [frame.value["object"].tolist() for frame in app.dataframe] == [["Teapot"]]
    assert "This page tries again by itself" in app.error[0].value
    assert any(" UTC" in each.value and "The list as of" in each.value for each in app.caption)

    app.text_input(key="search").set_value("never asked for").run()
    assert not app.exception
    assert list(app.dataframe) == [], "what was not shown before is not made up"


def test_every_page_says_that_the_job_table_is_damaged_and_what_that_means(services: Services, tmp_path: Path) -> None:
    number = add(services)
    WAYS["no_database"](tmp_path / "maquette.sqlite3")
    with pytest.raises(StoreDamaged):
        services.jobs.check()

    create = AppTest.from_file(MAIN, default_timeout=20).run()
    for app in (create, jobs_page(), jobs_page(number)):
        assert not app.exception
        assert "damaged" in app.error[0].value
        assert "nothing new is charged" in app.error[0].value
        assert "tries again by itself" not in said(app)


def test_a_scheduler_that_is_gone_is_named(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    add(services)
    monkeypatch.setattr(type(services.jobs), "last_beat", lambda self: None)

    assert "no job moves on" in said(jobs_page())


def test_a_disk_that_takes_nothing_is_named(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    add(services)
    full = DiskState(problem="The disk of DATA_DIR has 3 MB left.")
    health = replace(services.health, disk=lambda: full)
    monkeypatch.setattr(core.bootstrap, "_services", replace(services, health=health))

    assert "3 MB left" in said(jobs_page())


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "**x**", ":smile:", "$a$", "[x](http://y)", "`x`", "# x", "a_b_c", "1. x"]
)
def test_names_are_shown_as_they_were_typed(services: Services, name: str) -> None:
    title = jobs_page(add(services, name)).title[0].value

    assert title.replace("\\", "").replace(labels.JOINER, "") == name
    assert all(title[place - 1] == "\\" for place, sign in enumerate(title) if sign in "*_<>[]`$:")


ABSENT = {
    "comfyui": "ComfyUI is not connected at the moment, so nobody here works on this job. Once the operator sets "
    "COMFYUI_URL and starts the server again, it goes on by itself.",
    "tripo": "Tripo is not connected at the moment, so nobody here works on this job. Meanwhile nothing more is "
    "sent to it. Once the operator sets TRIPO_API_KEY and starts the server again, it goes on by itself.",
    "gone": "No generator 'gone' is known here any more, so nobody here works on this job.",
}


@pytest.mark.parametrize("generator", ABSENT)
@pytest.mark.parametrize("stage", [Stage.QUEUED, Stage.GENERATING])
def test_an_open_job_whose_generator_is_not_connected_any_more_is_not_shown_as_if_it_were_worked_on(
    services: Services, generator: str, stage: Stage
) -> None:
    job_id = services.jobs.add(new_job(generator=generator)).job.id
    if stage is Stage.GENERATING:
        claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
        services.jobs.mark_submitting(claimed.claim, intent())
        services.jobs.bind_task(claimed.claim, "task-1", poll_in_s=2)
    text = said(jobs_page(job_id)).replace("\\", "")
    assert ABSENT[generator] in text
    assert "the work goes on without it" not in text
    assert "It is the next one" not in text
    assert list(jobs_page().dataframe[0].value["error"]) == [ABSENT[generator]]


def test_a_job_that_has_ended_says_nothing_of_a_generator_that_is_not_connected_any_more(services: Services) -> None:
    job_id = services.jobs.add(new_job(generator="comfyui")).job.id
    services.jobs.cancel(job_id, maker="ComfyUI")

    assert "not connected" not in said(jobs_page(job_id))
    assert "not connected" not in jobs_page().dataframe[0].value["error"][0]


def test_a_job_that_another_program_has_under_way_is_shown_as_that_and_cannot_be_made_again(
    services: Services, tmp_path: Path
) -> None:
    job_id = add(services)
    with closing(sqlite3.connect(tmp_path / "maquette.sqlite3")) as theirs, theirs:
        theirs.execute("update generated_images set stage = 'done', finished_at = updated_at")
    app = jobs_page(job_id)

    text = said(app)
    assert "Made elsewhere" in text
    assert "Nothing is done with it here" in text
    assert "charged" not in text
    assert {button.key for button in app.button} & {f"retry-{job_id}", f"cancel-{job_id}"} == set()
    assert not app.exception
