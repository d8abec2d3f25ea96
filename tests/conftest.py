"""What the runs of the proof counted is told at the end, summed over all test processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.stores.sqlite import database
from tests.durations import function_of, listed
from tests.fake_tripo.server import Switch, running
from tests.supabase.server import SupabaseLite

COUNT = "count: "
FOLDERS = {
    "e2e": {"e2e", "slow"},
    "supabase": {"supabase"},
    "simulation": {"proof"},
    "crash": {"proof"},
    "model": {"proof"},
}
LONGEST = (  # begun first, so that no process works on one of them alone at the end
    "test_replicas.py",
    "test_crashes.py",
    "test_process.py",
    "test_many.py",
    "test_viewer.py",
    "test_browser.py",
    "test_children.py",
)
Tell = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sweep-every", type=int, default=1, metavar="N", help="take every Nth of many cases, not each")
    parser.addoption("--measure", action="store_true", help="for tests/durations.py: what it listed counts as fast")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Folders of which nothing was asked for are not imported: browsers, databases and Hypothesis take seconds."""
    marks = FOLDERS.get(collection_path.name) if collection_path.parent == Path(__file__).parent else None
    asked: str = config.option.markexpr
    return True if marks and all(f"not {mark}" in asked for mark in marks) else None


@pytest.hookimpl(tryfirst=True)  # before the tests of other marks are left out
def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    longer = frozenset() if config.getoption("measure") else listed()
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
    for item in items:
        if function_of(item.nodeid) in longer:
            item.add_marker(pytest.mark.longer)
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in FOLDERS and not FOLDERS[folder] & {mark.name for mark in item.iter_markers()}:
            raise pytest.UsageError(
                f"{item.nodeid} needs one of the marks {sorted(FOLDERS[folder])}: its folder is left out."
            )


@pytest.fixture(autouse=True, scope="session")
def synchronous() -> Iterator[str]:
    """No test pulls the plug, so none in this process waits for the disk. The value is what a server has."""
    told = database.SYNCHRONOUS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "SYNCHRONOUS", "off")
        yield told


@pytest.fixture(scope="session")
def switched_tripo() -> Iterator[tuple[Switch, str]]:
    """A server whose fake each test exchanges for its own, and its address: starting one takes long for a test."""
    switch = Switch()
    with running(switch) as address:
        yield switch, address


@pytest.fixture(scope="session")
def started_supabase() -> Iterator[SupabaseLite]:
    """One server for all tests of this process that do not break it."""
    with SupabaseLite(durable=False) as server:
        server.keep_as_made()
        yield server


@pytest.fixture(scope="module")
def new_supabase(started_supabase: SupabaseLite) -> SupabaseLite:
    """The same server for each module, as new: a project without the product's update."""
    started_supabase.make_anew()
    return started_supabase


@pytest.fixture(scope="session")
def every(pytestconfig: pytest.Config) -> int:
    """Of many cases of one kind every Nth is tried, 1 for all of them. Odd, for some cases come in pairs."""
    number: int = pytestconfig.getoption("--sweep-every")
    assert number % 2, "--sweep-every must be odd"
    return number


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """`tell(points_killed=60)` adds to the sums at the end."""

    def add(**counts: int) -> None:
        for name, number in counts.items():
            record_property(COUNT + name.replace("_", " "), number)

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    totals: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, number in getattr(report, "user_properties", ()):
                if name.startswith(COUNT) and getattr(report, "when", "") == "call":
                    totals[name.removeprefix(COUNT)] += number
    if totals:
        violations = len(terminalreporter.stats.get("failed", ()))
        terminalreporter.section("promises")
        for name, number in sorted(totals.items()):
            terminalreporter.line(f"{number:>12,}  {name}")
        terminalreporter.line(f"{violations:>12,}  violations")
