"""Classes of ours stand side by side and hold what they need: nobody walks up a line of them to find a method."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What these say lies in what they are, not in methods: a line of them lists what is caught, asked for or answered.
SAYINGS = {
    "errors": {"Exception", "BaseException"},
    "interfaces": {"Protocol"},
    "bodies of answers and requests": {"BaseModel"},
}
LINES: Mapping[str, str] = {}  # a class of core that may inherit from one that inherits → why


def sources() -> dict[str, str]:
    modules = (ROOT / "core").rglob("*.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text("utf-8") for path in modules}


def parents_of(modules: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By full name, each class and the names of what it inherits from: full ones where that is a class of ours."""
    trees = {name: ast.parse(source) for name, source in modules.items()}
    classes = {name: dict(_classes(tree)) for name, tree in trees.items()}
    ours = {f"{module}.{name}" for module, found in classes.items() for name in found}
    found = {}
    for module, tree in trees.items():
        known = {name: f"{module}.{name}" for name in classes[module]} | _imported(tree)
        for name, node in classes[module].items():
            found[f"{module}.{name}"] = tuple(_full(base, known, ours) for base in node.bases)
    return found


def _classes(tree: ast.Module) -> Iterator[tuple[str, ast.ClassDef]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node


def _imported(tree: ast.Module) -> dict[str, str]:
    """Names that a module takes from others, and the modules that it knows by a name."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.asname or each.name: each.name for each in node.names}
    return found


def _full(base: ast.expr, known: Mapping[str, str], ours: set[str]) -> str:
    name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
    first, _, rest = name.partition(".")
    full = known.get(first, first) + (f".{rest}" if rest else "")
    return full if full in ours else name.split(".")[-1]


def long_lines(modules: Mapping[str, str]) -> set[str]:
    """Classes that inherit from a class of ours which itself inherits from one of ours, and are no mere sayings."""
    parents = parents_of(modules)

    def above(name: str) -> set[str]:
        return {name}.union(*(above(each) for each in parents.get(name, ())))

    says = set().union(*SAYINGS.values())
    lines = {
        name
        for name, bases in parents.items()
        if any(each in parents for base in bases for each in parents.get(base, ()))
    }
    return {name for name in lines if not above(name) & says}


def test_no_class_of_ours_stands_at_the_end_of_a_line_of_classes() -> None:
    assert long_lines(sources()) == LINES.keys()


def test_the_stores_of_jobs_are_one_class_each_over_the_verbs_that_they_share() -> None:
    parents = parents_of(sources())

    for store in ("core.stores.sqlite.job_store.SqliteJobStore", "core.stores.supabase.job_store.SupabaseJobStore"):
        assert parents[store] == ("core.stores.single_job.SingleJobVerbs",)
        assert [name for name, bases in parents.items() if store in bases] == []
    assert parents["core.stores.single_job.SingleJobVerbs"] == ()


def test_a_line_of_classes_would_be_seen() -> None:
    reader = "class Reader: ...\nclass Writer(Reader): ...\n"
    over_modules = {
        "core.a": reader,
        "core.b": "from core.a import Writer as Base\nclass Books(Base): ...",
        "core.c": "import core.b as books\nclass Store(books.Books[int]): ...",
    }

    assert long_lines({"core.a": reader}) == set()
    assert long_lines(over_modules) == {"core.b.Books", "core.c.Store"}
    assert long_lines({"core.a": "from core.b import Reader\nclass Writer(Reader): ...", "core.b": ""}) == set()


def test_errors_interfaces_and_bodies_may_be_lines() -> None:
    for first in ("Exception", "Protocol", "pydantic.BaseModel"):
        source = f"class A({first}): ...\nclass B(A): ...\nclass C(B): ..."
        assert long_lines({"core.a": source}) == set(), first
    assert long_lines({"core.a": "class A(dict): ...\nclass B(A): ...\nclass C(B): ..."}) == {"core.a.C"}
