"""Who makes models in the simulation: one for each kind of evidence by which a lost answer is settled."""

from __future__ import annotations

import hashlib
import json
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.domain.declaration import Declaration, Evidence, Offer
from core.domain.errors import LookupFailed, ModelUnavailable, NotSent, OutcomeUnknown
from core.domain.generation import FetchedModel, GenerationRequest, TaskLookup, TaskPhase, TaskState
from core.domain.job import Category as CategoryName
from core.domain.request import JobRequest, Kind, Slot, StoredImage
from core.generators.comfyui.generator import ComfyGenerator
from core.generators.comfyui.states import STOPPED
from core.generators.comfyui.workflow import Workflow, parse
from core.generators.tripo.client import TripoClient
from core.generators.tripo.generator import TripoGenerator
from core.ports.generator import Generator
from tests.builders import Category
from tests.fake_comfyui.service import Service as ComfyService
from tests.fake_generator import glb
from tests.fake_tripo.service import Reply
from tests.fake_tripo.transport import FakeTransport
from tests.simulation import invariants

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.sim import Sim

Tasks = dict[str, "EngineTask"]
LONGS_S = (2.0, 20.0, 90.0)  # how long a task takes
FAULTS = (0.0, 0.05, 0.2)  # how often something goes wrong


class Maker(ABC):
    """One of them, whose evidence decides what it promises.

    Attributes:
        kinds: of the jobs that it is given, as often as they stand there.
        category: of its models.
    """

    name: str
    evidence: Evidence
    category: Category
    kinds: tuple[Kind, ...] = (Kind.IMAGE, Kind.IMAGE, Kind.MULTIVIEW)
    price: Decimal | None = Decimal(0)

    def __init__(self, sim: Sim) -> None:
        self.sim = sim

    @abstractmethod
    def generator(self, process: Process) -> Generator:
        """As a process that begins has it."""

    def trouble(self) -> str:
        """Something happens to it that loses what it knows of its tasks; what, or an empty text."""
        return ""

    def heal(self) -> None:  # noqa: B027  (most have nothing to mend)
        """No more trouble."""

    def is_of(self, job: Any, data: bytes) -> bool:
        """Whether these bytes are the model that the job asked for."""
        return True


class Tripo(Maker):
    """ECHO: what it makes is paid, so it is the one that is searched."""

    name, evidence, category = "tripo", Evidence.ECHO, Category.STANDARD
    kinds = (Kind.IMAGE, Kind.IMAGE, Kind.MULTIVIEW, Kind.TEXT)
    price = None

    def generator(self, process: Process) -> Generator:
        sim = self.sim
        transport = FakeTransport(sim.service, wait=sim.pass_time, on_step=lambda name: sim.on_wire(process, name))
        return TripoGenerator(TripoClient("http://tripo.test", sim.key, transport=transport))

    def heal(self) -> None:
        self.sim.service.plan.clear()
        for task in self.sim.ledger.tasks.values():
            task.is_hidden = False


class Lab(Maker):
    """NAMED: the real generator before the fake ComfyUI. It forgets its queue when it is started again."""

    name, evidence, category = "comfyui", Evidence.NAMED, Category.COMFYUI

    def __init__(self, sim: Sim) -> None:
        super().__init__(sim)
        self.service = ComfyService(clock_s=sim.clock.boot_s)
        self.service.plan.at_random(sim.luck, sim.luck.choice(FAULTS))
        machine = self.service.machine
        machine.slow = {"PackPicturesToMesh": sim.luck.choice(LONGS_S), "PackWordsToMesh": sim.luck.choice(LONGS_S)}
        self.has_words = sim.luck.random() < 0.25  # a graph takes pictures or words
        self.kinds = (Kind.TEXT,) if self.has_words else Maker.kinds
        self.workflow = graph_of_words() if self.has_words else graph_of_pictures()
        self.late_chance = sim.luck.choice((0.0, 0.0, 0.3))  # an order arrives after whoever sent it has given up
        self.asked: Counter[str] = Counter()
        self._put, self._prompt = machine.put, self.service._prompt
        machine.put = self._watched_put  # type: ignore[method-assign]
        self.service._prompt = self._watched_prompt  # type: ignore[method-assign]

    def generator(self, process: Process) -> Generator:
        sim = self.sim
        transport = FakeTransport(
            self.service,  # type: ignore[arg-type]
            wait=sim.pass_time,
            on_step=lambda name: sim.on_lab_wire(process, name),
        )
        return ComfyGenerator("http://comfy.test", headers={}, workflow=self.workflow, transport=transport)

    def _watched_prompt(self, method: str, body: bytes) -> Reply:
        name = json.loads(body)["prompt_id"]
        self.asked[name] += 1
        self.sim.counts["named requests"] += 1
        invariants.name_has_its_intent(self.sim, name, is_first=self.asked[name] == 1)
        if self.sim.is_unlucky(self.late_chance):
            self.service.plan.arm("prompt", "late", seconds=self.sim.luck.choice((3.0, 25.0)))
        return self._prompt(method, body)

    def _watched_put(self, name: str, *more: Any) -> int:
        invariants.runs_nothing_twice(self.sim, name)
        return self._put(name, *more)

    def can_be_found(self, name: str) -> bool:
        """Whether whoever asks for it now would find it: as a job, or as its whole file."""
        machine = self.service.machine
        if name in machine.history or (machine.running is not None and machine.running.id == name):
            return True
        return any(item.id == name for item in machine.queue) or self.has_file(name)

    def has_file(self, name: str) -> bool:
        files = self.service.machine.disk.files
        return any(
            subfolder == f"maquette/{name}" and int.from_bytes(data[8:12], "little") == len(data)
            for (_, subfolder, _), data in files.items()
        )

    def trouble(self) -> str:
        machine = self.service.machine
        if self.sim.luck.random() < 0.3:
            machine.queue.clear()
            return "somebody clears the queue of the lab's server"
        machine.restart(half=machine.running is not None and self.sim.luck.random() < 0.5)
        return "the lab's server is started again"

    def heal(self) -> None:
        self.service.plan.clear()

    def is_of(self, job: Any, data: bytes) -> bool:
        inputs = job.request.inputs()
        seen = self.sim.files[inputs[Slot.FRONT].key] if inputs else b""
        told = f"picture {hashlib.sha256(seen).hexdigest()} seeds [{job.nonce}]"
        return told.encode() in data


@dataclass
class EngineTask:
    request: GenerationRequest
    ends_s: float
    is_stopped: bool = False

    @property
    def is_deadly(self) -> bool:
        """One in eight needs more memory than there is: each time it is half made, whoever makes it dies of it."""
        return int(self.request.attempt_id[:4], 16) % 8 == 0


class Engine(Maker):
    """FREE: its tasks lie on the disk of the process that has them, and a disk may be lost.

    Its numbers are its own, so nothing is known of a task whose number was lost on the way.
    """

    name, evidence, category = "offline", Evidence.FREE, Category.OFFLINE

    def __init__(self, sim: Sim) -> None:
        super().__init__(sim)
        self.task_s, self.fault_chance = sim.luck.choice(LONGS_S), sim.luck.choice(FAULTS)
        self.disks: dict[str, Tasks] = {}
        self.owners: dict[str, tuple[int, int]] = {}  # table and number of the job of each task
        self.begun: Counter[str] = Counter()  # how often each task was

    def generator(self, process: Process) -> Generator:
        return EngineGenerator(self, process)

    def tasks(self, process: Process) -> Tasks:
        """Beside a SQLite file all processes have one disk; on Supabase each has its own."""
        return self.disks.setdefault(process.name if self.sim.table.is_supabase else "all", {})

    def trouble(self) -> str:
        filled = sorted(name for name, tasks in self.disks.items() if tasks)
        if not filled:
            return ""
        self.disks[self.sim.luck.choice(filled)].clear()
        return "a disk with the engine's tasks is lost"

    def is_of(self, job: Any, data: bytes) -> bool:
        return _marked(job.request, job.nonce) in data


@dataclass
class EngineGenerator:
    """The Generator port on it, for one process."""

    engine: Engine
    process: Process
    account: str = "offline"

    declaration = Declaration(
        name=Engine.name,
        label="The engine",
        offers=tuple(Offer(kind=kind, uses=tuple(Slot)) for kind in (Kind.IMAGE, Kind.MULTIVIEW)),
        evidence=Evidence.FREE,
        is_paid=False,
        leaves="Nothing leaves this machine.",
        can_cancel=True,
        can_begin_again=True,
    )

    def _step(self, name: str, error: type[LookupFailed | NotSent | OutcomeUnknown | ModelUnavailable]) -> None:
        """Something may happen here, and the call may fail with this."""
        sim = self.engine.sim
        sim.step(self.process, name)
        if sim.is_unlucky(self.engine.fault_chance):
            sim.counts["faults"] += 1
            raise error("the simulation let the engine fail")

    def estimate(self, request: JobRequest) -> Decimal:
        return Decimal(0)

    def category(self, request: JobRequest) -> CategoryName:
        return Engine.category

    def check(self, request: JobRequest) -> None:
        """It takes everything."""

    def check_account(self) -> None:
        self._step("before engine check", LookupFailed)

    def close(self) -> None:
        """Nothing is open."""

    def upload(self, image: StoredImage, data: bytes) -> str:
        self._step("before engine upload", LookupFailed)
        return hashlib.sha256(data).hexdigest()

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        sim = self.engine.sim
        self._step("before engine create", NotSent)
        check_send_window()
        invariants.order_has_its_intent(sim, request)
        task_id = f"engine-{uuid.UUID(int=sim.luck.getrandbits(128)).hex}"
        self._begin(task_id, request)
        self._step("after engine create", OutcomeUnknown)
        return task_id

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        self._step("before engine begin again", NotSent)
        check_send_window()
        self._begin(task_id, request)
        self.engine.sim.counts["begun again"] += 1
        self._step("after engine begin again", OutcomeUnknown)

    def _begin(self, task_id: str, request: GenerationRequest) -> None:
        sim = self.engine.sim
        sim.counts["free requests"] += 1
        self.engine.owners[task_id] = sim.names[request.attempt_id][:2]
        self.engine.begun[task_id] += 1
        task = EngineTask(request, sim.clock.boot_s() + self.engine.task_s)
        self.engine.tasks(self.process).setdefault(task_id, task)

    def stop_task(self, task_id: str) -> None:
        self._step("before engine stop", LookupFailed)
        task = self.engine.tasks(self.process).get(task_id)
        if task is not None:
            task.is_stopped = True

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        self._step("before engine look", LookupFailed)
        half_s = self.engine.sim.clock.boot_s() + self.engine.task_s / 2
        for task_id in [each for each, task in self._tasks.items() if task.is_deadly and half_s >= task.ends_s]:
            self.engine.sim.counts["deaths"] += 1
            del self._tasks[task_id]
        found = {each: self._state(each, task) for each in task_ids if (task := self._tasks.get(each)) is not None}
        return TaskLookup(found=found, missed=frozenset(task_ids) - found.keys())

    def fetch_model(self, task: TaskState) -> FetchedModel:
        self._step("before engine fetch", ModelUnavailable)
        made = self._tasks.get(task.task_id)
        if made is None:
            raise ModelUnavailable("it is gone")
        marked = _marked(made.request.request, made.request.nonce)
        return FetchedModel(data=glb(MODEL.replace(b"MARK", marked)))

    @property
    def _tasks(self) -> Tasks:
        return self.engine.tasks(self.process)

    def _state(self, task_id: str, task: EngineTask) -> TaskState:
        left_s = task.ends_s - self.engine.sim.clock.boot_s()
        if left_s <= 0:
            return TaskState(task_id=task_id, phase=TaskPhase.SUCCEEDED, progress=100)
        if task.is_stopped:
            code, message = "engine_failed", STOPPED
            return TaskState(task_id=task_id, phase=TaskPhase.FAILED, error_code=code, error_message=message)
        progress = int(100 * (1 - left_s / self.engine.task_s))
        return TaskState(task_id=task_id, phase=TaskPhase.WORKING, progress=max(0, progress))


MAKERS: dict[Evidence, type[Maker]] = {each.evidence: each for each in (Tripo, Lab, Engine)}
MODEL = (
    b'{"asset":{"version":"2.0","generator":"MARK"},"meshes":[{"primitives":[{"attributes":{"POSITION":0}}]}],'
    b'"accessors":[{"bufferView":0,"componentType":5126,"count":3,"type":"VEC3"}],'
    b'"bufferViews":[{"buffer":0,"byteLength":36}],"buffers":[{"byteLength":36}]}'
)


def _marked(request: JobRequest, nonce: int | None) -> bytes:
    """What tells whose model it is: the pictures in their places, and the attempt's number."""
    pictures = {slot.value: image.key for slot, image in request.inputs().items()}
    return f"{sorted(pictures.items())} {nonce}".encode()


def _node(title: str, kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


def graph_of_pictures() -> Workflow:
    """Takes a front, a left and a back."""
    views = {view: ["", "_left", "_back"][number] for number, view in enumerate(("image", "left", "back"))}
    graph = {view: _node(f"maquette_image{end}", "LoadImage", image="x.png") for view, end in views.items()}
    links = {view: [view, 0] for view in views}
    graph["mesh"] = _node("maquette_seed", "PackPicturesToMesh", seed=0, **links)
    return parse(graph | {"save": _SAVE}, name="pictures")


def graph_of_words() -> Workflow:
    """Takes words."""
    graph = {"mesh": _node("maquette_prompt maquette_seed", "PackWordsToMesh", text="", seed=0)}
    return parse(graph | {"save": _SAVE}, name="words")


_SAVE = _node("maquette_model", "SaveGLB", mesh=["mesh", 0], filename_prefix="x")
