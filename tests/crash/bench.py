"""What the crash sweeps put before the processes, and how they judge what is left: by the evidence of the generator."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.domain.job import Job
from core.domain.request import Conversion, Kind, Slot
from core.domain.status import Status
from core.generators.tripo.client import TripoClient
from core.ports.job_store import JobQuery, JobStore
from core.services.attempts import attempt_id
from core.services.fingerprint import fingerprint_scope
from core.stores.files.object_store import LocalObjectStore
from core.stores.sqlite.job_store import SqliteJobStore
from tests import builders
from tests.builders import Category
from tests.crash.life import Life
from tests.crash.makers import COMFYUI, ENGINE, KEY, TRIPO, told_by
from tests.crash.shared_clock import SharedClock
from tests.crash.zygote import Zygote
from tests.fake_comfyui.machine import Machine
from tests.fake_comfyui.server import FakeComfy
from tests.fake_comfyui.server import running as comfy_running
from tests.fake_comfyui.service import Service as ComfyService
from tests.fake_tripo.server import FakeTripo
from tests.fake_tripo.server import running as tripo_running
from tests.fake_tripo.service import Service as TripoService

TASK_S = 1.5
PICTURES = {Slot.FRONT: b"\xff\xd8 front", Slot.BACK: b"\xff\xd8 back"}
MADE_OF: Mapping[Kind, Mapping[str, Any]] = {
    Kind.MULTIVIEW: {"back": builders.stored_image(key="images/a/back.jpg")},
    Kind.TEXT: {"prompt": "a cup"},
}
PRICES = {Kind.CONVERT: 5, Kind.TEXT: 20}
CATEGORIES = {TRIPO: Category.STANDARD, COMFYUI: Category.COMFYUI, ENGINE: Category.OFFLINE}


@dataclass(frozen=True, kw_only=True)
class Story:
    """The life of one job.

    Attributes:
        fault: what happens once at the generator.
        losses: how often ComfyUI is started again just after it took a job.
        is_long: it is asked for and asked for again, so a sample takes fewer of its points.
    """

    generator: str = TRIPO
    kind: Kind = Kind.IMAGE
    fault: Mapping[str, Any] = field(default_factory=dict)
    losses: int = 0
    is_long: bool = False


LOST: Mapping[str, Any] = {"route": "create", "kind": "drop after"}
LOST_THERE: Mapping[str, Any] = {"route": "prompt", "kind": "drop after"}
WAIT = {"route": "create", "kind": "error", "code": 2000, "status": 429, "headers": {"Retry-After": "3"}}
STORIES = {
    "normal": Story(),
    "answer lost": Story(fault=LOST),
    "told to wait": Story(fault=WAIT),
    "cut download": Story(fault={"route": "download", "kind": "cut"}),
    "conversion, answer lost": Story(kind=Kind.CONVERT, fault=LOST),
    "views, answer lost": Story(kind=Kind.MULTIVIEW, fault=LOST),
    "words, answer lost": Story(kind=Kind.TEXT, fault=LOST),
    "ComfyUI": Story(generator=COMFYUI),
    "ComfyUI, answer lost": Story(generator=COMFYUI, fault=LOST_THERE),
    "ComfyUI, started again": Story(generator=COMFYUI, losses=1, is_long=True),
    "ComfyUI, views, answer lost": Story(generator=COMFYUI, kind=Kind.MULTIVIEW, fault=LOST_THERE),
    "ComfyUI, words, answer lost": Story(generator=COMFYUI, kind=Kind.TEXT, fault=LOST_THERE),
    "engine": Story(generator=ENGINE),
    "engine, views": Story(generator=ENGINE, kind=Kind.MULTIVIEW),
}


@dataclass(frozen=True, kw_only=True)
class Fakes:
    """One server of each, for all runs of a module; each run puts a fresh service behind it."""

    tripo: FakeTripo
    comfyui: FakeComfy
    addresses: Mapping[str, str]


@contextmanager
def fakes() -> Iterator[Fakes]:
    tripo, comfyui = FakeTripo(), FakeComfy()
    with tripo_running(tripo) as paid, comfy_running(comfyui) as lab:
        yield Fakes(tripo=tripo, comfyui=comfyui, addresses={TRIPO: paid, COMFYUI: lab, ENGINE: ""})


class Bench:
    """A fresh folder, job table and books for each run."""

    def __init__(self, folder: Path, fakes: Fakes, zygote: Zygote) -> None:
        self.zygote = zygote
        self._root, self._fakes = folder, fakes
        self._count = 0

    def fresh(self, story: Story) -> Life:
        """One queued job, on an account that is known to echo; a conversion is of a model that is there already."""
        self._count += 1
        self.story = story
        self.folder = self._root / str(self._count)
        self.folder.mkdir()
        self.clock = SharedClock(self.folder / "clock")
        self._begin_services()
        jobs = self.table()
        for slot, data in PICTURES.items():
            name = "cup" if slot is Slot.FRONT else slot.value
            LocalObjectStore(self.folder / "files").put(f"images/a/{name}.jpg", data, media_type="image/jpeg")
        address = self._fakes.addresses[story.generator]
        jobs.add(builders.new_job(**self._asked()))
        if story.generator == TRIPO:
            account = TripoClient(address, KEY).account
            jobs.accounts.note_echo(fingerprint_scope(account, jobs.get(1)))
        jobs.close()
        return Life(
            folder=str(self.folder),
            address=address,
            owner="a",
            generator=story.generator,
            kind=story.kind.value,
            supabase=self.supabase,
        )

    def _begin_services(self) -> None:
        tripo, comfyui = self._fakes.tripo, self._fakes.comfyui
        tripo.service = self.service = TripoService(clock_s=self.clock.seconds, task_s=TASK_S)
        comfyui.service = self.lab = ComfyService(clock_s=self.clock.seconds)
        tripo.plan, comfyui.plan = tripo.service.plan, comfyui.service.plan
        self.lab.machine.slow = dict.fromkeys(("PackPicturesToMesh", "PackWordsToMesh"), TASK_S)
        if self.story.losses:
            _start_again_after_orders(self.lab.machine, self.story.losses)
        if self.story.fault:
            (tripo if self.story.generator == TRIPO else comfyui).plan.arm(**self.story.fault)

    def _asked(self) -> dict[str, Any]:
        story, self.made_before = self.story, frozenset[str]()
        if story.kind is Kind.CONVERT:
            made = self.service.ledger.create({"input": "file_1", "model": "v3.1-20260211", "model_seed": 1})
            made.ends_s = made.created_s
            self.made_before = frozenset({made.id})
            return {"category": Category.CONVERT, "conversion": Conversion(task_id=made.id)}
        told = dict(MADE_OF.get(story.kind, {})) | {
            "generator": story.generator,
            "category": CATEGORIES[story.generator],
        }
        return told if story.generator == TRIPO else told | {"credits_estimate": Decimal(0)}

    @property
    def supabase(self) -> tuple[str, str]:
        return ("", "")

    def table(self) -> JobStore:
        """The job table of this run, empty at its beginning."""
        return SqliteJobStore(self.folder / "jobs.sqlite3", self.clock)

    def points(self, owner: str = "a") -> list[str]:
        return (self.folder / f"points-{owner}").read_text().splitlines()

    def point(self, owner: str = "a") -> str:
        return (self.folder / f"point-{owner}").read_text()

    def check(self, told: str) -> int:
        """Every promise that can be judged from outside; how many were looked at."""
        jobs = self.table()
        try:
            (job,) = jobs.find(JobQuery()).jobs
            events = jobs.events(job.id)
            name = "" if job.nonce is None else attempt_id(job, jobs.installation())
        finally:
            jobs.close()
        said = f"{told}: {job.stage.value} {job.status.value}: {job.error_message}"
        assert job.status is Status.COMPLETED, said
        {TRIPO: self._paid_once, COMFYUI: self._ran_once, ENGINE: self._is_of_its_request}[job.generator](
            job, name, said
        )
        assert len(self._model(job)) == job.model.size_bytes, told  # type: ignore[union-attr]
        assert [event.before for event in events][1:] == [event.after for event in events][:-1], told
        assert (events[-1].after, events[-1].status) == (job.stage, job.status), told
        assert not list((self.folder / "journal").glob("*.json")), f"{told}: a note was left"
        self.clock.close()
        shutil.rmtree(self.folder)
        return 8

    def _paid_once(self, job: Job, name: str, said: str) -> None:
        """ECHO: whatever happened, one task was made, and it is the job's."""
        ledger = self.service.ledger
        tasks = [task for task in ledger.tasks.values() if task.id not in self.made_before]
        assert [task.id for task in tasks] == [job.task_id], f"{said}: {len(tasks)} tasks were made for one job"
        assert job.credits_used == ledger.cost(tasks[0]) == PRICES.get(self.story.kind, 30), said

    def _ran_once(self, job: Job, name: str, said: str) -> None:
        """NAMED: the job's name ran once; what was ordered beside it was lost by ComfyUI, and no order went astray."""
        machine = self.lab.machine
        ends = Counter(run.status for run in machine.runs)
        assert job.task_id == name, said
        assert [run.id for run in machine.runs if run.status == "completed"] == [name], f"{said}: {ends}"
        assert len(machine.posts) <= 1 + self.story.losses, f"{said}: ordered {machine.posts}"
        seen = PICTURES[Slot.FRONT] if self.story.kind is not Kind.TEXT else b""
        told = f"picture {hashlib.sha256(seen).hexdigest()} seeds [{job.nonce}]"
        assert told_by(self._model(job)) == told, f"{said}: another job's model"
        assert not job.credits_used, said

    def _is_of_its_request(self, job: Job, name: str, said: str) -> None:
        """FREE: an attempt may be made anew, but makes one task, and the model is of the job's own pictures."""
        tasks = {path.parent.name for path in self.folder.glob("engine*/tasks/*/request.json")}
        assert job.task_id in tasks, said
        assert len(tasks) <= job.attempt, f"{said}: {len(tasks)} tasks in {job.attempt} attempts"
        made = json.loads(told_by(self._model(job)))
        wanted = [hashlib.sha256(PICTURES[slot]).hexdigest() for slot in job.request.inputs()]  # type: ignore[union-attr]
        assert [made["image"], made["back"]] == [*wanted, None][:2], said
        assert not job.credits_used, said

    def _model(self, job: Job) -> bytes:
        assert job.model is not None
        return LocalObjectStore(self.folder / "files").get(job.model.key)


def _start_again_after_orders(machine: Machine, times: int) -> None:
    """ComfyUI takes a job, says so, and loses it at once."""
    put, left = machine.put, [None] * times

    def put_and_lose(*args: Any) -> int:
        number = put(*args)
        if left:
            left.pop()
            machine.restart()
        return number

    machine.put = put_and_lose  # type: ignore[method-assign]
