"""A process that forks lives on command: real processes, born in milliseconds. Speaks JSON lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.crash.life import Life, live, prepare

ROOT = Path(__file__).parents[2]


class Zygote:
    """The parent's side."""

    def __enter__(self) -> Zygote:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *args: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def start(self, life: Life) -> int:
        """The number of the new process."""
        return int(self._ask(do="start", life=asdict(life)))

    def wait(self, pid: int) -> str:
        """How it ended or that it stopped: `exit 0`, `SIGKILL`, `stopped`."""
        return str(self._ask(do="wait", pid=pid))

    def go_on(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)

    def run(self, life: Life) -> str:
        return self.wait(self.start(life))

    def _ask(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the zygote is gone")
        return json.loads(line)


def _start(life: Life) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            live(life)
            code = 0
        finally:
            os._exit(code)
    return pid


def _wait(pid: int) -> str:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return "stopped"
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit {os.WEXITSTATUS(status)}"


def main() -> None:
    prepare()
    for line in sys.stdin:
        command = json.loads(line)
        answer = (
            _start(Life(**{name: tuple(v) if isinstance(v, list) else v for name, v in command["life"].items()}))
            if command["do"] == "start"
            else _wait(command["pid"])
        )
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
