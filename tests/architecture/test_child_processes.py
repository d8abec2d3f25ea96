"""Every child process that the program starts, and what it gets to see of the environment: no key, no secret."""

from __future__ import annotations

import ast
import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from core.bootstrap import Services, build_services
from core.domain.errors import MaquetteError
from core.generators.offline.generator import OfflineGenerator
from core.sandbox.models import ModelChildren
from core.settings import Settings
from core.vendor import CATALOGUE
from core.vendor import __main__ as fetching
from tests import pictures
from tests.builders import order, stored_image

CORE = Path(__file__).parents[2] / "core"
SECRETS = [name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
OTHER_WAYS = {"multiprocessing", "pty", "billiard", "loky", "joblib"}  # each hands the whole environment on
CHILDREN = {"sandbox/picture_child.py"}  # run in a process that was given what it may see, and fork that
OF_OS = ("system", "popen", "fork", "exec", "spawn", "posix_spawn", "startfile")


def starts(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Line, what starts a process, and whether it is told which environment to hand on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            named = {alias.name for alias in node.names}
            if node.module.split(".")[0] in OTHER_WAYS | {"subprocess"} or "ProcessPoolExecutor" in named:
                yield node.lineno, f"from {node.module} import …", False
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in OTHER_WAYS or (alias.name == "subprocess" and alias.asname):
                    yield node.lineno, f"import {alias.name}", False
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            owner, _, what = name.rpartition(".")
            of_os = owner == "os" and what.startswith(OF_OS)
            if owner == "subprocess" or of_os or "create_subprocess" in what or what == "ProcessPoolExecutor":
                yield node.lineno, name, "env" in {keyword.arg for keyword in node.keywords} and not of_os


FOUND = {
    str(path.relative_to(CORE)): list(starts(ast.parse(path.read_text(encoding="utf-8"))))
    for path in sorted(CORE.rglob("*.py"))
}
STARTERS = [name for name, found in FOUND.items() if found and name not in CHILDREN]


def test_a_child_only_forks_and_is_imported_by_nobody() -> None:
    for name in CHILDREN:
        assert {what for _, what, _ in FOUND[name]} == {"os.fork"}
        module = "core." + name.removesuffix(".py").replace("/", ".")
        imports = f"import {module}", f"from {module} ", f"import {module.rpartition('.')[2]}"
        sources = [path.read_text(encoding="utf-8") for path in CORE.rglob("*.py")]
        assert [source for source in sources if any(each in source for each in imports)] == []


def test_the_search_sees_every_way_to_start_a_process() -> None:
    ways = """
import multiprocessing
import subprocess as s
from subprocess import Popen
from concurrent.futures import ProcessPoolExecutor
subprocess.Popen(command)
subprocess.run(command, env=None, check=True)
os.execv(command)
os.posix_spawn(command)
asyncio.create_subprocess_exec(command)
concurrent.futures.ProcessPoolExecutor(2)
os.environ.get("x")
threading.Thread(target=f)
"""
    seen = sorted((line, is_told) for line, _, is_told in starts(ast.parse(ways)))
    assert seen == [(line, line == 7) for line in range(2, 12)]


@pytest.mark.parametrize("module", STARTERS)
def test_every_start_says_what_its_child_may_see(module: str) -> None:
    assert [(line, name) for line, name, is_told in FOUND[module] if not is_told] == []


def engine(services: Services) -> None:
    throttle = next(throttle for throttle in services.generators if throttle.name == "offline")
    made = throttle._generator
    assert isinstance(made, OfflineGenerator)
    request = order(made.upload(stored_image(), pictures.cat()))
    made.create(request, check_send_window=lambda: None)


def models(services: Services) -> None:
    made = services.inspect.sandbox
    assert isinstance(made, ModelChildren)
    made.look(b"glTF")


def sandbox(services: Services) -> None:
    services.previews.of_choice(pictures.cat())


def install(services: Services) -> None:
    fetching.fetch(CATALOGUE[0])


CASES: Mapping[str, Callable[[Services], None]] = {
    "generators/offline/worker.py": engine,
    "sandbox/models.py": models,
    "sandbox/warm_child.py": sandbox,
    "vendor/__main__.py": install,
}


def test_each_module_that_starts_a_process_has_a_case_here() -> None:
    assert sorted(CASES) == STARTERS


@pytest.mark.parametrize("module", CASES)
def test_no_key_and_no_secret_is_handed_to_a_child(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[Any] = []
    was_started = threading.Event()  # the engine starts its child in a thread

    def popen(*command: object, env: object = None, **more: object) -> NoReturn:
        handed.append(env)
        was_started.set()
        raise OSError("seen")

    for name in SECRETS:
        monkeypatch.setenv(name, "a secret" if name != "COMFYUI_HEADERS" else "Authorization: a secret")
    monkeypatch.setattr(fetching, "npm", lambda: ["npm"])
    services = build_services(Settings(data_dir=tmp_path, tripo_api_key=None, store="sqlite"))
    monkeypatch.setattr(subprocess, "Popen", popen)
    try:
        with contextlib.suppress(OSError, MaquetteError, fetching.FetchFailed):
            CASES[module](services)
        assert was_started.wait(30)
    finally:
        services.stop()

    assert all(isinstance(env, dict) and env.get("PATH") for env in handed), "the whole environment"
    assert all(all("a secret" not in text for text in env.values()) for env in handed)
