"""Several models in one zip, with a manifest of where each came from and what is known of it."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.domain.errors import InputRefused, MaquetteError
from core.domain.export import ExportOrder
from core.domain.job import Job
from core.mesh.verdicts import verdicts
from core.services.inspect import Inspect, check_offered
from core.services.overview import Overview

MOST_JOBS = 200
MOST_S = 600.0  # what is not made by then is named in the manifest
FIELDS = ("job", "object", "status", "file", "note", "made_by", "submitted", "finished", "credits", "faces", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The use case."""

    overview: Overview
    inspect: Inspect

    def write(self, numbers: Sequence[int], order: ExportOrder, target: Path) -> int:
        """A zip at `target`; how many models are in it. A job without a model is in the manifest, with the reason.

        Raises: InputRefused, ExportFailed, JobNotFound, StoreUnavailable.
        """
        if not 0 < len(set(numbers)) <= MOST_JOBS:
            raise InputRefused(f"Choose between 1 and {MOST_JOBS} jobs.")
        check_offered(order)
        rows, count = [], 0
        ends_s = time.monotonic() + MOST_S
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # the files are compressed in themselves
            for number in sorted(set(numbers)):
                row, file = self._entry(self.overview.job(number), order, is_late=time.monotonic() > ends_s)
                rows.append(row)
                if file is not None:
                    archive.writestr(row["file"], file)
                    count += 1
            archive.writestr("manifest.json", json.dumps(rows, indent=1, ensure_ascii=False))
            archive.writestr("manifest.csv", _table(rows))
        return count

    def _entry(self, job: Job, order: ExportOrder, *, is_late: bool) -> tuple[dict[str, Any], bytes | None]:
        row: dict[str, Any] = {
            "job": job.id,
            "object": job.target_object,
            "status": job.status.value,
            "file": "",
            "note": job.error_message or "",
            "made_by": job.generator,
            "options": asdict(job.options),
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
            data = self.inspect.read(job, exported)
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
        return row, data


def _table(rows: Iterable[dict[str, Any]]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, FIELDS, extrasaction="ignore", lineterminator="\r\n")
    table.writeheader()
    for row in rows:
        table.writerow({name: _harmless(row[name]) for name in FIELDS})
    return "\ufeff" + out.getvalue()  # so that spreadsheets read the letters right


def _harmless(value: Any) -> Any:
    """No text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
