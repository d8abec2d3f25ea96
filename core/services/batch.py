"""Several models in one zip, with a manifest of where each came from and what is known of it."""

from __future__ import annotations

import csv
import errno
import io
import json
import threading
import time
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.domain.errors import InputRefused, MaquetteError, StorageFull
from core.domain.export import ExportOrder
from core.domain.job import Job
from core.domain.request import JobRequest
from core.mesh.verdicts import verdicts
from core.services.inspect import Inspect, check_offered
from core.services.overview import Overview
from core.services.zip_size import MOST_BYTES, check_before, megabytes, too_large

MOST_JOBS = 200
MOST_S = 600.0  # what is not made by then is named in the manifest
FORMULA_SIGNS = frozenset("=+-@")
FIELDS = ("job", "object", "status", "file", "note", "made_by", "submitted", "finished", "credits", "faces", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The use case.

    Attributes:
        most_bytes: of one zip.
    """

    overview: Overview
    inspect: Inspect
    most_bytes: int = MOST_BYTES
    _is_closed: threading.Event = field(default_factory=threading.Event, init=False)

    def close(self) -> None:
        """End what is under way: what is not made yet is left out."""
        self._is_closed.set()

    def write(self, numbers: Sequence[int], order: ExportOrder, target: Path) -> int:
        """A zip at `target`; how many models are in it. A job without a model is in the manifest, with the reason.

        Raises: InputRefused (too_large for more bytes than one zip holds), ExportFailed, JobNotFound, StorageFull,
            StoreUnavailable.
        """
        if not 0 < len(set(numbers)) <= MOST_JOBS:
            raise InputRefused(f"Choose between 1 and {MOST_JOBS} jobs.")
        check_offered(order)
        jobs = [self.overview.job(number) for number in sorted(set(numbers))]
        check_before(jobs, order, most=self.most_bytes)
        try:
            return self._write(jobs, order, target)
        except OSError as exc:
            if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise StorageFull(
                "The disk is full, so the zip could not be written. Free some space, or ask for fewer jobs at a time."
            ) from exc

    def _write(self, jobs: Sequence[Job], order: ExportOrder, target: Path) -> int:
        rows, count, total = [], 0, 0
        ends_s = time.monotonic() + MOST_S
        # the files are compressed in themselves
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for done, job in enumerate(jobs):
                is_late = time.monotonic() > ends_s or self._is_closed.is_set()
                row, file = self._entry(job, order, is_late=is_late)
                rows.append(row)
                if file is None:
                    continue
                size_bytes = _add(archive, row, file)
                total, count = total + size_bytes, count + (size_bytes > 0)
                if total > self.most_bytes:
                    what = f"The first {done + 1} of these files are {megabytes(total)}"
                    raise too_large(what, jobs[:done], most=self.most_bytes)
            archive.writestr("manifest.json", json.dumps(rows, indent=1, ensure_ascii=False))
            archive.writestr("manifest.csv", _table(rows))
        return count

    def _entry(self, job: Job, order: ExportOrder, *, is_late: bool) -> tuple[dict[str, Any], Path | bytes | None]:
        row: dict[str, Any] = {
            "job": job.id,
            "object": job.target_object,
            "status": job.status.value,
            "file": "",
            "note": job.error_message or "",
            "made_by": job.generator,
            "kind": job.kind.value,
            "request": {} if job.request is None else _shown(job.request),
            "submitted": job.created_at.isoformat(),
            "finished": None if job.finished_at is None else job.finished_at.isoformat(),
            "credits": None if job.credits_used is None else str(job.credits_used),
            "picture": None if job.image is None else {"name": job.image.name, "sha256": job.image.sha256},
            "faces": None if job.model is None else job.model.face_count,
            "bytes": None if job.model is None else job.model.size_bytes,
        }
        if job.model is None:
            row["note"] = row["note"] or "There is no model."
            return row, None
        if is_late:
            row["note"] = "There was no time left for this one. Ask for it again: what was made is kept."
            return row, None
        try:
            exported = self.inspect.export(job, order) if job.model.is_glb else self.inspect.as_it_is(job)
            file = self.inspect.path(job, exported) or self.inspect.read(job, exported)
            report = self.inspect.report(job)
        except MaquetteError as exc:
            row["note"] = exc.message
            return row, None
        made_of = report.header.note if report is not None and report.header.has_no_object else ""
        notes = [each for each in (made_of, exported.note) if each]
        row["file"], row["note"] = f"{job.id}-{exported.name}", " ".join(notes) or row["note"]
        if report is not None:
            row["report"] = {"header": asdict(report.header), "shape": report.shape and asdict(report.shape)}
            row["size_known"] = report.is_size_known
            row["fit_for"] = {each.use.value: [each.light.value, each.reason] for each in verdicts(report)}
        return row, file


def _add(archive: zipfile.ZipFile, row: dict[str, Any], file: Path | bytes) -> int:
    """Its bytes; 0 for a file that had to make room for others a moment ago."""
    if isinstance(file, bytes):
        archive.writestr(row["file"], file)
    else:
        try:
            archive.write(file, row["file"])
        except FileNotFoundError:
            row |= {"file": "", "note": "It had to make room for other files. Ask for it again, or for fewer at once."}
            return 0
    return archive.getinfo(row["file"]).file_size


def _table(rows: Iterable[dict[str, Any]]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, FIELDS, extrasaction="ignore", lineterminator="\r\n")
    table.writeheader()
    for row in rows:
        table.writerow({name: _harmless(row[name]) for name in FIELDS})
    return "\ufeff" + out.getvalue()  # so that spreadsheets read the letters right


def _harmless(value: Any) -> Any:
    """No text that a spreadsheet would run as a formula: full-width signs count as well, and space before a sign."""
    if not isinstance(value, str):
        return value
    first = unicodedata.normalize("NFKC", value.lstrip()[:1])
    return f"'{value}" if first in FORMULA_SIGNS or value[:1].isspace() else value


def _shown(request: JobRequest) -> dict[str, Any]:
    """What was asked for, without where the pictures are kept."""
    fields = {name: value for name, value in request.to_json().items() if name not in ("kind", "image", "inputs")}
    views = {slot.value: {"name": image.name, "sha256": image.sha256} for slot, image in request.inputs().items()}
    return fields | ({"pictures": views} if views else {})
