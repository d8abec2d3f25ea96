from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from core.domain.generation import GenerationRequest, TaskState
from core.generators.comfyui.files import load_workflow
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.workflow import Workflow
from tests import pictures
from tests.builders import order, stored_image
from tests.clocks import FakeClock
from tests.fake_comfyui.machine import Machine
from tests.fake_comfyui.service import Service
from tests.fake_tripo.transport import FakeTransport

URL = "http://comfy.test:8188"
PICTURE = pictures.product_on_white()


@dataclass
class Lab:
    """A fake ComfyUI on a clock of its own, and generators before it."""

    clock: FakeClock = field(default_factory=FakeClock)
    generators: list[ComfyGenerator] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = Service(clock_s=self.clock.boot_s)
        self.plan = self.service.plan

    @property
    def machine(self) -> Machine:
        return self.service.machine

    def generator(
        self,
        workflow: Workflow | str = "hunyuan3d-2.1",
        *,
        headers: dict[str, str] | None = None,
        on_step: Callable[[str], None] = lambda name: None,
        transport: httpx.BaseTransport | None = None,
    ) -> ComfyGenerator:
        made = ComfyGenerator(
            URL,
            headers=headers or {},
            workflow=load_workflow(workflow) if isinstance(workflow, str) else workflow,
            transport=transport or FakeTransport(self.service, wait=self.clock.advance, on_step=on_step),  # type: ignore[arg-type]
        )
        self.generators.append(made)
        return made

    def paths(self, method: str = "POST") -> list[str]:
        return [path for each, path, _ in self.service.requests if each == method]

    def files(self) -> list[tuple[str, str]]:
        return [(subfolder, name) for folder, subfolder, name in self.machine.disk.files if folder == "output"]


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab()
    yield made
    for each in made.generators:
        each.close()


@pytest.fixture
def comfy(lab: Lab) -> ComfyGenerator:
    return lab.generator()


def request(token: str = "", *, nonce: int = 77, **changes: Any) -> GenerationRequest:
    """Its attempt's name follows from its number, as that of the product does."""
    told = (changes.get("job_id", 1), changes.get("attempt", 1), nonce)
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, str(told)))
    return order(token, **({"nonce": nonce, "attempt_id": name} | changes))


def upload(generator: ComfyGenerator, data: bytes = PICTURE) -> str:
    return generator.upload(stored_image(media_type="image/png"), data)


def create(generator: ComfyGenerator, *, data: bytes = PICTURE, **changes: Any) -> str:
    return generator.create(request(upload(generator, data), **changes), check_send_window=lambda: None)


def state(generator: ComfyGenerator, task_id: str) -> TaskState | None:
    return generator.look_up([task_id]).found.get(task_id)
