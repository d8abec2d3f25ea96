"""A real server that speaks Supabase's REST and Storage, over a real PostgreSQL, for the tests.

    with SupabaseLite(durable=False) as supabase:
        supabase.sql_file(Path("schema.sql"))
        supabase.restart_rest()
        client = create_client(supabase.url, supabase.secret_key)

Source: `@supabase/lite` 0.10.0, its docs folder and its `lite start --help`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.serving import free_port
from tests.supabase.install import LITE, install, node
from tests.supabase.postgres import Postgres, run

START_S = 30.0
HANGS_S = 8.0
STOP_S = 10.0
CONFIG = """\
[api]
enabled = true
port = {port}

[db]
driver = "postgres"
url = "{database_url}"

[auth]
enabled = true
jwt_secret = "{jwt_secret}"
publishable_key = "env(SUPABASE_PUBLISHABLE_KEY)"
secret_key = "env(SUPABASE_SECRET_KEY)"

[storage]
enabled = true
file_size_limit = "50MiB"
"""


class SupabaseLite:
    """Both servers, from the start of the `with` block to its end; nothing of them is left behind.

    `url`, `secret_key` (role service_role) and `anon_key` (role anon) are what a client needs; `database_url` is for
    psql, as superuser. `durable=False` is for speed: `restart_postgres(immediate=True)` may then lose acknowledged
    commits. The tests of one process may have several at a time; one object serves one `with` block.

    The REST server dies (an uncaught TypeError in postgres.js 3.4.9) when its database connection is lost under a
    request. It is then started again within about half a second, and `rest_crashes` counts it. It can also stay and
    answer nothing any more: `wait_for_rest` then ends it, as a platform's health check would, and it starts again.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self.durable = durable
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret_key = ""
        self.anon_key = ""
        self.rest_crashes = 0
        self._rest: subprocess.Popen[bytes] | None = None
        self._is_supervised = False
        self._has_ended = threading.Event()
        self._lock = threading.Lock()
        self._supervisor = threading.Thread(target=self._supervise, name="supabase-lite", daemon=True)

    def __enter__(self) -> Self:
        install()
        self.folder = Path(tempfile.mkdtemp(prefix="supabase-lite-"))
        self.folder.chmod(0o711)  # the user postgres must reach its data in it
        self.rest_log = self.folder / "rest.log"
        self._supervisor.start()
        try:
            self.postgres = Postgres(self.folder, durable=self.durable)
            self.database_url = self.postgres.url
            self.postgres.create()
            self.postgres.start()
            self._configure()
            self.start_rest()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def sql(self, text: str) -> str:
        """Run as superuser; what psql prints, unaligned and without headers.

        Raises RuntimeError with psql's words at the first error. A changed schema is seen after `restart_rest`.
        """
        return self.postgres.sql(text)

    def sql_file(self, path: Path) -> str:
        return self.postgres.sql_file(path)

    def terminate_backends(self) -> int:
        """Cut all connections to the database; how many there were."""
        return self.postgres.terminate_backends()

    def keep_as_made(self) -> None:
        """Remember all there is for `make_anew`; nothing answers until then."""
        self._end_rest(signal.SIGKILL)
        self.terminate_backends()
        self.postgres.keep_as_made()

    def make_anew(self) -> None:
        """As at `keep_as_made`: no table, function, row or bucket that came later is left."""
        self._end_rest(signal.SIGKILL)
        self.postgres.make_anew()
        self.start_rest()

    def restart_postgres(self, *, immediate: bool) -> None:
        """Stop (`immediate`: as in a crash) and start the database; a request under way fails, see `rest_crashes`."""
        self.postgres.stop(immediate=immediate)
        self.postgres.start()

    def restart_rest(self) -> None:
        """Stop and start the REST server only: it reads the schema when it starts."""
        self._end_rest(signal.SIGTERM)
        self.start_rest()

    def kill_rest(self) -> None:
        """As in a crash; nothing listens at `url` until `start_rest`."""
        self._end_rest(signal.SIGKILL)

    def start_rest(self) -> None:
        """Back when it answers with the secret key; from then on it is started again when it ends by itself."""
        with self._lock:
            self._spawn_rest()
        self.wait_for_rest()
        self._is_supervised = True

    def wait_for_rest(self) -> None:
        """Back when the REST server and its database answer."""
        pause = threading.Event()
        ended, asked_since = time.monotonic() + START_S, time.monotonic()
        while time.monotonic() < ended:
            if self._is_rest_ready():
                return
            if self._is_supervised and time.monotonic() > asked_since + HANGS_S:
                self._kill_hanging()
                asked_since = time.monotonic()
            if not self._is_supervised and self._rest is not None and self._rest.poll() is not None:
                raise RuntimeError(f"`lite start` ended with {self._rest.returncode}:\n{self.rest_log.read_text()}")
            pause.wait(0.02)
        raise RuntimeError(f"the REST server did not answer in {START_S} s:\n{self.rest_log.read_text()}")

    def _spawn_rest(self) -> None:
        # Without --no-admin a request without any key is served as service_role, unlike the hosted service.
        command = [str(node()), str(LITE), "start", "--host", "127.0.0.1", "--no-admin"]
        keys = {"SUPABASE_SECRET_KEY": self.secret_key, "SUPABASE_PUBLISHABLE_KEY": self.anon_key}
        with self.rest_log.open("ab") as log:
            self._rest = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | keys | {"EXPERIMENTAL_STORAGE": "1", "DO_NOT_TRACK": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _supervise(self) -> None:
        """Start the REST server again when it ended by itself, as the hosted service does."""
        while not self._has_ended.wait(0.05):
            with self._lock:
                if self._is_supervised and self._rest is not None and self._rest.poll() is not None:
                    self.rest_crashes += 1
                    self._spawn_rest()

    def _kill_hanging(self) -> None:
        with self._lock:
            if self._rest is not None and self._rest.poll() is None:
                os.killpg(self._rest.pid, signal.SIGKILL)
                self._rest.wait(STOP_S)

    def _is_rest_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/storage/v1/bucket", headers={"apikey": self.secret_key}, timeout=5)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    def _configure(self) -> None:
        run([str(node()), str(LITE), "generate-keys"], folder=self.folder)
        lines = (self.folder / ".env").read_text().splitlines()
        keys = dict(line.split("=", 1) for line in lines if "=" in line)
        self.secret_key = keys["SUPABASE_SECRET_KEY"]
        self.anon_key = keys["SUPABASE_PUBLISHABLE_KEY"]
        config = self.folder / "supabase" / "config.toml"
        config.parent.mkdir()
        config.write_text(
            CONFIG.format(port=self.port, database_url=self.database_url, jwt_secret=secrets.token_urlsafe(48))
        )

    def _end_rest(self, how: signal.Signals) -> None:
        with self._lock:
            self._is_supervised = False
            if self._rest is not None and self._rest.poll() is None:
                os.killpg(self._rest.pid, how)
                try:
                    self._rest.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    os.killpg(self._rest.pid, signal.SIGKILL)
                    self._rest.wait(STOP_S)
            self._rest = None

    def _end(self) -> None:
        self._has_ended.set()
        try:
            self._supervisor.join(STOP_S)
            self._end_rest(signal.SIGKILL)
        finally:
            try:
                if hasattr(self, "postgres"):
                    self.postgres.stop(immediate=True)
            finally:
                shutil.rmtree(self.folder, ignore_errors=True)
