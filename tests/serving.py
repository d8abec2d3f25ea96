"""The real product as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from core.settings import Settings

ROOT = Path(__file__).parents[1]
START_S = 40.0


class ServerProcess:
    """`streamlit run app.py` on a free port of the loopback interface."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.port = free_port()
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / f"server-{self.port}.log"
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)]
        self.process = start(command, self.log, {"DATA_DIR": data_dir} | settings)

    def wait_until_healthy(self) -> None:
        pause = threading.Event()
        for _ in range(int(START_S / 0.05)):
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.log.read_text()}")
            try:
                if httpx.get(f"{self.address}/api/health", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            pause.wait(0.05)
        raise AssertionError(f"the server was not healthy in {START_S} s: {self.log.read_text()}")

    def post(self, picture: bytes, name: str) -> int:
        """Submit by REST; the job's number."""
        answer = httpx.post(
            f"{self.address}/api/generate-3d",
            files={"image": ("a.jpg", picture)},
            data={"targetObject": name},
            timeout=30,
        )
        assert answer.status_code == 202, answer.text
        return int(answer.json()["record_id"])

    def status(self, job_id: int) -> dict[str, Any]:
        answer = httpx.get(f"{self.address}/api/generation-status/{job_id}", timeout=30)
        return dict(answer.json())

    def wait_for_end(self, job_id: int, *, patience_s: float = 90) -> dict[str, Any]:
        pause = threading.Event()
        for _ in range(int(patience_s / 0.1)):
            status = self.status(job_id)
            if status["status"] != "running":
                return status
            pause.wait(0.1)
        raise AssertionError(f"job {job_id} did not end in {patience_s} s: {status}\n{self.log.read_text()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Seconds it took to end."""
        started_s = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return time.monotonic() - started_s


def start(command: list[str], log: Path, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    """A process of the product, with these settings and no others of its own."""
    ours = {name.upper() for name in Settings.model_fields}
    surroundings = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    chosen = {name: str(value) for name, value in settings.items()}
    with log.open("wb") as file:
        return subprocess.Popen(command, cwd=ROOT, env=surroundings | chosen, stdout=file, stderr=subprocess.STDOUT)


@contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[ServerProcess]:
    """A healthy server, ended at the end of the block."""
    server = ServerProcess(data_dir, **settings)
    try:
        server.wait_until_healthy()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
