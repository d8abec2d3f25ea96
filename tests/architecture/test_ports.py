"""Ports are interfaces and plain values: what they promise is written there, what is done about it is elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PORTS = sorted((Path(__file__).parents[2] / "core" / "ports").glob("*.py"))
MAKES_A_VALUE = {"MappingProxyType", "frozenset", "timedelta", "Decimal"}


def logic(source: str) -> list[str]:
    """Where a module does something.

    A method of a Protocol, and any function, has no more than a docstring and `...`. A frozen dataclass may answer a
    question about itself: a method of one `return` without a condition, a loop or a lambda. What a module or a class
    is given has no logic either: literals, other names, and calls that make one of its own values.
    """
    tree = ast.parse(source)
    values = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _is_frozen(node)]
    answers = {id(node) for value in values for node in value.body if _is_answer(node)}
    makers = MAKES_A_VALUE | {value.name for value in values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if id(node) not in answers and not _is_interface(node):
                found.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            if _is_computed(node.value, makers):
                found.append(ast.unparse(node).splitlines()[0])
        elif isinstance(node, ast.If | ast.For | ast.While | ast.Try | ast.With):
            found.append(ast.unparse(node).splitlines()[0])
    return found


def _is_frozen(node: ast.ClassDef) -> bool:
    return any(ast.unparse(each).startswith("dataclass(frozen=True") for each in node.decorator_list)


def _is_answer(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    body = _without_docstring(node)
    busy = (ast.IfExp, ast.Lambda, ast.comprehension)
    return len(body) == 1 and isinstance(body[0], ast.Return) and not _has(body[0], *busy)


def _is_interface(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return all(isinstance(each, ast.Expr) and ast.unparse(each) == "..." for each in _without_docstring(node))


def _without_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return node.body[1:] if ast.get_docstring(node) is not None else node.body


def _is_computed(value: ast.expr, makers: set[str]) -> bool:
    calls = {ast.unparse(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    return bool(calls - makers) or _has(value, ast.IfExp, ast.Lambda, ast.comprehension)


def _has(node: ast.AST, *kinds: type[ast.AST]) -> bool:
    return any(isinstance(each, kinds) for each in ast.walk(node))


@pytest.mark.parametrize("port", PORTS, ids=lambda path: path.name)
def test_a_port_has_no_logic(port: Path) -> None:
    assert logic(port.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def plain(row):\n    return row", ["plain"]),
        ("class Store(Protocol):\n    def get(self): return 1", ["get"]),
        ("class Store(Protocol):\n    def get(self):\n        '''One.'''\n        ...", []),
        ("class Store(Protocol):\n    async def get(self): ...", []),
        ("@dataclass(frozen=True)\nclass Note:\n    def home(self):\n        return Home(id=self.id)", []),
        ("@dataclass\nclass Note:\n    def home(self):\n        return Home(id=self.id)", ["home"]),
        ("@dataclass(frozen=True)\nclass Note:\n    def all(self):\n        return [a for a in self.b]", ["all"]),
        ("@dataclass(frozen=True)\nclass Note:\n    def of(self):\n        self.a = 1\n        return 2", ["of"]),
        ("@dataclass(frozen=True)\nclass Row: ...\nROWS = (Row(key='id'), Row(key='a'))", []),
        ("NAMES = tuple(n.strip() for n in 'a b'.split())", ["NAMES = tuple((n.strip() for n in 'a b'.split()))"]),
        ("sort = lambda row: row", ["sort = lambda row: row"]),
        ("if True:\n    A = 1", ["if True:"]),
    ],
)
def test_logic_in_a_port_would_be_seen(source: str, found: list[str]) -> None:
    assert logic(source) == found
