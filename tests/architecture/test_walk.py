"""The walk of a picture, as docs/architecture.md tells it, against one real submission on the built-in engine."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from core.bootstrap import build_services
from core.domain.request import Slot
from core.domain.status import Status
from core.services.requests import Sent, SubmitRequest
from core.settings import Settings
from tests import pictures

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
MOST_MODULES = 15
WAITS = 600  # of a tenth of a second, for the engine


def told() -> list[str]:
    """Functions in the order in which the page names them."""
    section = ARCHITECTURE.read_text(encoding="utf-8").split("## The walk of a picture")[1].split("\n## ")[0]
    return re.findall(r"^\| `(core[\w.]+)` \|", section, re.MULTILINE)


def module_of(function: str) -> str:
    """The part in lower case before a class, or before the function."""
    parts = function.split(".")[:-1]
    return ".".join(part for part in parts if not part[0].isupper())


@pytest.mark.slow
def test_one_real_submission_takes_the_walk_that_is_told(tmp_path: Path) -> None:
    wanted, met = told(), []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            name = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"
            if name in wanted and name not in met:
                met.append(name)

    services = build_services(Settings(data_dir=tmp_path, tripo_api_key=None, store="sqlite"))
    (worker,) = services.scheduler._workers
    request = SubmitRequest(target_object="Cat", session_id="s", pictures={Slot.FRONT: Sent(data=pictures.cat())})
    sys.setprofile(watch)
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
        services.stop()

    assert job.status is Status.COMPLETED
    assert met == wanted


def test_the_walk_is_short_and_comes_back_to_no_module() -> None:
    modules = [module_of(function) for function in told()]

    assert 10 <= len(modules) <= MOST_MODULES
    assert len(set(modules)) == len(modules)
