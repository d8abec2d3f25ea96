"""`python -m core.doctor`: whether the files of this installation are those that its jobs have on record."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from core.domain.errors import MaquetteError
from core.progress_bar import Bar
from core.services.file_check import Checked, Fault, FileCheck
from core.settings import load_settings
from core.storage import Kept, kept

WELL, UNWELL, NOT_LOOKED = 0, 1, 2
MOST_SHOWN = 20
PUT_BACK = (
    "Put them back from a backup, under the same names (docs/deploy.md, Backup and restore). Without one, a model may "
    "still be in the account of the generator that made it, for some days. A job can be made again, which costs as "
    "much as the first time."
)


def main(arguments: list[str] | None = None) -> int:
    """Raises: SystemExit for arguments that are none."""
    parser = argparse.ArgumentParser(
        prog="python -m core.doctor",
        description="Compare the job table with the stored pictures and models, and say what is missing, changed or "
        "foreign. It looks where the settings say (SQLite and DATA_DIR, or Supabase), changes nothing, and may run "
        "while Maquette works.",
        epilog="It ends with 0 when all is well, 1 when files are missing or changed, 2 when it could not look.",
    )
    parser.add_argument(
        "--hashes",
        action="store_true",
        help="read every file and compare its hash, not only name and size",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"name every file, not only the first {MOST_SHOWN} of a kind"
    )
    asked = parser.parse_args(arguments)
    try:
        found = kept(load_settings())
        try:
            checked = _look(found, reads_all=asked.hashes)
        finally:
            found.close()
    except MaquetteError as exc:
        print(exc.message, file=sys.stderr)  # noqa: T201
        return NOT_LOOKED
    print("\n".join(report(checked, name=found.name, reads_all=asked.hashes, most=None if asked.all else MOST_SHOWN)))  # noqa: T201
    return WELL if checked.is_well else UNWELL


def _look(found: Kept, *, reads_all: bool) -> Checked:
    bar = Bar()
    try:
        if reads_all:
            bar.begin("files", found.rows.count("generated_images"))
        return FileCheck(rows=found.rows, objects=found.objects).run(reads_all=reads_all, advance=bar.advance)
    finally:
        bar.close()


def report(checked: Checked, *, name: str, reads_all: bool, most: int | None) -> list[str]:
    """What an operator reads, a line each."""
    how = "by name, size and hash" if reads_all else "by name and size; --hashes reads each one, too"
    lines = [f"{name}: {checked.jobs} jobs have {checked.files} pictures and models on record. Compared {how}."]
    if checked.missing:
        lines += [f"Missing: {len(checked.missing)} files that jobs have on record are not there."]
        lines += _shown([_told(each) for each in checked.missing], most)
    if checked.changed:
        lines += [f"Changed: {len(checked.changed)} files are not the ones that were stored. They are not shown."]
        lines += _shown([_told(each) for each in checked.changed], most)
    if checked.foreign:
        lines += [
            f"Foreign: {len(checked.foreign)} files belong to no job. They do no harm; after a restore they may be "
            "models that were paid since the backup, so look before you remove them."
        ]
        lines += _shown(checked.foreign, most)
    lines.append("All is well." if checked.is_well else PUT_BACK)
    return lines


def _told(fault: Fault) -> str:
    return f"job {fault.job_id}: {fault.key}" + (f" ({fault.why})" if fault.why else "")


def _shown(texts: Sequence[str], most: int | None) -> list[str]:
    shown = [f"  {each}" for each in texts[:most]]
    left = len(texts) - len(shown)
    return [*shown, f"  … and {left} more (--all names them)"] if left else shown


if __name__ == "__main__":
    sys.exit(main())
