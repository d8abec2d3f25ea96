"""What the product keeps is for its own user: nobody else on this machine can read jobs, pictures, models or keys."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

DATABASE = "maquette.sqlite3"
OURS = frozenset({"files", "journal", "exports", "drafts", "spool", "cache", "lost+found"})
OTHERS = 0o077  # group and everybody
EVERYBODY = 0o007  # a file of keys may be lent to one group: systemd set-ups do so


def write_for_us_alone() -> None:
    """From here on, every new file and folder of this process and its children is closed to other users."""
    os.umask(OTHERS)


def close_folder(data_dir: Path, *, generators: Collection[str] = ()) -> Iterator[str]:
    """Close an existing data folder and what lies directly in it; yields a warning for each that stays open.

    Only what is ours is changed: `DATA_DIR` may have been pointed at a folder that others use as well. A generator's
    own folder has its name.
    """
    if os.name == "nt" or not data_dir.is_dir():  # a new one is made closed; Windows has no such modes
        return
    folder = data_dir.resolve()
    inside = sorted(folder.iterdir())
    ours = [path for path in inside if path.name in OURS.union(generators) or path.name.startswith((DATABASE, "."))]
    yield from _close(folder, may_change=ours == inside)
    for path in ours:
        yield from _close(path, may_change=not path.is_symlink())


def open_secrets(*files: Path) -> Iterator[str]:
    """A warning for each of these files that everybody on this machine can read."""
    for path in files:
        if os.name != "nt" and path.is_file() and path.stat().st_mode & EVERYBODY:
            yield (
                f"Every user of this machine can read {path}, which may hold keys. Close it: "
                f"chmod o= {shlex.quote(str(path))}"
            )


def _close(path: Path, *, may_change: bool) -> Iterator[str]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if may_change and mode & OTHERS:
            path.chmod(mode & ~OTHERS)
            mode = stat.S_IMODE(path.stat().st_mode)  # some file systems take the order and change nothing
        if not mode & OTHERS:
            return
        reason = "" if may_change else ". It was left as it is because others use it too"
    except FileNotFoundError:
        return  # it has just been moved or removed by another process
    except OSError as exc:
        reason = f". It could not be closed ({exc.strerror})"
    yield f"Other users of this machine can look into {path}{reason}. Close it: chmod go= {shlex.quote(str(path))}"
