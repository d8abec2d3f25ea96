"""Nobody asks which kind a job is: what is asked and said of one is data of its dataclass, and read from there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.domain.request import Kind
from tests.architecture.test_shape import PAGES, ROOT

CORE = ROOT / "core"
MAY = (CORE / "domain" / "kinds", CORE / "generators")
CLASSES = {kind.request.__name__ for kind in Kind.all()}
CONSTANTS = {"IMAGE", "MULTIVIEW", "TEXT", "CONVERT"}
# What has to name one, and why.
EXCEPTIONS: Mapping[str, str] = {
    "core/domain/request.py": "puts together what is known of kinds",
    "core/domain/request_codec.py": "reads and writes the columns of before there were kinds",
    "core/domain/job.py": "a row of before kinds may have no request, and a job of another file says which",
    "core/domain/declaration.py": "the choices with which anybody orders another file",
    "core/services/convert.py": "the use case of ordering another file",
    "core/services/requests.py": "the usual kind where none is named, and what to send for several sides",
    "core/web/job_bodies.py": "what a body that orders another file may have",
}


def sources() -> list[Path]:
    found = [*CORE.rglob("*.py"), *PAGES, ROOT / "app.py"]
    return [path for path in sorted(found) if not any(path.is_relative_to(each) for each in MAY)]


def named(source: str) -> Iterator[str]:
    """The kinds that a module names, other than to import them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "Kind" and node.attr in CONSTANTS:
                yield f"Kind.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in CLASSES:
            yield node.id
        elif isinstance(node, ast.Constant) and node.value in Kind.all():
            yield repr(node.value)


def test_no_room_asks_for_a_kind_by_name() -> None:
    told = {str(path.relative_to(ROOT)): sorted(set(named(path.read_text("utf-8")))) for path in sources()}
    naming = {path: kinds for path, kinds in told.items() if kinds}

    assert {path: kinds for path, kinds in naming.items() if path not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(naming), "an exception that nobody needs any more"


def test_a_name_would_be_seen() -> None:
    assert list(named("if job.kind is Kind.TEXT: pass")) == ["Kind.TEXT"]
    assert list(named("isinstance(request, TextToModel)")) == ["TextToModel"]
    assert list(named("job.kind == 'text_to_model'")) == ["'text_to_model'"]
    assert list(named("from core.domain.request import Kind, TextToModel")) == []
