"""The pages when Tripo is connected: prices before the click, the account, and what a person decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import core.bootstrap
from core.bootstrap import Services, build_services
from core.domain.claims import Claimed, Failure
from core.domain.generation import Balance, OrphanedTask, Source
from core.domain.request import Conversion
from core.domain.status import Stage, Status
from core.services.model_files import preview_key
from core.settings import Settings
from tests import pictures
from tests.builders import EVERY_SLOT, intent, new_job, stored_model
from tests.clocks import FakeClock
from tests.fake_generator import glb
from tests.picture_sandbox import PicturesHere
from tests.pictures import cat
from tests.ui.test_pages import MAIN, add, jobs_page, said


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    built = build_services(
        Settings(data_dir=tmp_path, scheduler=False, tripo_api_key="tsk_secret", _env_file=None),
        pictures=PicturesHere(),
    )
    built.jobs.beat(owner="t")
    built.jobs.accounts.note_balance(built.account_of("tripo"), Balance(available=Decimal("812.50"), held=Decimal(60)))
    monkeypatch.setattr(core.bootstrap, "_services", built)
    yield built
    built.stop()


def submitting(services: Services) -> Claimed:
    add(services)
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.mark_submitting(claimed.claim, intent(account=services.account_of("tripo")))
    return claimed


def complete(services: Services, claimed: Claimed) -> None:
    services.jobs.bind_task(claimed.claim, "task-1", poll_in_s=0)
    services.jobs.mark_saving(claimed.claim, credits_used=Decimal("28.00"))
    saving = services.jobs.claim_saving(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    services.jobs.complete(saving.claim, stored_model())


def attention(services: Services, *task_ids: str) -> int:
    claimed = submitting(services)
    services.jobs.mark_uncertain(claimed.claim, note="no answer")
    held = services.jobs.claim_uncertain(owner="s", lease_s=60, generator="tripo", limit=1)[0]
    seen = [
        OrphanedTask(
            task_id=each, account="a", source=Source.USAGE, evidence="It has the random number of our request."
        )
        for each in task_ids
    ]
    services.jobs.mark_attention(held.claim, seen, note="2 tasks at Tripo could be this job's.")
    return claimed.job.id


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def alternatives(app: AppTest) -> list[str]:
    return [picture.alt for element in app.get("image") for picture in element.proto.imgs]


def test_the_create_page_tells_the_price_of_what_is_chosen_and_what_is_left(services: Services) -> None:
    app = AppTest.from_file(MAIN, default_timeout=20).run()
    assert "About 30 credits" in said(app)
    assert "812\\.5 left" in said(app)

    app.selectbox(key="image_to_model-tripo-model").select("P1-20260311").run()
    assert "About 50 credits" in said(app)
    app.toggle(key="image_to_model-tripo-texture").set_value(False).run()
    assert "About 40 credits" in said(app)
    app.selectbox(key="image_to_model-tripo-model").select("v3.1-20260211").run()
    app.selectbox(key="image_to_model-tripo-geometry_quality").select("detailed").run()
    assert "About 40 credits" in said(app)
    assert not app.exception


def test_direction_and_size_can_be_left_to_tripo(services: Services) -> None:
    app = AppTest.from_file(MAIN, default_timeout=20).run()
    app.selectbox(key="image_to_model-tripo-orientation").select("align_image").run()
    app.toggle(key="image_to_model-tripo-auto_size").set_value(True).run()
    app.file_uploader(key=app.file_uploader[0].key).set_value(("cat.jpg", cat(), "image/jpeg")).run()
    app.text_input(key="object").set_value("Cat").run()
    app.button(key="make").click().run()

    chosen = services.jobs.get(1).choices
    assert (chosen["orientation"], chosen["auto_size"]) == ("align_image", True)


def test_more_than_is_left_is_said_before_the_click(services: Services) -> None:
    services.jobs.accounts.note_balance(services.account_of("tripo"), Balance(available=Decimal(10), held=Decimal(0)))

    assert "more than is left" in said(AppTest.from_file(MAIN, default_timeout=20).run())


def test_the_sidebar_shows_balance_and_held_credits_and_no_key(services: Services) -> None:
    app = jobs_page()

    assert [(each.label, each.value) for each in app.sidebar.metric] == [("Credits left", "812.5")]
    assert "60 more are **held**" in said(app)
    assert "tsk_secret" not in said(app)


def test_the_account_is_shown_also_where_new_jobs_go_to_another_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        data_dir=tmp_path, scheduler=False, tripo_api_key="tsk_secret", generator="offline", _env_file=None
    )
    built = build_services(settings, pictures=PicturesHere())
    built.jobs.accounts.note_balance(built.account_of("tripo"), Balance(available=Decimal(70), held=Decimal(0)))
    monkeypatch.setattr(core.bootstrap, "_services", built)
    app = AppTest.from_file(MAIN, default_timeout=20).run()
    assert [(each.label, each.value) for each in app.sidebar.metric] == [("Credits left", "70")]
    assert app.radio(key="made_by-image_to_model").options[0].startswith("Built")
    assert "You have 70 left" not in said(app)

    app.radio(key="made_by-image_to_model").set_value("tripo").run()
    assert "You have 70 left" in said(app).replace("\\", "")
    built.stop()


def test_a_job_shows_its_estimate_before_and_its_true_cost_after(services: Services) -> None:
    claimed = submitting(services)
    assert "about 30 credits, by the list of prices" in said(jobs_page(1)).replace("\\", "")

    complete(services, claimed)
    assert "**Cost** 28 credits" in said(jobs_page(1))


@pytest.mark.parametrize("came", [None, b"\x89PNG but cut short"])
def test_without_a_picture_of_tripos_own_there_is_yours_alone(services: Services, came: bytes | None) -> None:
    complete(services, submitting(services))
    if came is not None:
        services.objects.put(preview_key(services.jobs.get(1)), came, media_type="image/png")
    app = jobs_page(1)

    assert not app.exception
    assert alternatives(app) == ["The picture of Cup"]


def test_tripos_own_picture_of_the_model_is_shown_beside_yours(services: Services) -> None:
    complete(services, submitting(services))
    services.objects.put(preview_key(services.jobs.get(1)), pictures.product_on_white(), media_type="image/png")
    app = jobs_page(1)

    assert not app.exception
    assert alternatives(app) == [
        "The picture of Cup",
        "Tripo's own picture of the model of Cup",
    ]


def test_an_uncertain_job_says_that_it_is_being_checked_and_nothing_is_charged_twice(services: Services) -> None:
    services.jobs.mark_uncertain(submitting(services).claim, note="no answer")

    text = said(jobs_page(1))
    assert "We are checking whether Tripo took it" in text
    assert "Nothing will be charged twice" in text


def test_attention_shows_both_candidates_with_evidence_and_takes_one(services: Services) -> None:
    job_id = attention(services, "task-one", "task-two")
    app = jobs_page(job_id)

    radio = app.radio[0]
    assert {option.replace("\\", "") for option in radio.options} == {"task-one", "task-two"}
    assert {"Take this one", "None of these: send it again"} <= {button.label for button in app.button}
    radio.set_value("task-two").run()
    click(app, "Take this one")
    assert (services.jobs.get(job_id).stage, services.jobs.get(job_id).task_id) == (Stage.GENERATING, "task-two")


def test_attention_without_a_candidate_can_only_be_sent_again_or_cancelled(services: Services) -> None:
    job_id = attention(services)
    app = jobs_page(job_id)

    assert "Look at the usage page of your Tripo account" in said(app)
    click(app, "Nothing was made: send it again")
    assert services.jobs.get(job_id).stage is Stage.QUEUED


def test_a_job_cancelled_in_attention_asks_nobody_to_send_it_again(services: Services) -> None:
    job_id = attention(services)
    app = jobs_page(job_id)
    assert "We go on searching" in said(app)
    click(app, "Cancel this job")

    app = jobs_page(job_id)
    assert services.jobs.get(job_id).stage is Stage.ATTENTION
    assert "Cancelled, still watched" in said(app)
    assert "Your decision" not in said(app)
    assert "before a person has decided" not in said(app)


def test_a_job_cancelled_with_candidates_offers_them_to_be_kept_and_nothing_else(services: Services) -> None:
    job_id = attention(services, "task-one", "task-two")
    services.jobs.cancel(job_id, maker="Tripo")
    app = jobs_page(job_id)

    assert "Take this one" in {button.label for button in app.button}
    assert not any("send it again" in button.label for button in app.button)


def test_cancelling_says_the_truth_before_the_click(services: Services) -> None:
    services.jobs.bind_task(submitting(services).claim, "task-1", poll_in_s=60)
    app = jobs_page(1)
    assert "Tripo cannot be stopped" in said(app)

    click(app, "Cancel this job")
    assert services.jobs.get(1).status is Status.CANCELLED
    assert "Cancelled, still watched" in said(jobs_page(1))


def test_a_retry_tells_its_price_and_opens_the_new_job(services: Services) -> None:
    claimed = submitting(services)
    services.jobs.fail(claimed.claim, Failure(code="2018", message="Too complex."))
    app = jobs_page(1)
    assert "The first try cost nothing" in said(app)
    assert "about 30 credits" in said(app)

    next(button for button in app.button if button.key == "retry-1").click().run()
    assert services.jobs.get(2).retry_of == 1
    assert app.query_params["job"] in ("2", ["2"])


def test_what_only_another_that_charges_could_make_again_has_no_button_and_says_where_to_choose_it(
    services: Services,
) -> None:
    services.jobs.add(new_job(prompt="a cup", generator="comfyui", category="comfyui", credits_estimate=Decimal(0)))
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.fail(claimed.claim, Failure(code="task_failed", message="It failed."))
    app = jobs_page(1)

    assert "choose it on the create page" in said(app)
    assert not [button for button in app.button if button.key == "retry-1"]


def test_the_place_in_line_comes_with_an_honest_estimate(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Too few models were made" in said(jobs_page(add(services)))

    clock = FakeClock()
    for part in (services.jobs, services.jobs._rows):  # type: ignore[attr-defined]
        monkeypatch.setattr(part, "_clock", clock)
    services.jobs.cancel(1, maker="Tripo")
    for number in range(3):
        services.jobs.add(new_job())
        claimed = services.jobs.claim_queued(owner="t", lease_s=600, slots=EVERY_SLOT, limit=1)[0]
        services.jobs.mark_submitting(claimed.claim, intent())
        services.jobs.bind_task(claimed.claim, f"task-{number}", poll_in_s=0)
        services.jobs.mark_saving(claimed.claim, credits_used=None)
        clock.advance(240)
        saving = services.jobs.claim_saving(owner="t", lease_s=600, generator="tripo", limit=1)[0]
        services.jobs.complete(saving.claim, stored_model())
    text = said(jobs_page(add(services)))
    assert "It is the next one. Ready in about 4 minutes, judging by the last 3 models." in text


def test_tasks_of_nobody_are_listed_below_the_jobs(services: Services) -> None:
    add(services)
    services.jobs.accounts.keep_orphaned([OrphanedTask(task_id="orphan", account="a", source=Source.USAGE)])
    free = OrphanedTask(task_id="x-1", account="comfyui", source=Source.WEBHOOK)  # an older version noted such ends
    services.jobs.accounts.keep_orphaned([free])
    app = jobs_page()

    assert [each.label for each in app.expander if "belong to no job" in each.label]
    assert app.dataframe[1].value["Task"].tolist() == ["orphan"]


def test_the_account_is_read_once_for_all_who_look_at_the_jobs(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(services)
    reads: Counter[str] = Counter()

    def count(name: str) -> None:
        inner = getattr(type(services.jobs.accounts), name)

        def counted(*args: Any, **more: Any) -> Any:
            reads[name] += 1
            return inner(*args, **more)

        monkeypatch.setattr(type(services.jobs.accounts), name, counted)

    for verb in ("orphaned_tasks", "credits_since", "account_facts"):
        count(verb)
    for _ in range(4):
        assert not jobs_page().exception

    assert reads["credits_since"] == 1
    assert reads["account_facts"] == 2, "once for the sidebar's view, once for the price on the create page"
    assert reads["orphaned_tasks"] == 2, "once for the sidebar's view, once for the list"


def model_of_tripo(services: Services) -> int:
    """A finished model, with its file."""
    claimed = submitting(services)
    services.jobs.bind_task(claimed.claim, "task-1", poll_in_s=0)
    services.jobs.mark_saving(claimed.claim, credits_used=Decimal(30))
    saving = services.jobs.claim_saving(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    services.objects.put("models/1/cup.glb", glb(), media_type="model/gltf-binary")
    services.jobs.complete(saving.claim, stored_model(key="models/1/cup.glb"))
    return claimed.job.id


def test_an_fbx_is_ordered_on_the_models_page_with_its_price_on_the_button(services: Services) -> None:
    number = model_of_tripo(services)
    app = jobs_page(number)
    assert [button.label for button in app.button if button.label.startswith("Order")] == [
        "Order for about 5 credits",
        "Order for about 10 credits",
    ]

    next(each for each in app.number_input if each.key == f"quad-faces-{number}").set_value(5000).run()
    click(app, "Order for about 10 credits")
    (ordered,) = services.jobs.conversions(number)
    assert ordered.conversion == Conversion(task_id="task-1", quad=True, face_limit=5000)
    offered = [button.label for button in jobs_page(number).button if button.label.startswith("Order")]
    assert offered == ["Order for about 5 credits", "Order for about 10 credits"]  # of any number of faces
    next(each for each in app.number_input if each.key == f"quad-faces-{number}").set_value(5000).run()
    offered = [button.label for button in app.button if button.label.startswith("Order")]
    assert offered == ["Order for about 5 credits"]  # this one was ordered
    text = said(jobs_page(number))
    assert "FBX with four\\-sided faces, at most 5,000" in text
    assert "about 10 credits" in text
    assert not app.exception


def test_the_page_of_a_conversion_says_what_it_is_while_it_runs_and_when_it_is_done(services: Services) -> None:
    number = model_of_tripo(services)
    ordered = services.convert.order(number).job
    app = jobs_page(ordered.id)
    assert [each.value for each in app.title] == ["Cup \\(FBX\\)"]
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.mark_submitting(claimed.claim, intent(account=services.account_of("tripo")))
    assert "The order is on its way" in said(jobs_page(ordered.id))
    services.jobs.bind_task(claimed.claim, "task-2", poll_in_s=0)
    assert "Tripo makes the file" in said(jobs_page(ordered.id))
    services.jobs.mark_saving(claimed.claim, credits_used=Decimal(5))
    saving = services.jobs.claim_saving(owner="t", lease_s=60, generator="tripo", limit=1)[0]
    model = stored_model(key="models/2/cup.fbx", kind="fbx", face_count=None, vertex_count=None)
    services.jobs.complete(saving.claim, model)

    text = said(jobs_page(ordered.id))
    assert "It cannot be shown in the page" in text
    assert "5 credits" in text
    assert not jobs_page(ordered.id).exception
    assert not jobs_page(number).exception


def test_an_order_that_is_refused_says_why_and_queues_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = model_of_tripo(services)
    app = jobs_page(number)
    monkeypatch.setattr(
        core.bootstrap,
        "_services",
        replace(services, convert=replace(services.convert, max_credits_per_day=Decimal(31))),
    )
    click(app, "Order for about 10 credits")

    assert "Nothing was sent or charged" in said(app)
    assert services.jobs.conversions(number) == []


def test_after_a_refusal_of_the_picture_another_picture_comes_first_and_the_paid_repeat_second(
    services: Services,
) -> None:
    choices = {"model": "v3.1-20260211", "face_limit": 5000, "texture_quality": "detailed", "auto_size": True}
    job_id = services.jobs.add(new_job(target_object="Big dog & 犬", choices=choices)).job.id
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.fail(claimed.claim, Failure(code="2008", message="Tripo refused the picture."))
    app = jobs_page(job_id)

    labels = [button.label for button in app.button]
    assert labels.index("Use another picture") < labels.index("Make it again with the same picture")
    kinds = {button.label: button.proto.type for button in app.button}
    assert (kinds["Use another picture"], kinds["Make it again with the same picture"]) == ("primary", "secondary")
    assert "the same picture will most likely be refused again" in said(app)

    click(app, "Use another picture")
    assert not app.exception
    assert app.title[0].value == "Turn a picture into a 3D model"
    assert app.text_input(key="object").value == "Big dog & 犬"
    assert app.number_input(key="image_to_model-tripo-face_limit").value == 5000
    assert app.selectbox(key="image_to_model-tripo-texture_quality").value == "detailed"
    assert app.toggle(key="image_to_model-tripo-auto_size").value is True
    assert f"those of job {job_id}" in app.info[0].value


def test_after_another_failure_the_same_picture_may_do(services: Services) -> None:
    job_id = services.jobs.add(new_job()).job.id
    claimed = services.jobs.claim_queued(owner="t", lease_s=60, slots=EVERY_SLOT, limit=1)[0]
    services.jobs.fail(claimed.claim, Failure(code="1003", message="Tripo could not read our request."))
    labels = [button.label for button in jobs_page(job_id).button]

    assert "Use another picture" not in labels
    assert "Make it again" in labels
