"""Rules about the files themselves, beside those of import-linter: thin pages, short modules, nothing foreign."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))
MODULES = sorted((ROOT / "core").rglob("*.py"))
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if "sqlite3.connect(" in path.read_text("utf-8")]
MOST_LINES = 350


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_import_only_the_services_core_ui_and_core_domain(page: Path) -> None:
    ours = {name for name in imported(page) if name.startswith("core")}

    assert all(name.startswith(("core.ui", "core.domain", "core.bootstrap")) for name in ours), ours
    assert not imported(page) & {"sqlite3", "httpx", "apscheduler", "starlette", "fastapi"}


def test_the_launcher_is_short_and_has_no_logic() -> None:
    source = (ROOT / "app.py").read_text(encoding="utf-8")
    tree = ast.parse(source)

    assert len(source.splitlines()) <= 60
    assert not any(isinstance(node, ast.If | ast.For | ast.While | ast.FunctionDef) for node in ast.walk(tree))
    assert re.search(r"^app = st\.App\(", source, re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_too_long_to_read(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_only_settings_reads_the_environment() -> None:
    readers = [path for path in MODULES if re.search(r"os\.environ|os\.getenv", path.read_text(encoding="utf-8"))]

    passes_on = ROOT / "core" / "vendor" / "__main__.py"  # to npm and pip, without our keys
    assert readers == [ROOT / "core" / "settings.py", passes_on]


@pytest.mark.parametrize("module", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_test_opens_in_sqlite_is_closed_at_the_end_of_a_block(module: Path) -> None:
    """`with sqlite3.connect(…)` only ends a transaction; from Python 3.13 on, one left open is a warning."""
    calls = [node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    opened = {node.lineno for node in calls if ast.unparse(node.func) == "sqlite3.connect"}
    closed = {node.lineno for node in calls if ast.unparse(node).startswith("closing(sqlite3.connect(")}

    assert opened - closed == set()


def test_the_dead_v2_api_and_registry_hosts_are_named_nowhere() -> None:
    foreign = re.compile(
        rb"(?<!open)api\.tripo3d\.(ai|com)|/v2/open" rb"api|registry\.npm|files\.pythonhosted|//pypi\."
    )
    found = [path for path in tracked() if path.suffix not in (".png", ".jpg") and foreign.search(path.read_bytes())]

    assert [path for path in found if path != Path(__file__)] == []


def test_nothing_fetched_at_install_time_is_committed() -> None:
    assert [path for path in tracked() if path.suffix in (".onnx", ".wasm") or path.name.endswith(".min.js")] == []
