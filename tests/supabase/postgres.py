"""A real PostgreSQL of its own on a free port of the loopback interface, for the tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from tests.serving import free_port

START_S = 30.0
STOP_S = 30.0
COMMAND_S = 180.0


def run(command: list[str], *, folder: Path, user: str | None = None, text_in: str | None = None) -> str:
    """The standard output; raises RuntimeError with the command and all it said when it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        user=user,
        extra_groups=[] if user else None,
        input=text_in,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    if done.returncode:
        asked = f"\n--- given\n{text_in}" if text_in else ""
        raise RuntimeError(
            f"`{' '.join(command)}` ended with {done.returncode}{asked}\n--- said\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def binaries() -> Path:
    """The folder of the newest PostgreSQL of Debian, else of the one on PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which("postgres")
    if found is None:
        raise RuntimeError("PostgreSQL was not found: `apt-get install -y postgresql`, or put its bin folder on PATH")
    return Path(found).resolve().parent


class Postgres:
    """One cluster in `folder`/data, superuser `postgres`, open to the loopback interface without a password.

    `durable=False` (no fsync, no synchronous commit) is faster and forgets: `stop(immediate=True)` may lose the last
    commits that were acknowledged. Only a durable one proves that nothing is lost.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.durable = durable
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.log = folder / "postgres.log"
        self.binaries = binaries()
        self.data = folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root; Debian's package makes this user.
        self.user = "postgres" if os.geteuid() == 0 else None

    def create(self) -> None:
        self.data.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.data, self.user)
        initdb = [str(self.binaries / "initdb"), "--pgdata", str(self.data), "--username=postgres", "--auth=trust"]
        run([*initdb, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], folder=self.folder, user=self.user)

    def start(self) -> None:
        """Back when it answers, after its recovery where it was killed."""
        chosen = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            "search_path": '"$user", public, extensions',  # as in a hosted project
            "fsync": "on" if self.durable else "off",
            "synchronous_commit": "on" if self.durable else "off",
        }
        settings = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.data), *settings],
                cwd=self.folder,
                user=self.user,
                extra_groups=[] if self.user else None,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pause = threading.Event()
        ready = [str(self.binaries / "pg_isready"), "--quiet", "--dbname", self.url]
        for _ in range(int(START_S / 0.05)):
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}:\n{self.log.read_text()}")
            if subprocess.run(ready, check=False, timeout=COMMAND_S).returncode == 0:
                return
            pause.wait(0.05)
        raise RuntimeError(f"PostgreSQL did not answer in {START_S} s:\n{self.log.read_text()}")

    def stop(self, *, immediate: bool = False) -> None:
        """Fast: open transactions are rolled back. Immediate: as in a crash, the next start recovers."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(STOP_S)
                raise
        self.process = None

    def keep_as_made(self) -> None:
        """Remember the database as it is now, for `make_anew`. Nobody may be connected to it."""
        self._psql(["--command=create database as_made template postgres"], database="template1")

    def make_anew(self) -> None:
        """The database as it was at `keep_as_made`; whoever is connected is cut off."""
        for command in ("drop database postgres with (force)", "create database postgres template as_made"):
            self._psql([f"--command={command}"], database="template1")

    def sql(self, text: str) -> str:
        """What psql prints, unaligned and without headers; raises RuntimeError with psql's words at the first error."""
        return self._psql(["--file=-"], text_in=text)

    def sql_file(self, path: Path) -> str:
        return self._psql([f"--file={path.resolve()}"])

    def terminate_backends(self) -> int:
        """How many clients lost their connection."""
        ended = self.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        return len(re.findall("^t$", ended, re.MULTILINE))

    def _psql(self, arguments: list[str], *, text_in: str | None = None, database: str = "postgres") -> str:
        psql = [str(self.binaries / "psql"), "--no-psqlrc", "--quiet", "-At", "-v", "ON_ERROR_STOP=1"]
        return run(
            [*psql, "--dbname", self.url.removesuffix("postgres") + database, *arguments],
            folder=self.folder,
            text_in=text_in,
        )
