"""The TaskJournal port: one small file for each note, written aside, synced, and moved into place."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core.domain.errors import StorageFull
from core.ports.journal import TaskNote

log = logging.getLogger(__name__)


class LocalJournal:
    """Args: folder: made when it is missing; several processes of one machine may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, note: TaskNote) -> None:
        path = self._path(note)
        aside = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with aside.open("w", encoding="utf-8") as file:
                json.dump(asdict(note), file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            self._sync_folder()
        except OSError as exc:
            log.error("the note of task %s could not be written: %s", note.task_id, exc)
            raise StorageFull(
                f"The note of task {note.task_id} could not be written ({exc.strerror}). Free some space."
            ) from exc

    def notes(self) -> Sequence[TaskNote]:
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(_read(path))
            except FileNotFoundError:
                continue  # another process has just forgotten it
            except (OSError, ValueError, TypeError):
                log.exception("%s cannot be read; it is left where it is", path.name)
        return found

    def forget(self, note: TaskNote) -> None:
        path = self._path(note)
        try:
            is_same = _read(path) == note
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError):
            is_same = False
        if is_same:
            path.unlink(missing_ok=True)

    def _path(self, note: TaskNote) -> Path:
        """A name for each answer: another installation has jobs of the same numbers."""
        name = f"{note.job_id}-{note.attempt}"
        if note.names_its_table:
            identity = f"{note.installation} {note.project} {note.nonce} {note.task_id}"
            name += f"-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        return self._folder / f"{name}.json"

    def _sync_folder(self) -> None:
        if os.name == "nt":  # folders cannot be opened there; the move is journalled by the file system
            return
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: Path) -> TaskNote:
    return TaskNote(**json.loads(path.read_text(encoding="utf-8")))
