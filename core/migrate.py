"""`python -m core.migrate to-supabase | to-sqlite`: move jobs, events and files to the other store."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from core.connected import known
from core.domain.errors import MaquetteError, MigrationRefused
from core.ports.job_store import JobStore
from core.privacy import close_folder, write_for_us_alone
from core.progress_bar import Bar
from core.services.migrate import Installation, Migrate, Moved
from core.services.sweep_spool import awaited
from core.settings import Settings, load_settings
from core.storage import installations, journal_of, spool_of

log = logging.getLogger("core.migrate")
NAMES = tuple(each.name for each in known())


def move(source: Installation, target: Installation) -> Moved:
    bar = Bar()
    try:
        return Migrate(source=source, target=target, progress=bar, generators=NAMES).run()
    finally:
        bar.close()
        for side in (source, target):
            side.jobs.close()


def main(arguments: list[str] | None = None) -> int:
    """0 when everything is there and compared; 1 with a sentence when not."""
    parser = argparse.ArgumentParser(
        prog="python -m core.migrate",
        description="Move an installation between SQLite with local files (in DATA_DIR) and Supabase. Stop all its "
        "servers and workers first. Cut off in the middle, run it again: it goes on where it was.",
    )
    parser.add_argument("direction", choices=("to-supabase", "to-sqlite"))
    parser.add_argument(
        "--data-dir", type=Path, help="the folder of the SQLite side, when it is not DATA_DIR of the settings"
    )
    asked = parser.parse_args(arguments)
    write_for_us_alone()
    try:
        settings = load_settings()
        local, remote = installations(settings, data_dir=asked.data_dir)
        for warning in close_folder(asked.data_dir or settings.data_dir, generators=NAMES):
            log.warning(warning)
        if asked.direction == "to-sqlite":
            check_settled(settings, remote.jobs)
        moved = move(local, remote) if asked.direction == "to-supabase" else move(remote, local)
    except MaquetteError as exc:
        print(exc.message, file=sys.stderr)  # noqa: T201
        return 1
    print(tell(moved, remote if asked.direction == "to-supabase" else local))  # noqa: T201
    return 0


def check_settled(settings: Settings, jobs: JobStore) -> None:
    """Nothing paid may be left that only this machine knows of. Raises: MigrationRefused.

    What belongs to another table, or to a job that has ended, stays where it is: it has nothing to do with this move.
    """
    home = jobs.installation()
    journal = settings.data_dir / "journal"
    notes = [note for name in NAMES for note in journal_of(settings, name).notes()]
    foreign = sum(note.names_its_table and not note.home.is_same(home) for note in notes)
    spool = spool_of(settings)
    left = sum(path.is_file() for path in journal.rglob("*")) - foreign + len(awaited(jobs, spool) if spool else ())
    if left:
        raise MigrationRefused(
            f"{left} paid answers or models are still on their way in {settings.data_dir} (spool, journal). Start a "
            "worker, wait until they are stored, stop it, and run this again. Do the same with every machine that "
            'worked. What stays: docs/operations.md, "Notes that fit no job".'
        )


def tell(moved: Moved, target: Installation) -> str:
    """What a person reads at the end."""
    lines = [
        f"{moved.rows['generated_images']} jobs with {moved.rows['job_events']} events and {moved.files} files "
        f"({moved.file_bytes / 1e6:.1f} MB) are in {target.name} now; rows and hashes were compared on both sides."
    ]
    if moved.missing:
        lines.append(f"{len(moved.missing)} files were gone before the move: {', '.join(moved.missing[:5])}")
    lines.append("The old installation starts no more work, so that nothing is ordered twice. Keep it as a backup.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
