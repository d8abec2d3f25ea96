"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from core.domain.status import ALLOWED, Stage, Status, status_of
from core.generators.tripo.codes import CODES
from core.ui import labels
from core.vendor import CATALOGUE
from core.web.server import make_api

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_the_table_of_stages_is_the_one_the_code_obeys() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8").split("## Stages")[1].split("##")[0]
    rows = re.findall(r"^\| (\w+) \| ([\w, ]+) \| [^|]+ \| ([\w, ]*) ?\|$", text, re.MULTILINE)
    told = {
        Stage(stage): frozenset(Stage(each) for each in after.replace(" ", "").split(",") if each)
        for stage, _, after in rows
        if stage != "stage"
    }

    assert told == dict(ALLOWED)
    for stage, status, _ in rows:
        if stage not in ("stage", "done"):
            assert status.strip() == status_of(Stage(stage)).value
    assert next(status for stage, status, _ in rows if stage == "done") == ", ".join(
        each.value for each in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT)
    )


def test_the_diagram_of_a_jobs_life_is_the_one_the_code_obeys() -> None:
    text = (DOCS / "job-lifecycle.md").read_text(encoding="utf-8").split("```mermaid")[1].split("```")[0]
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", text, re.MULTILINE))

    assert drawn == {(before.value, after.value) for before, allowed in ALLOWED.items() for after in allowed}


def test_every_code_of_tripos_is_explained_with_the_words_people_read() -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")

    for row in CODES:
        assert f"| {row.code} | {row.http} | {row.happened} | {row.cost} | {row.next_step} |" in text


def test_the_codes_of_the_reference_are_all_known() -> None:
    told = {2, 1000, 1001, 1002, 1003, 1004, 1005, 1007, 2000, 2001, 2008, 2010, *range(2015, 2019), 2021, 2022, 4001}

    assert {row.code for row in CODES} == told  # Source: Tripo v3, error codes


def test_every_stage_is_explained_to_operators() -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")

    assert [
        name
        for name in (*labels.STAGES.values(), "Cancelled, still watched", "Cancelled, stopping")
        if f"| {name} |" not in text
    ] == []


def test_every_path_of_the_api_is_documented() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    paths = make_api().openapi()["paths"]

    assert [path for path in paths if f"/api{path}".replace("{record_id}", "{id}") not in text] == []


def test_every_third_party_file_is_listed_with_its_licence() -> None:
    text = (DOCS / "third-party.md").read_text(encoding="utf-8")

    for package in CATALOGUE:
        assert f"| {package.name} | {package.version} | {package.source.value} | {package.licence} |" in text


def test_links_between_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_shows_the_commands_that_the_makefile_has() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert {"run", "test", "check", "bench"} <= shown
    assert [name for name in shown if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
