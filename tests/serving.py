"""The real product as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import random
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
START_S = 120.0  # two at a time on a busy machine; a healthy one takes seconds
STOP_S = 30.0
PORTS = range(15_000, 32_000)  # below those that the system gives to outgoing connections


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

    def wait_for_end(self, job_id: int, *, patience_s: float = 180) -> dict[str, Any]:
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
        end(self.process, how)
        return time.monotonic() - started_s


def start(command: list[str], log: Path, settings: dict[str, Any], *, folder: Path = ROOT) -> subprocess.Popen[bytes]:
    """A process of the product, with these settings and no others of its own."""
    ours = {name.upper() for name in Settings.model_fields}
    surroundings = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    chosen = {name: str(value) for name, value in settings.items()}
    with log.open("wb") as file:
        return subprocess.Popen(command, cwd=folder, env=surroundings | chosen, stdout=file, stderr=subprocess.STDOUT)


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End it and see it end. Raises: TimeoutExpired when it had to be killed; nothing of it is left then either."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()  # one that is not waited for is a warning in whatever test comes next
            raise


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
    """A port that nothing listens at, and that no outgoing connection takes before the server that is to have it."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise AssertionError("a hundred ports were tried, and all are taken")


_given: set[int] = set()
