"""Composition root of the stores: where jobs and files of an installation are kept, by its settings."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import SettingsInvalid, StoreDamaged
from core.ports.archive import Rows
from core.ports.clock import Clock
from core.ports.job_store import JobStore
from core.ports.object_store import ListedStore, ObjectStore
from core.services.migrate import Installation
from core.settings import Settings
from core.stores.files.journal import LocalJournal
from core.stores.files.object_store import LocalObjectStore
from core.stores.files.remains import has_models, has_notes
from core.stores.sqlite.archive import SqliteArchive, SqliteRows
from core.stores.sqlite.job_store import SqliteJobStore
from core.stores.supabase.agenda import Agenda
from core.stores.supabase.archive import SupabaseArchive
from core.stores.supabase.connection import Connection
from core.stores.supabase.job_store import SupabaseJobStore
from core.stores.supabase.object_store import SupabaseObjectStore
from core.system_clock import SystemClock

LOOK_EVERY_S = 3.0  # a job that another server took starts within five seconds
EMPTY_TABLE = (
    "The job table is empty, but models or notes of earlier jobs lie beside it in DATA_DIR: it looks as if the table "
    "was lost. Nothing was sent, and the files are untouched. Put maquette.sqlite3 back from a backup and start again "
    '(docs/operations.md, "When the job table is damaged"). If you mean to begin anew, start once with START_EMPTY=on; '
    "the old files stay, but no job shows them."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Attributes:
    reads, pictures: of the same jobs and files, for whoever waits at a screen: they give up within seconds.
    """

    jobs: JobStore
    objects: ObjectStore
    reads: JobStore
    pictures: ObjectStore


def stores(settings: Settings, clock: Clock) -> Stores:
    """Supabase is not called here: a project that is away, or lacks the update, shows on the pages and passes."""
    if settings.uses_supabase and settings.supabase_url is not None and settings.supabase_key is not None:
        connection = Connection(settings.supabase_url, settings.supabase_key.get_secret_value())
        spool = of_project(settings, "spool")
        ticks = Agenda(connection, clock, fresh_s=LOOK_EVERY_S)
        remote = SupabaseJobStore(connection, has_remains=lambda: _has_remains(settings, models=spool), agenda=ticks)
        quick = connection.quick()
        reads = SupabaseJobStore(quick, agenda=Agenda(quick, clock, fresh_s=LOOK_EVERY_S, ticks=ticks))
        cache = of_project(settings, "cache")
        return Stores(
            jobs=remote,
            reads=reads,
            objects=SupabaseObjectStore(connection, cache=cache, installation=_files_of(remote)),
            pictures=SupabaseObjectStore(connection.quick(), cache=cache, installation=_files_of(reads)),
        )
    jobs = SqliteJobStore(settings.data_dir / "maquette.sqlite3", clock)
    files = settings.data_dir / "files"
    if jobs.last_change() == 0 and _has_remains(settings, models=files / "models"):
        jobs.close()
        raise StoreDamaged(EMPTY_TABLE)
    objects = LocalObjectStore(files)
    return Stores(jobs=jobs, objects=objects, reads=jobs, pictures=objects)


def _files_of(jobs: JobStore) -> Callable[[], str]:
    """Which job table the files belong to, asked for once."""
    return functools.cache(lambda: jobs.installation().id)


def _has_remains(settings: Settings, *, models: Path) -> bool:
    """Whether this machine holds anything of jobs that an empty table does not know of."""
    return not settings.start_empty and (has_models([models]) or has_notes(settings.data_dir / "journal"))


def of_project(settings: Settings, name: str) -> Path:
    """A folder of this machine for one project alone: two projects have jobs of the same numbers."""
    return settings.data_dir / name / hashlib.sha256((settings.supabase_url or "").encode()).hexdigest()[:12]


def journal_of(settings: Settings, generator: str) -> LocalJournal:
    """Notes of paid answers, of every table that this machine ever worked with: each note names its own."""
    return LocalJournal(settings.data_dir / "journal" / generator)


def spool_of(settings: Settings) -> LocalObjectStore | None:
    """For models on their way to Storage; None where they are stored on this disk itself."""
    return LocalObjectStore(of_project(settings, "spool")) if settings.uses_supabase else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What an installation keeps, to be looked at without any of it being changed. `name` is for people."""

    name: str
    rows: Rows
    objects: ListedStore
    close: Callable[[], None] = lambda: None


def kept(settings: Settings) -> Kept:
    """The rows and files that these settings name. Raises: StoreUnavailable, StoreDamaged."""
    if settings.uses_supabase and settings.supabase_url is not None and settings.supabase_key is not None:
        connection = Connection(settings.supabase_url, settings.supabase_key.get_secret_value())
        files = SupabaseObjectStore(connection, cache=None)
        return Kept(name="Supabase", rows=SupabaseArchive(connection), objects=files, close=connection.close)
    folder = settings.data_dir
    rows = SqliteRows(folder / "maquette.sqlite3")
    return Kept(name=f"SQLite in {folder}", rows=rows, objects=LocalObjectStore(folder / "files"))


def installations(settings: Settings, *, data_dir: Path | None = None) -> tuple[Installation, Installation]:
    """For a move: what is in a folder, and what is in Supabase. Raises: SettingsInvalid, StoreUnavailable."""
    if settings.supabase_url is None or settings.supabase_key is None:
        raise SettingsInvalid(
            "SUPABASE_URL and SUPABASE_KEY are not set, and a move needs both. See docs/migration.md."
        )
    folder = data_dir or settings.data_dir
    file = folder / "maquette.sqlite3"
    connection = Connection(settings.supabase_url, settings.supabase_key.get_secret_value())
    local = Installation(
        name=f"SQLite in {folder}",
        jobs=SqliteJobStore(file, SystemClock()),
        archive=SqliteArchive(file),
        objects=LocalObjectStore(folder / "files"),
    )
    remote = Installation(
        name="Supabase",
        jobs=SupabaseJobStore(connection),
        archive=SupabaseArchive(connection),
        objects=SupabaseObjectStore(connection, cache=None),
    )
    return local, remote
