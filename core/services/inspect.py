"""Look at finished models: their figures, a thumbnail, a turntable, and other files; each is made once and kept."""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from core.domain.errors import (
    ExportFailed,
    MaquetteError,
    ModelInvalid,
    ObjectMissing,
    SandboxFailed,
    StoreUnavailable,
)
from core.domain.export import FORMATS, Compression, ExportOrder, Format, size_note, what_is_lost
from core.domain.job import MEDIA_TYPES, Job, StoredModel
from core.domain.mesh_report import HeaderFacts, MeshReport, ShapeFacts
from core.domain.naming import slug
from core.mesh import extras
from core.mesh.header import read_header
from core.ports.model_sandbox import ModelSandbox
from core.ports.object_store import ObjectStore
from core.services.bounded import RecentlyUsed
from core.services.made_once import MadeOnce, done
from core.services.true_files import TrueFiles

log = logging.getLogger(__name__)
VERSION = 3  # of what is kept: a better measure or picture is made anew
MOST_TRIES = 2
MOST_REMEMBERED = 1000  # models of which this process knows the figures without looking again


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file to give away, by its key in the store of exports.

    Attributes:
        note: what the original has and this file has not, as a sentence; empty when it is all there.
    """

    key: str
    name: str
    media_type: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspect:
    """The use case. Work is done by one thread of its own, in a child of the sandbox processes.

    Attributes:
        exports: where made files lie for a while; on this machine's disk, bounded.
    """

    objects: ObjectStore
    sandbox: ModelSandbox
    exports: ObjectStore
    true_files: TrueFiles = field(init=False)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "inspect"))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: dict[str, Future[None]] = field(default_factory=dict)
    _headers: RecentlyUsed[str, HeaderFacts] = field(default_factory=lambda: RecentlyUsed(MOST_REMEMBERED))
    _reports: RecentlyUsed[str, MeshReport] = field(default_factory=lambda: RecentlyUsed(MOST_REMEMBERED))
    # looks that did not work, in this process: how often, and why
    _failures: RecentlyUsed[str, tuple[int, str]] = field(default_factory=lambda: RecentlyUsed(MOST_REMEMBERED))
    _making: MadeOnce = field(default_factory=MadeOnce)

    def __post_init__(self) -> None:
        object.__setattr__(self, "true_files", TrueFiles(objects=self.objects))  # the class is frozen

    def report(self, job: Job) -> MeshReport | None:
        """What is known now: the header at once; the shape later, which this call sets going. None: no model.

        Raises: ModelInvalid, ObjectMissing, StoreUnavailable.
        """
        model = job.model
        if model is None or not model.is_glb:
            return None
        return replace(self._known(job, model), is_size_known=job.has_known_size)

    def header_at_hand(self, job: Job) -> HeaderFacts | None:
        """For lists of many jobs: only where the file is on this machine's disk or was read before. Never raises."""
        model = job.model
        if model is None or not model.is_glb:
            return None
        known = self._headers.get(model.sha256)
        if known is not None or self.objects.local_path(model.key) is None:
            return known
        try:
            return self._known_header(model)
        except MaquetteError:
            return None

    def _known(self, job: Job, model: StoredModel) -> MeshReport:
        """Of the file, which two jobs may share: their options may tell different things of its size."""
        known = self._reports.get(model.sha256)
        if known is not None:
            return known
        header = self._known_header(model)
        kept = self._kept_shape(model)
        if kept is None:
            tries, problem = self._failed(model)
            self.request(job)
            return MeshReport(header=header, shape=None, problem=problem if tries >= MOST_TRIES else "")
        report = MeshReport(header=header, shape=kept[0], problem=kept[1])
        self._reports.put(model.sha256, report)
        return report

    def request(self, job: Job) -> None:
        """Measure and draw it soon, unless that was done or is under way."""
        self.begin_look(job)

    def thumbnail(self, job: Job) -> bytes | None:
        """A PNG of the model, when there is one already. Raises: StoreUnavailable."""
        if job.model is None or not job.model.is_glb:
            return None
        try:
            return self.objects.get(_thumbnail_key(job.model))
        except ObjectMissing:
            self.request(job)
            return None

    def wait(self, job: Job, *, patience_s: float) -> None:
        """Until the look at a model that was asked for is done, or patience ends."""
        future = self.begin_look(job)
        if future is not None:
            try:
                future.result(timeout=patience_s)
            except TimeoutError:
                return

    def close(self) -> None:
        self.sandbox.close()
        self._making.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- files

    def export(self, job: Job, order: ExportOrder) -> Exported:
        """As `begin_export`, and waits for it."""
        return self.begin_export(job, order).result()

    def begin_export(self, job: Job, order: ExportOrder) -> Future[Exported]:
        """The model as another file; made at the first call, and once for all who ask at the same time.

        Raises, now or by the result: ModelInvalid, ExportFailed, SandboxFailed, StorageFull …
        """
        check_offered(order)
        model = _glb_of(job)
        name = slug(job.target_object)
        facts = FORMATS[order.format]
        if order == ExportOrder(format=Format.GLB, height_mm=order.height_mm):
            return done(self.as_it_is(job))
        digest = hashlib.sha256(json.dumps(asdict(order) | {"name": name}).encode()).hexdigest()[:16]
        key = f"{model.sha256}/{VERSION}-{digest}.{facts.ending}"
        made = Exported(
            key=key,
            name=f"{name}{_suffix(order)}.{facts.ending}",
            media_type=facts.media_type,
            note=_note(what_is_lost(self._known_header(model), order), job, order),
        )

        def make() -> bytes:
            data, checked = self.sandbox.export(self.objects.get(model.key), order, name=name)
            log.info("job %s as %s: %s bytes, %s faces", job.id, order.format.value, len(data), checked.face_count)
            return data

        return self._begin_making(made, make)

    def as_it_is(self, job: Job) -> Exported:
        """The file itself, whatever kind it is."""
        kind = _model_of(job).kind
        note = _note("", job, ExportOrder(format=Format.GLB)) if kind == "glb" else ""
        return Exported(key="", name=f"{slug(job.target_object)}.{kind}", media_type=MEDIA_TYPES[kind], note=note)

    def turntable(self, job: Job) -> Exported:
        """As `begin_turntable`, and waits for it."""
        return self.begin_turntable(job).result()

    def begin_turntable(self, job: Job) -> Future[Exported]:
        """An animated WebP, once around; otherwise as `begin_export`."""
        model = _glb_of(job)
        key = f"{model.sha256}/{VERSION}-turntable.webp"
        made = Exported(key=key, name=f"{slug(job.target_object)}.webp", media_type="image/webp")
        return self._begin_making(made, lambda: self.sandbox.turntable(self.objects.get(model.key)))

    def path(self, job: Job, exported: Exported) -> Path | None:
        """The file on this machine's disk, when there is one."""
        return self.exports.local_path(exported.key) if exported.key else self.true_files.path(_model_of(job))

    def read(self, job: Job, exported: Exported) -> bytes:
        """The file's bytes. Raises: ObjectMissing, StoreUnavailable."""
        return self.exports.get(exported.key) if exported.key else self.true_files.read(_model_of(job))

    # -- how

    def _begin_making(self, made: Exported, make: Callable[[], bytes]) -> Future[Exported]:
        """Those who ask together wait for one making; each gets the name and note of its own job."""
        if self.exports.exists(made.key):
            return done(made)

        def make_and_keep() -> None:
            if not self.exports.exists(made.key):  # it may have been made since
                self.exports.put(made.key, make(), media_type=made.media_type)

        return self._making.begin(made.key, make_and_keep, made)

    def begin_look(self, job: Job) -> Future[None] | None:
        """The look that is under way or begins now; None when there is nothing to wait for."""
        model = job.model
        if model is None or not model.is_glb or model.sha256 in self._reports:
            return None
        if self._failed(model)[0] >= MOST_TRIES:
            return None
        with self._lock:
            future, is_new = self._under_way.get(model.sha256), False
            if future is None:
                try:
                    future = self._pool.submit(self._look, job.id, model)
                except RuntimeError:  # the server is being stopped
                    return None
                self._under_way[model.sha256] = future
                is_new = True
        if is_new:
            future.add_done_callback(self._forget(model.sha256))  # at once when it is done: never under the lock
        return future

    def _forget(self, sha256: str) -> Callable[[Future[None]], None]:
        def forget(future: Future[None]) -> None:
            with self._lock:
                self._under_way.pop(sha256, None)

        return forget

    def _failed(self, model: StoredModel) -> tuple[int, str]:
        return self._failures.get(model.sha256) or (0, "")

    def _look(self, job_id: int, model: StoredModel) -> None:
        try:
            if self._kept_shape(model) is not None and self.objects.exists(_thumbnail_key(model)):
                return
            self._keep(model)
        except MaquetteError as exc:  # it is asked for again with the next page, and after a restart
            if isinstance(exc, SandboxFailed):
                tries = self._failed(model)[0]
                self._failures.put(model.sha256, (tries + 1, exc.message))
            log.warning("job %s: the model could not be looked at now: %s", job_id, exc.message)
        except Exception:
            log.exception("job %s: a fault of ours while its model was looked at", job_id)

    def _keep(self, model: StoredModel) -> None:
        try:
            looked = self.sandbox.look(self.objects.get(model.key))
        except ModelInvalid as exc:
            record: dict[str, object] = {"problem": exc.message}
        else:
            record = {"shape": asdict(looked.shape) if looked.shape is not None else None, "problem": looked.problem}
            self.objects.put(_thumbnail_key(model), looked.thumbnail, media_type="image/png")
        self.objects.put(_shape_key(model), json.dumps(record).encode(), media_type="application/json")

    def _known_header(self, model: StoredModel) -> HeaderFacts:
        """Read once in this process: files far away are fetched for it."""
        known = self._headers.get(model.sha256)
        if known is None:
            known = self._header(model)
            self._headers.put(model.sha256, known)
        return known

    def _header(self, model: StoredModel) -> HeaderFacts:
        """From the file on disk where there is one: only its description is read."""
        path = self.objects.local_path(model.key)
        if path is None:
            return read_header(self.objects.get(model.key))
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return read_header(mapped)
        except FileNotFoundError as exc:
            raise ObjectMissing(f"The stored file {model.key} is not there any more.") from exc
        except ValueError as exc:  # a file of no bytes
            raise ModelInvalid("The model file is empty.") from exc
        except OSError as exc:
            raise StoreUnavailable(f"The model's file could not be read ({exc.strerror}).") from exc

    def _kept_shape(self, model: StoredModel) -> tuple[ShapeFacts | None, str] | None:
        try:
            record = json.loads(self.objects.get(_shape_key(model)))
        except ObjectMissing:
            return None
        shape = record.get("shape")
        if shape is None:
            return None, str(record.get("problem", ""))
        shape |= {name: tuple(shape[name]) for name in ("centre_m", "extents_m")}
        return ShapeFacts(**shape), ""


def _model_of(job: Job) -> StoredModel:
    if job.model is None:
        raise ObjectMissing(f"Job {job.id} has no model yet.")
    return job.model


def _glb_of(job: Job) -> StoredModel:
    model = _model_of(job)
    if not model.is_glb:
        raise ModelInvalid(
            f"Job {job.id} made an {model.kind.upper()} file, which is given away as it is. "
            f"Other files are made of the model of job {job.source}."
        )
    return model


def _note(lost: str, job: Job, order: ExportOrder) -> str:
    """What whoever gets the file should know of it."""
    return " ".join(each for each in (lost, size_note(job.has_known_size, order)) if each)


def check_offered(order: ExportOrder) -> None:
    """Raises: ExportFailed, when this server lacks what the file needs; it is not offered then either."""
    if order.format not in extras.formats():
        made = ", ".join(FORMATS[each].label for each in extras.formats())
        raise ExportFailed(f"This server does not make {FORMATS[order.format].label} files. It makes: {made}.")
    if order.compression not in extras.packings():
        made = ", ".join(each.value for each in extras.packings())
        raise ExportFailed(f"This server does not pack with {order.compression.value}. It knows: {made}.")


def _shape_key(model: StoredModel) -> str:
    return f"{PurePosixPath(model.key).parent}/{model.sha256[:16]}.v{VERSION}.json"


def _thumbnail_key(model: StoredModel) -> str:
    return f"{PurePosixPath(model.key).parent}/{model.sha256[:16]}.v{VERSION}.png"


def _suffix(order: ExportOrder) -> str:
    """What tells two downloads of one model apart, in its file name."""
    parts = []
    if order.faces is not None:
        parts.append(f"{order.faces}-faces")
    if order.compression is not Compression.NONE:
        parts.append(order.compression.value)
    return "".join(f"-{part}" for part in parts)
