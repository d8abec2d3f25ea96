"""A Generator that does what a test says: a real one, in memory."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from core.domain.declaration import Choice, ChoiceType, Declaration, Evidence, Offer
from core.domain.generation import (
    Balance,
    FetchedModel,
    GenerationRequest,
    TaskLookup,
    TaskPhase,
    TaskState,
    UsageRow,
)
from core.domain.request import ConvertModel, JobRequest, Kind, Slot, StoredImage

CHOICES = (
    Choice(name="texture", label="With texture", type=ChoiceType.YES_NO, default=True),
    Choice(name="face_limit", label="Most faces", type=ChoiceType.WHOLE, least=100, most=2_000_000),
)


@dataclass
class FakeGenerator:
    name: str = "tripo"
    label: str = "Tripo"
    is_paid: bool = True
    kinds: tuple[Kind, ...] = Kind.all()
    uses: tuple[Slot, ...] = tuple(Slot)
    account: str = "account-1"
    told_at: datetime | None = None
    uploads: int = 0
    requests: list[GenerationRequest] = field(default_factory=list)
    tasks: dict[str, TaskState] = field(default_factory=dict)
    questions: list[list[str]] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)  # tasks about which no answer can be read
    on_upload: Callable[[], None] = lambda: None
    before_create: Callable[[], None] = lambda: None
    after_create: Callable[[], None] = lambda: None
    on_look_up: Callable[[], None] = lambda: None
    on_account: Callable[[], None] = lambda: None
    on_usage: Callable[[], None] = lambda: None
    usage_rows: list[UsageRow] = field(default_factory=list)
    created_at: Callable[[], datetime] = lambda: datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    credits: Decimal = Decimal(1000)
    prefix: str = "task"
    begun: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    on_begin: Callable[[], None] = lambda: None
    on_stop: Callable[[], None] = lambda: None
    after_begin: Callable[[], None] = lambda: None
    evidence: Evidence | None = None  # None: what is usual for one that charges, or does not
    on_fetch: Callable[[], bytes] = lambda: glb()

    @property
    def declaration(self) -> Declaration:
        """As it is now: tests change what it can do and whether it charges."""
        return Declaration(
            name=self.name,
            label=self.label,
            offers=tuple(Offer(kind=kind, choices=CHOICES, uses=self.uses) for kind in self.kinds),
            evidence=self.evidence or (Evidence.ECHO if self.is_paid else Evidence.FREE),
            is_paid=self.is_paid,
            leaves="Nothing leaves this machine.",
            can_cancel=not self.is_paid,
            can_begin_again=not self.is_paid,
            credit_codes=frozenset({"2010"}),
            input_codes=frozenset({"2008"}),
        )

    def estimate(self, request: JobRequest) -> Decimal:
        return Decimal(30 if self.is_paid else 0)

    def category(self, request: JobRequest) -> str:
        return "convert" if isinstance(request, ConvertModel) else "standard"

    def check(self, request: JobRequest) -> None:
        pass

    def upload(self, image: StoredImage, data: bytes) -> str:
        self.uploads += 1
        self.on_upload()
        return f"file_{self.uploads}"

    def create(self, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> str:
        self.before_create()
        check_send_window()
        self.requests.append(request)
        task_id = f"{self.prefix}-{len(self.requests)}"
        conversion = request.request.conversion if isinstance(request.request, ConvertModel) else None
        self.tasks[task_id] = TaskState(
            task_id=task_id,
            phase=TaskPhase.WAITING,
            input_token=request.tokens.get(Slot.FRONT) if conversion is None else conversion.task_id,
            input_nonce=None if conversion is not None else request.nonce,
            input_conversion=conversion,
        )
        self.usage_rows.insert(0, usage_row(task_id, self.created_at()))
        self.after_create()
        return task_id

    def look_up(self, task_ids: Sequence[str]) -> TaskLookup:
        self.questions.append(list(task_ids))
        self.on_look_up()
        answered = [task_id for task_id in task_ids if task_id not in self.unreadable]
        found = {task_id: self.tasks[task_id] for task_id in answered if task_id in self.tasks}
        return TaskLookup(found=found, missed=frozenset(answered) - found.keys())

    def fetch_model(self, task: TaskState) -> FetchedModel:
        return FetchedModel(data=self.on_fetch())

    def begin_again(self, task_id: str, request: GenerationRequest, *, check_send_window: Callable[[], None]) -> None:
        self.on_begin()
        check_send_window()
        self.begun.append(task_id)
        self.tasks[task_id] = TaskState(task_id=task_id, phase=TaskPhase.WAITING)
        self.after_begin()

    def stop_task(self, task_id: str) -> None:
        self.on_stop()
        self.stopped.append(task_id)

    def check_account(self) -> None:
        self.on_account()

    def balance(self) -> Balance:
        self.on_account()
        return Balance(available=self.credits, held=Decimal(0))

    def usage(self, *, limit: int, offset: int) -> list[UsageRow]:
        self.on_usage()
        return self.usage_rows[offset : offset + limit]

    def close(self) -> None:
        pass


def usage_row(task_id: str, created_at: datetime | None, **changes: object) -> UsageRow:
    values: dict[str, object] = {
        "type": "image_to_model",
        "status": "running",
        "credits_used": None,
        "has_ended": False,
    }
    return UsageRow(task_id=task_id, created_at=created_at, **(values | changes))  # type: ignore[arg-type]


def glb(document: bytes | None = None, binary: bytes = b"\0" * 36) -> bytes:
    """The smallest GLB with a face, or one around another description."""
    if document is None:
        document = (
            b'{"asset":{"version":"2.0"},"meshes":[{"primitives":[{"attributes":{"POSITION":0}}]}],'
            b'"accessors":[{"bufferView":0,"componentType":5126,"count":3,"type":"VEC3"}],'
            b'"bufferViews":[{"buffer":0,"byteLength":36}],"buffers":[{"byteLength":36}]}'
        )
    document += b" " * (-len(document) % 4)
    total = 12 + 8 + len(document) + 8 + len(binary)
    head = struct.pack("<5I", 0x46546C67, 2, total, len(document), 0x4E4F534A)
    return head + document + struct.pack("<2I", len(binary), 0x004E4942) + binary
