"""The walk of a picture, as docs/architecture.md tells it, against one real submission on the built-in engine."""

from __future__ import annotations

import re
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import pytest

from core.bootstrap import build_services
from core.domain.request import Slot
from core.domain.status import Status
from core.services.inspect import Inspect
from core.services.requests import Sent, SubmitRequest
from core.settings import Settings
from tests import pictures

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
MOST_MODULES = 15
WAITS = 600  # of a tenth of a second, for the engine
PICTURE_BYTES = 1000  # no name, number or answer on the way is as long
ROOM = re.compile(r"`(core[\w.]+)`")


def section() -> str:
    return ARCHITECTURE.read_text(encoding="utf-8").split("## The walk of a picture")[1].split("\n## ")[0]


def told() -> list[str]:
    """Functions in the order in which the page names them."""
    return re.findall(r"^\| `(core[\w.]+)` \|", section(), re.MULTILINE)


def helpers() -> set[str]:
    """Modules, and rooms of which each module may help, that the page lists apart."""
    rows = re.findall(r"^\| [a-z][^|`]* \| (`core.*) \|$", section(), re.MULTILINE)
    return {name for row in rows for name in ROOM.findall(row)}


def handed_along() -> set[str]:
    """Functions whose inner ones are called by those to whom they were handed."""
    (sentence,) = re.findall(r"^Handed along[^:]*:(.+?)\n\n", section(), re.MULTILINE | re.DOTALL)
    return set(ROOM.findall(sentence))


def module_of(function: str) -> str:
    """The part in lower case before a class, or before the function."""
    parts = function.split(".")[:-1]
    return ".".join(part for part in parts if not part[0].isupper())


@dataclass
class Walk:
    """What a submission entered, in which order, from where, and who was given a picture or a model."""

    wanted: list[str] = field(default_factory=told)
    comes_back: set[str] = field(default_factory=handed_along)
    met: list[str] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)
    calls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    carriers: set[str] = field(default_factory=set)
    came_back: set[str] = field(default_factory=set)

    def watch(self, frame: FrameType, event: str, _: Any) -> None:
        """For sys.setprofile."""
        module = _module_of(frame)
        if event != "call" or not module or frame.f_code.co_name == "<module>":
            return
        name = f"{module}.{frame.f_code.co_qualname}"
        if name in self.wanted and name not in self.met:
            self.met.append(name)
        self.entered.add(module)
        count = frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount
        given = [frame.f_locals.get(each) for each in frame.f_code.co_varnames[:count]]
        if any(isinstance(each, bytes) and len(each) > PICTURE_BYTES for each in given):
            self.carriers.add(module)
        self._called(name, module, _caller(frame))

    def _called(self, name: str, module: str, caller: str) -> None:
        maker, _, inner = name.partition(".<locals>.")
        if inner and maker in self.comes_back and caller != module:
            self.came_back.add(maker)
        elif caller not in ("", module):
            self.calls[module].add(caller)


def _module_of(frame: FrameType) -> str:
    name = str(frame.f_globals.get("__name__"))
    return name if name.startswith("core.") else ""


def _caller(frame: FrameType) -> str:
    """The module of ours that called, if only through a library; empty for the first."""
    before = frame.f_back
    while before is not None and not _module_of(before):
        before = before.f_back
    return "" if before is None else _module_of(before)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """One real submission, from the use case to the stored model, in all threads that have a part in it."""
    folder, followed = tmp_path_factory.mktemp("walk"), Walk()
    request = SubmitRequest(target_object="Cat", session_id="s", pictures={Slot.FRONT: Sent(data=pictures.cat())})
    with mock.patch.object(Inspect, "request", return_value=None):  # it looks at the model once the walk is over
        services = build_services(Settings(data_dir=folder, tripo_api_key=None, store="sqlite"))
        (worker,) = services.scheduler._workers
        threading.setprofile(followed.watch)
        sys.setprofile(followed.watch)
        try:
            job = services.submit.submit(request).job
            worker.dispatch.tick()
            for _ in range(WAITS):
                worker.poll.tick()
                worker.collect.tick()
                job = services.jobs.get(job.id)
                if job.is_ended:
                    break
                threading.Event().wait(0.1)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            services.stop()
    assert job.status is Status.COMPLETED
    return followed


@pytest.mark.slow
def test_one_real_submission_takes_the_walk_that_is_told(walk: Walk) -> None:
    assert walk.met == told()


@pytest.mark.slow
def test_it_enters_no_module_that_the_page_does_not_name(walk: Walk) -> None:
    steps = {module_of(function) for function in told()}
    assert not steps & helpers()
    rooms = {name for name in helpers() if any(module.startswith(f"{name}.") for module in walk.entered)}

    strange = {each for each in walk.entered - steps - helpers() if not any(each.startswith(f"{r}.") for r in rooms)}

    assert strange == set(), "not in docs/architecture.md"
    assert steps | helpers() - rooms <= walk.entered, "in docs/architecture.md, but not on the way"


@pytest.mark.slow
def test_the_picture_and_the_model_go_through_few_modules(walk: Walk) -> None:
    assert {"core.services.submit", "core.sandbox.pictures", "core.generators.offline.generator"} <= walk.carriers
    assert len(walk.carriers) <= MOST_MODULES, sorted(walk.carriers)


@pytest.mark.slow
def test_no_module_on_the_way_calls_back_into_one_that_it_came_from(walk: Walk) -> None:
    TopologicalSorter(walk.calls).prepare()  # a circle is an error that names it

    assert walk.came_back == walk.comes_back


def test_the_walk_is_short_and_comes_back_to_no_module() -> None:
    modules = [module_of(function) for function in told()]

    assert 10 <= len(modules) <= MOST_MODULES
    assert len(set(modules)) == len(modules)
