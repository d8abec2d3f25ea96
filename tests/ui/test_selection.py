"""Ticked rows of the jobs table: what is exported is what was selected, however the rows move."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.bootstrap import Services
from core.ui import selection
from tests.ui.test_models import finished
from tests.ui.test_pages import add, jobs_page, said, services

__all__ = ["services"]
TABLE = "table-|[]|0"


def tick(app: AppTest, *numbers: int) -> AppTest:
    app.session_state["selection"] = frozenset(numbers)
    return app.run()


def ticked_rows(app: AppTest) -> list[str]:
    rows = app.session_state[TABLE]["selection"]["rows"]
    return [str(app.dataframe[0].value["open"].iloc[row]) for row in rows]


def exported(app: AppTest) -> str:
    return next(each.value for each in app.text_input if each.label == "Jobs")


def test_nothing_ticked_offers_the_finished_ones_of_the_page(services: Services) -> None:
    finished(services)
    add(services)
    app = jobs_page()

    assert not app.exception
    assert exported(app) == "1"
    assert "selected" not in said(app)


def test_ticked_jobs_are_counted_and_exported_and_no_others(services: Services) -> None:
    for _ in range(3):
        finished(services)
    app = tick(jobs_page(), 1, 3)

    assert "**2 jobs selected**" in said(app)
    assert exported(app) == "1,3"
    assert ticked_rows(app) == ["Open 3", "Open 1"]


def test_a_new_job_on_top_moves_the_ticks_with_their_jobs(services: Services) -> None:
    for _ in range(3):
        finished(services)
    app = tick(jobs_page(), 1, 3)
    finished(services)
    app.run()

    assert ticked_rows(app) == ["Open 3", "Open 1"]
    assert exported(app) == "1,3"


def test_ticks_stay_while_a_filter_hides_them_and_another_page_is_visited(services: Services) -> None:
    finished(services)
    app = tick(jobs_page(), 1)
    app.text_input(key="search").set_value("nothing is called this").run()
    assert "**1 job selected**" in said(app)
    app.text_input(key="search").set_value("").run()
    app.switch_page("create.py").run()
    app.switch_page("jobs.py").run()

    assert ticked_rows(app) == ["Open 1"]


def test_a_ticked_job_without_a_model_is_named(services: Services) -> None:
    finished(services)
    add(services)

    assert "Without a model until now: 2" in said(tick(jobs_page(), 1, 2))


def test_the_selection_is_cleared_with_one_button(services: Services) -> None:
    finished(services)
    finished(services)
    app = tick(jobs_page(), 1)
    app.button(key="clear").click().run()

    assert ticked_rows(app) == []
    assert "selected" not in said(app)
    assert exported(app) == "1-2"


def test_one_ticked_job_is_opened_by_a_button_that_keys_reach(services: Services) -> None:
    add(services, "First")
    add(services, "Second")
    app = tick(jobs_page(), 1)
    app.button(key="open").click().run()

    assert app.query_params["job"] == "1"
    assert app.title[0].value == "First"


class Memory(dict[str, object]):
    """As much of a session's state as is needed."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


@pytest.mark.parametrize(("shown", "ticks"), [([7, 6, 5], {7, 5}), ([8, 7, 6, 5], {7, 5})])
def test_a_tick_on_its_way_while_a_new_job_came_is_that_of_the_row_that_was_seen(
    monkeypatch: pytest.MonkeyPatch, shown: list[int], ticks: set[int]
) -> None:
    memory = Memory(selection=frozenset({7}))
    monkeypatch.setattr(selection, "memory", memory)
    selection.show("table", [7, 6, 5])
    selection.show("table", shown)
    memory["table"] = {"selection": {"rows": [0, 2]}}  # the first was selected, and now the third
    selection.take("table")

    assert selection.numbers() == ticks
