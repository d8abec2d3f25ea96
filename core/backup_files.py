"""`python -m core.backup_files save | restore FOLDER`: pictures and models to a folder, and back to their store."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from core.domain.errors import MaquetteError
from core.privacy import write_for_us_alone
from core.progress_bar import Bar
from core.services.copy_files import Copied, CopyFiles, Place
from core.services.stored_files import recorded_files
from core.settings import load_settings
from core.storage import Kept, kept
from core.stores.files.object_store import LocalObjectStore

log = logging.getLogger("core.backup_files")
SAVE, RESTORE = "save", "restore"


def main(arguments: list[str] | None = None) -> int:
    """0 when every file that the job table names is there and compared; 1 with a sentence when not."""
    parser = argparse.ArgumentParser(
        prog="python -m core.backup_files",
        description="Copy the pictures and models that the job table names to a folder (save), or from it back to "
        "where the settings say (restore). Each is compared with the size and hash in its job's row. Cut off in the "
        "middle, run it again: it goes on where it was.",
    )
    parser.add_argument("direction", choices=(SAVE, RESTORE))
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    write_for_us_alone()
    try:
        found = kept(load_settings())
        try:
            copied = _copy(found, asked.folder, is_saved=asked.direction == SAVE)
        finally:
            found.close()
    except MaquetteError as exc:
        print(exc.message, file=sys.stderr)  # noqa: T201
        return 1
    where = asked.folder if asked.direction == SAVE else found.name
    print(f"{copied.files} files ({copied.file_bytes / 1e6:.1f} MB) are in {where}; each was compared.")  # noqa: T201
    if copied.missing:
        named = ", ".join(copied.missing[:5])
        print(f"{len(copied.missing)} files are not there to be copied: {named}", file=sys.stderr)  # noqa: T201
    return 1 if copied.missing else 0


def _copy(found: Kept, folder: Path, *, is_saved: bool) -> Copied:
    store = Place(name=found.name, objects=found.objects)
    backup = Place(name=str(folder), objects=LocalObjectStore(folder))
    files = list(recorded_files(found.rows))
    bar = Bar()
    bar.begin("files", len(files))
    try:
        source, target = (store, backup) if is_saved else (backup, store)
        return CopyFiles(source=source, target=target).run(files, advance=bar.advance)
    finally:
        bar.close()


if __name__ == "__main__":
    sys.exit(main())
