"""Nobody names a generator: what is known of one is asked of its declaration, and everything else is in its folder."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from core.connected import known
from tests.architecture.test_shape import PAGES, ROOT, imported

CORE = ROOT / "core"
FOLDERS = tuple(sorted(path.parent for path in (CORE / "generators").glob("*/connect.py")))
# Where settings become generators.
MAY = (*FOLDERS, CORE / "settings.py", CORE / "connected.py", CORE / "bootstrap.py")
# What has to name one, and why.
EXCEPTIONS: Mapping[str, str] = {
    "core/vendor/__main__.py": "names the settings that package clients must not see, at a time when none are read yet",
    "core/stores/sqlite/migrations/002_tables.sql": "a table of an earlier version, as it was",
    "core/stores/sqlite/migrations/003_kinds.sql": "rows of an earlier version, brought forward",
}
SOURCES = [ROOT / "app.py", *PAGES] + [
    path
    for path in sorted(CORE.rglob("*"))
    if path.suffix in (".py", ".sql", ".js", ".html", ".css")
    and not any(path.is_relative_to(each) for each in (*MAY, CORE / "vendor" / "files"))
]


@cache
def names() -> re.Pattern[str]:
    """Of every generator: its name, and what people read before any bracket."""
    told = [text for each in known() for text in (each.name, each.label.partition(" (")[0])]
    return re.compile("|".join(map(re.escape, told)), re.IGNORECASE)


def words(source: str) -> Iterator[tuple[int, str]]:
    """Every name and every text in code, with its line; comments and docstrings may name what they are about."""
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value
        for field in ("id", "attr", "name", "asname", "arg", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield getattr(node, "lineno", 0), value


def named_in(path: Path) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    found = words(text) if path.suffix == ".py" else enumerate(text.splitlines(), 1)
    return [(line, each) for line, each in found if names().search(each)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_generator_is_named_outside_its_folder_and_the_settings(path: Path) -> None:
    found = named_in(path)

    if str(path.relative_to(ROOT)) in EXCEPTIONS:
        assert found, "an exception that is none any more"
    else:
        assert found == []


def test_every_folder_is_known_and_every_way_to_name_one_is_seen() -> None:
    assert {path.name for path in FOLDERS} == {each.name for each in known()}
    ways = """
import core.generators.tripo
from core.generators.offline import x
from core import y as comfyui
def ask_tripo(offline): return offline
class TripoThing: pass
z.tripo_key
f(tripo=1)
said = "GENERATOR is Tripo"
f"the {'built-in engine'}"
f("ComfyUI")
"""
    seen = {line for line, each in words(ways) if names().search(each)}
    assert seen == set(range(2, 12))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_only_the_way_it_is_connected_reads_settings(folder: Path) -> None:
    readers = [path.name for path in sorted(folder.glob("*.py")) if "core.settings" in imported(path)]

    assert readers == ["connect.py"]


def test_what_people_read_in_the_api_names_no_generator_but_as_a_choice() -> None:
    """Docstrings of the doors are its description."""
    texts = [path for path in sorted((CORE / "web").glob("*_api.py")) if names().search(path.read_text("utf-8"))]

    assert texts == []


def test_the_import_rules_hold_for_every_folder_of_generators_and_of_stores() -> None:
    """`lint-imports` checks the rules themselves."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    independent = {name for rule in rules if rule["type"] == "independence" for name in rule["modules"]}
    stores = {f"core.stores.{path.parent.name}" for path in (CORE / "stores").glob("*/__init__.py")}

    assert {"core.generators.*", *stores} <= independent
